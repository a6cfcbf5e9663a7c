"""Workflows, agents, tasks, tools and retrievals: what their runs record beyond a span."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from opentelemetry import context as otel_context

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import content, messages
from belvedere.sdk.agents.run import Run, guarded


class _WithContent(Run):
    """A run that can record content."""

    __slots__ = ()

    def _captures(self) -> bool:
        """Whether content is recorded: asked for, and the span is sampled."""
        return content.captured() and self._span.is_recording()

    def _record(self, attribute: str, value: object) -> None:
        encoded = content.encode(value) if self._captures() else None
        if encoded is not None:
            self._span.set_attribute(attribute, encoded)


class Conversing(_WithContent):
    """A run with messages in and out."""

    __slots__ = ()

    @guarded
    def input(
        self,
        history: object,
        *,
        system_instructions: object = None,
        tools: Sequence[object] | None = None,
    ) -> None:
        """Records what goes in, if content is captured.

        Args:
            history: A text, or messages as OpenAI, Anthropic or the GenAI conventions have them.
            system_instructions: What stands apart from the history: a text, or parts.
            tools: Definitions of the tools offered.
        """
        if not self._captures():
            return
        self._record(names.INPUT_MESSAGES, messages.normalized(history, role="user"))
        if system_instructions is not None:
            self._record(names.SYSTEM_INSTRUCTIONS, messages.parts(system_instructions))
        if tools is not None:
            self._record(names.TOOL_DEFINITIONS, list(tools))

    @guarded
    def output(self, answer: object) -> None:
        """Records what comes out, if content is captured: a text, or messages."""
        if self._captures():
            self._record(names.OUTPUT_MESSAGES, messages.normalized(answer, role="assistant"))


class WorkflowRun(Conversing):
    """A run of a workflow (`invoke_workflow`)."""

    __slots__ = ()
    _key: ClassVar[str] = otel_context.create_key("belvedere-workflow")


class AgentRun(Conversing):
    """A run of an agent (`invoke_agent`)."""

    __slots__ = ()
    _key: ClassVar[str] = otel_context.create_key("belvedere-agent")


class TaskRun(Run):
    """A step of a workflow."""

    __slots__ = ()
    _key: ClassVar[str] = otel_context.create_key("belvedere-task")


@functools.lru_cache(maxsize=1024)
def _signature(func: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(func)


def _bound(
    func: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> dict[str, object]:
    """The arguments by name, without the instance or class a method is called on."""
    named = _signature(func).bind(*args, **kwargs).arguments
    first = next(iter(named), None)
    if first in {"self", "cls"}:
        del named[first]
    return dict(named)


class ToolCall(_WithContent):
    """A call of a tool (`execute_tool`).

    Of a decorated function the arguments and the result are recorded by themselves, if content is
    captured.
    """

    __slots__ = ()
    _key: ClassVar[str] = otel_context.create_key("belvedere-tool")

    @guarded
    def call_id(self, call_id: str) -> None:
        """Records the id that the model gave the call."""
        self._span.set_attribute(names.TOOL_CALL_ID, call_id)

    @guarded
    def arguments(self, arguments: object) -> None:
        """Records the arguments, if content is captured."""
        self._record(names.TOOL_CALL_ARGUMENTS, arguments)

    @guarded
    def result(self, result: object) -> None:
        """Records the result, if content is captured."""
        self._record(names.TOOL_CALL_RESULT, result)

    def _called(
        self, func: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        if self._captures():
            self.arguments(_bound(func, args, kwargs))

    def _returned(self, result: object) -> None:
        if self._captures():
            self.result(result)


class RetrievalRun(_WithContent):
    """A search for context (`retrieval`)."""

    __slots__ = ()
    _key: ClassVar[str] = otel_context.create_key("belvedere-retrieval")

    def _instrumented_as(self) -> str | None:
        return "retrieval"

    @guarded
    def query(self, text: str) -> None:
        """Records the text searched for, if content is captured."""
        cleaned = content.text(text) if self._captures() else None
        if cleaned is not None:
            self._span.set_attribute(names.RETRIEVAL_QUERY, cleaned)

    @guarded
    def documents(self, documents: Sequence[object]) -> None:
        """Records what was found, if content is captured: objects with `id`, `score`, `content`."""
        self._record(names.RETRIEVAL_DOCUMENTS, list(documents))
