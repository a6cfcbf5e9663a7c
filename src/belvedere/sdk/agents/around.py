"""The span around a run, where an instrumentor has begun the same operation already.

As when langchain calls a tool that is decorated with both its decorator and ours: the run records
on that span, and the instrumentor ends it.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names

_INSTRUMENTORS: Final = ("opentelemetry.instrumentation.", "opentelemetry.util.genai")
"""Instrumentation scopes. The spans of others are left alone: of an MCP server, for example."""


def same_operation(attributes: Mapping[str, AttributeValue], name_attribute: str) -> Span | None:
    """The current span, if it is an instrumentor's and stands for the operation of `attributes`.

    Args:
        attributes: Of the operation that is about to begin.
        name_attribute: Which of them is its name; without one any name is the same.
    """
    span = trace.get_current_span()
    scope = getattr(span, "instrumentation_scope", None)
    if scope is None or not scope.name.startswith(_INSTRUMENTORS) or not span.is_recording():
        return None
    around: Mapping[str, AttributeValue] = getattr(span, "attributes", None) or {}
    for key in (names.OPERATION, name_attribute):
        if key in attributes and around.get(key) != attributes[key]:
            return None
    return span if names.OPERATION in attributes else None
