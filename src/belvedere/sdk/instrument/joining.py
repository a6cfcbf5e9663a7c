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
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents.providers import SCOPE
from belvedere.sdk.instrument.wrapped import WrappedSpan, WrappedTracer, WrappedTracerProvider

_NAMES: Final[Mapping[str, str]] = {
    "execute_tool": names.TOOL_NAME,
    "invoke_agent": names.AGENT_NAME,
    "invoke_workflow": names.WORKFLOW_NAME,
}
"""Operation → the attribute that names what it is of."""

_joined: Final["WeakSet[Span]"] = WeakSet()


class _JoiningTracer(WrappedTracer):
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
        return super().start_span(name, context, *args, **kwargs)

    # `start_as_current_span` as it is: GenAI instrumentors begin spans and make them current
    # themselves.


class JoiningTracerProvider(WrappedTracerProvider):
    """Provides tracers of a provider that join runs of ours."""

    tracer_type = _JoiningTracer


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


class _JoinedSpan(WrappedSpan):
    """A span of ours in the hands of an instrumentor: all but its name and its end."""

    def end(self, end_time: int | None = None) -> None:
        """The run ends it."""

    def update_name(self, name: str) -> None:
        """The run names it."""
