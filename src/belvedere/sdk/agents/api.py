"""The agent API: what an application decorates its functions with, or enters.

Each is used four ways, on functions, coroutine functions, generators and asynchronous generators,
methods, class methods and static methods:

    @agent                                  # named after the function
    @agent("researcher", model="gpt-5")     # named
    with agent("researcher") as run: ...
    async with agent("researcher") as run: ...

Inside a decorated function `AgentRun.current()`, `ModelCall.current()` and so on give the run.
Without an SDK all of it does nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Unpack, overload

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents.kinds import AgentRun, RetrievalRun, TaskRun, ToolCall, WorkflowRun
from belvedere.sdk.agents.model import ModelCall, RequestParameters, request_attributes
from belvedere.sdk.agents.operation import Kind, Operation

F = TypeVar("F", bound=Callable[..., Any])
Attributes = Mapping[str, AttributeValue] | None


def _whole(qualified: str) -> str | None:
    return qualified


def _last(qualified: str) -> str | None:
    return qualified.rpartition(".")[2]


def _nothing(qualified: str) -> str | None:
    del qualified
    return None


_WORKFLOW = Kind("invoke_workflow", names.WORKFLOW_NAME, WorkflowRun, _whole)
_AGENT = Kind("invoke_agent", names.AGENT_NAME, AgentRun, _whole)
_TASK = Kind(None, names.TASK_NAME, TaskRun, _whole)
_TOOL = Kind("execute_tool", names.TOOL_NAME, ToolCall, _last)  # as the model knows it
_MODEL_CALL = Kind("chat", names.REQUEST_MODEL, ModelCall, _nothing)
_RETRIEVAL = Kind("retrieval", names.DATA_SOURCE_ID, RetrievalRun, _nothing)


@overload
def workflow(func: F, /) -> F: ...
@overload
def workflow(
    name: str | None = None, /, *, attributes: Attributes = None
) -> Operation[WorkflowRun]: ...
def workflow(name: Any = None, /, *, attributes: Attributes = None) -> Any:
    """A coordinated process of several agents or steps: span `invoke_workflow {name}`.

    Args:
        name: Its name; of a decorated function by default the function's.
        attributes: More attributes of the span.
    """
    if name is not None and not isinstance(name, str):
        return workflow(attributes=attributes)(name)
    return Operation(_WORKFLOW, name, attributes or {})


@overload
def agent(func: F, /) -> F: ...
@overload
def agent(
    name: str | None = None,
    /,
    *,
    id: str | None = None,
    version: str | None = None,
    description: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    remote: bool = False,
    attributes: Attributes = None,
) -> Operation[AgentRun]: ...
def agent(
    name: Any = None,
    /,
    *,
    id: str | None = None,  # noqa: A002 - the convention's name of it
    version: str | None = None,
    description: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    remote: bool = False,
    attributes: Attributes = None,
) -> Any:
    """A run of an agent: span `invoke_agent {name}`.

    Args:
        name: The agent's name; of a decorated function by default the function's.
        id: Its identifier.
        version: Its version.
        description: What it is for.
        model: The model it asks.
        provider: The provider of that model: `openai`, `anthropic`, ...
        remote: It runs in another service: the span's kind is CLIENT instead of INTERNAL.
        attributes: More attributes of the span.
    """
    given = {
        names.AGENT_ID: id,
        names.AGENT_VERSION: version,
        names.AGENT_DESCRIPTION: description,
        names.REQUEST_MODEL: model,
        names.PROVIDER: provider,
        **(attributes or {}),
    }
    span_kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
    if name is not None and not isinstance(name, str):
        return Operation(_AGENT, None, given, span_kind)(name)
    return Operation(_AGENT, name, given, span_kind)


@overload
def task(func: F, /) -> F: ...
@overload
def task(name: str | None = None, /, *, attributes: Attributes = None) -> Operation[TaskRun]: ...
def task(name: Any = None, /, *, attributes: Attributes = None) -> Any:
    """A step that is worth seeing: span `{name}`, with the name in `belvedere.task.name`.

    Args:
        name: Its name; of a decorated function by default the function's.
        attributes: More attributes of the span.
    """
    if name is not None and not isinstance(name, str):
        return task(attributes=attributes)(name)
    return Operation(_TASK, name, attributes or {})


@overload
def tool(func: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    type: str = "function",
    call_id: str | None = None,
    description: str | None = None,
    attributes: Attributes = None,
) -> Operation[ToolCall]: ...
def tool(
    name: Any = None,
    /,
    *,
    type: str = "function",  # noqa: A002 - the convention's name of it
    call_id: str | None = None,
    description: str | None = None,
    attributes: Attributes = None,
) -> Any:
    """A call of a tool: span `execute_tool {name}`.

    Args:
        name: The tool's name as the model knows it; by default the decorated function's.
        type: `function`, `extension` or `datastore`.
        call_id: The id that the model gave the call.
        description: What the tool does.
        attributes: More attributes of the span.
    """
    given = {
        names.TOOL_TYPE: type,
        names.TOOL_CALL_ID: call_id,
        names.TOOL_DESCRIPTION: description,
        **(attributes or {}),
    }
    if name is not None and not isinstance(name, str):
        return Operation(_TOOL, None, given)(name)
    return Operation(_TOOL, name, given)


@overload
def model_call(func: F, /) -> F: ...
@overload
def model_call(
    model: str | None = None,
    /,
    *,
    operation: str = "chat",
    attributes: Attributes = None,
    **parameters: Unpack[RequestParameters],
) -> Operation[ModelCall]: ...
def model_call(
    model: Any = None,
    /,
    *,
    operation: str = "chat",
    attributes: Attributes = None,
    **parameters: Any,
) -> Any:
    """A call of a model: span `{operation} {model}`, kind CLIENT, and `gen_ai.client.*` metrics.

    Args:
        model: The model asked; may also be told later by `ModelCall.request(model=...)`.
        operation: `chat`, `text_completion`, `generate_content` or `embeddings`.
        attributes: More attributes of the span.
        **parameters: Parameters of the request, see `RequestParameters`.

    Raises:
        TypeError: A parameter that a request does not have.
    """
    func = None if model is None or isinstance(model, str) else model
    name = parameters.pop("model", None) if model is None or func is not None else model
    given = {
        names.OPERATION: operation,
        **request_attributes(parameters),
        **(attributes or {}),
    }
    made = Operation(_MODEL_CALL, name, given, SpanKind.CLIENT)
    return made if func is None else made(func)


@overload
def retrieval(func: F, /) -> F: ...
@overload
def retrieval(
    data_source: str | None = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Attributes = None,
) -> Operation[RetrievalRun]: ...
def retrieval(
    data_source: Any = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Attributes = None,
) -> Any:
    """A search for context: span `retrieval {data_source}`, kind CLIENT.

    Args:
        data_source: The id of what is searched.
        provider: The provider of the search, where there is one.
        model: The embedding model.
        top_k: How many documents are asked for.
        attributes: More attributes of the span.
    """
    given = {
        names.PROVIDER: provider,
        names.REQUEST_MODEL: model,
        names.REQUEST_TOP_K: top_k,
        **(attributes or {}),
    }
    if data_source is not None and not isinstance(data_source, str):
        return Operation(_RETRIEVAL, None, given, SpanKind.CLIENT)(data_source)
    return Operation(_RETRIEVAL, data_source, given, SpanKind.CLIENT)
