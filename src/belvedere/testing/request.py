"""A request's body, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from belvedere.testing.policy import ChatRequest, Fault

_ROLES: Final = ("developer", "system", "user", "assistant", "tool")
_UNSUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "audio": (None,),
    "functions": (None,),
    "response_format": (None, {"type": "text"}),
}
"""What changes the form of the answer, and the values of it that this server can do."""


class BadRequestError(Exception):
    """A request that the API refuses. `fault` says how, `param` where."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.fault = Fault(status, message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    chat: ChatRequest
    tools: Sequence[Mapping[str, Any]]
    """The definitions of all tools, of those too that may not be called now."""
    stream: bool
    with_usage: bool
    max_output_tokens: int | None


def read(body: object, models: Sequence[str]) -> Asked:
    """Check a request for a chat completion.

    Raises:
        BadRequestError: it is none, or one that this server does not know how to answer.
    """
    if not isinstance(body, Mapping):
        raise BadRequestError("The body must be a JSON object.")
    for param, supported in _UNSUPPORTED.items():
        if body.get(param) not in supported:
            raise BadRequestError(f"'{param}' is not supported by this test server.", param)
    model = body.get("model")
    if not isinstance(model, str):
        raise BadRequestError("You must provide a model parameter.", "model")
    if model not in models:
        raise BadRequestError(
            f"The model '{model}' does not exist; this server has {', '.join(models)}.",
            "model",
            404,
        )
    tools = _tools(body.get("tools"))
    chat = ChatRequest(
        model=model,
        messages=_messages(body.get("messages")),
        tools=_callable(tools, body.get("tool_choice")),
        body=body,
    )
    options = body.get("stream_options")
    return Asked(
        chat=chat,
        tools=tools,
        stream=bool(body.get("stream")),
        with_usage=isinstance(options, Mapping) and bool(options.get("include_usage")),
        max_output_tokens=_limit(body),
    )


def _messages(messages: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("'messages' must be a list of at least one message.", "messages")
    called: set[str] = set()
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            raise BadRequestError(f"'{param}.role' must be one of {', '.join(_ROLES)}.", param)
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            raise BadRequestError(
                f"'{param}' must answer a call of an earlier message's 'tool_calls'.", param
            )
        calls = message.get("tool_calls") or ()
        if not all(isinstance(call, Mapping) and "id" in call for call in calls):
            raise BadRequestError(f"'{param}.tool_calls' must have ids.", param)
        called.update(call["id"] for call in calls)
    return messages


def _tools(tools: object) -> Sequence[Mapping[str, Any]]:
    if tools is None:
        return ()
    if not isinstance(tools, list) or not all(_name(tool) for tool in tools):
        raise BadRequestError("'tools' must be a list of functions with names.", "tools")
    return tools


def _name(tool: object) -> str:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else ""


def _callable(tools: Sequence[Mapping[str, Any]], choice: object) -> tuple[str, ...]:
    names = tuple(_name(tool) for tool in tools)
    if choice == "none":
        return ()
    if isinstance(choice, Mapping):
        return tuple(name for name in names if name == _name(choice))
    return names


def _limit(body: Mapping[str, Any]) -> int | None:
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise BadRequestError("'max_tokens' must be a positive integer.", "max_tokens")
    return limit
