"""The tracer provider that GenAI instrumentors get: it begins nothing that a run of ours has begun.

`with belvedere.tool("weather")` around a tool of langchain's is one execution of one tool. When
the instrumentor begins the span of it, it gets ours to record on. Only spans directly inside a run
of the same operation and name are concerned, and of those the first: another is another execution.
Model calls and retrievals need none of this, see `agents/inner.py`.
"""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents.providers import SCOPE

_NAMES: Final[Mapping[str, str]] = {
    "execute_tool": names.TOOL_NAME,
    "invoke_agent": names.AGENT_NAME,
    "invoke_workflow": names.WORKFLOW_NAME,
}
"""Operation → the attribute that names what it is of."""

_joined: Final["WeakSet[Span]"] = WeakSet()


class JoiningTracerProvider(TracerProvider):
    """Hands out tracers of `provider` that join runs of ours."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _JoiningTracer(self._provider.get_tracer(*args, **kwargs))


class _JoiningTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Span:
        attributes = kwargs.get("attributes")
        if attributes:
            outer = _run_of_the_same(context, attributes)
            if outer is not None:
                _joined.add(outer)
                present = getattr(outer, "attributes", None) or {}
                outer.set_attributes({k: v for k, v in attributes.items() if k not in present})
                return _JoinedSpan(outer)
        return self._tracer.start_span(name, context, *args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        """As it is: GenAI instrumentors begin spans and make them current themselves."""
        return self._tracer.start_as_current_span(*args, **kwargs)


def _run_of_the_same(
    context: Context | None, attributes: Mapping[str, AttributeValue]
) -> Span | None:
    operation = attributes.get(names.OPERATION)
    name_attribute = _NAMES.get(operation) if isinstance(operation, str) else None
    span = trace.get_current_span(context)
    scope = getattr(span, "instrumentation_scope", None)
    if name_attribute is None or scope is None or scope.name != SCOPE or span in _joined:
        return None
    around: Mapping[str, AttributeValue] = getattr(span, "attributes", None) or {}
    same = all(around.get(key) == attributes.get(key) for key in (names.OPERATION, name_attribute))
    return span if same and span.is_recording() else None


class _JoinedSpan(Span):
    """A span of ours in the hands of an instrumentor: all but its name and its end."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, end_time: int | None = None) -> None:
        """The run ends it."""

    def update_name(self, name: str) -> None:
        """The run names it."""

    def get_span_context(self) -> SpanContext:
        return self._span.get_span_context()

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._span.set_attributes(attributes)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self._span.set_attribute(key, value)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_event(*args, **kwargs)

    def add_link(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_link(*args, **kwargs)

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def set_status(self, *args: Any, **kwargs: Any) -> None:
        self._span.set_status(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._span.record_exception(*args, **kwargs)
