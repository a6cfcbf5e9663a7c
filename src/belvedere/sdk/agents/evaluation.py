"""Judgements of a run, given when it is over: events `gen_ai.evaluation.result`.

Follows the GenAI conventions: a log record by OpenTelemetry's logs API, with the trace and span ids
of the operation judged.
"""

import re
from collections.abc import Mapping
from time import time_ns

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import providers
from belvedere.sdk.agents.run import Run, guarded

Judged = Run | Span | SpanContext | str
"""A run, a span, its context, or the text of `Run.handle` (a W3C `traceparent`)."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def _from_ids(trace_id: str, span_id: str, flags: int) -> SpanContext:
    found = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(flags)
    )
    if not found.is_valid:
        raise ValueError(f"no span has trace id {trace_id!r} and span id {span_id!r}")
    return found


def _context(span: Judged | None, trace_id: str | None, span_id: str | None) -> SpanContext:
    if trace_id is not None or span_id is not None:
        if trace_id is None or span_id is None:
            raise ValueError("a span is told by trace_id and span_id, both")
        return _from_ids(trace_id, span_id, TraceFlags.SAMPLED)
    if span is None:
        return trace.get_current_span().get_span_context()
    if isinstance(span, Run):
        return span.span.get_span_context()
    if isinstance(span, Span):
        return span.get_span_context()
    if isinstance(span, SpanContext):
        return span
    match = _TRACEPARENT.fullmatch(span.strip().lower())
    if match is None:
        raise ValueError(f"{span!r} is not the handle of a run (00-<trace id>-<span id>-<flags>)")
    return _from_ids(match[1], match[2], int(match[3], 16))


@guarded
def score(
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    span: Judged | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    response_id: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> None:
    """Records how good a run was.

    Args:
        name: What was judged: `relevance`, `correctness`, ...
        value: The score.
        label: The score in a word: `pass`, `fail`, ...
        explanation: Why.
        span: The run judged; by default the current one.
        trace_id: Its trace id, 32 hexadecimal digits, together with
        span_id: its span id, 16 hexadecimal digits.
        response_id: The id of the response judged, where that is all that is known.
        attributes: More attributes of the event.
    """
    judged = _context(span, trace_id, span_id)
    given: dict[str, AttributeValue | None] = {
        names.EVALUATION_NAME: name,
        names.EVALUATION_VALUE: None if value is None else float(value),
        names.EVALUATION_LABEL: label,
        names.EVALUATION_EXPLANATION: explanation,
        names.RESPONSE_ID: response_id,
        **(attributes or {}),
    }
    providers.logger().emit(
        timestamp=time_ns(),
        context=trace.set_span_in_context(NonRecordingSpan(judged)),
        severity_number=SeverityNumber.INFO,
        event_name=names.EVALUATION_RESULT,
        attributes={key: each for key, each in given.items() if each is not None},
    )


def feedback(
    value: bool | float | str,  # noqa: FBT001 - feedback(True) reads as it is meant
    *,
    comment: str | None = None,
    name: str = "user_feedback",
    span: Judged | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    response_id: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> None:
    """Records what a user thought of a run: `feedback(True, span=handle)`.

    Args:
        value: Thumbs up or down (score 1 or 0, label `positive` or `negative`), stars, or a word.
        comment: What the user said.
        name: The name of the evaluation.
        span: The run judged; by default the current one.
        trace_id: Its trace id, 32 hexadecimal digits, together with
        span_id: its span id, 16 hexadecimal digits.
        response_id: The id of the response judged, where that is all that is known.
        attributes: More attributes of the event.
    """
    label: str | None = None
    if isinstance(value, bool):
        label = "positive" if value else "negative"
    elif isinstance(value, str):
        label = value
    score(
        name,
        None if isinstance(value, str) else value,
        label=label,
        explanation=comment,
        span=span,
        trace_id=trace_id,
        span_id=span_id,
        response_id=response_id,
        attributes=attributes,
    )
