"""Policies that look at the spans as a whole."""

from collections.abc import Callable
from typing import Any, Final

from belvedere.collector import ottl
from belvedere.collector.processors.tail_sampling.decision import PolicyError, Vote
from belvedere.collector.processors.tail_sampling.sections import (
    Latency,
    OttlCondition,
    SpanCount,
    StatusCode,
    TraceState,
)
from belvedere.collector.processors.tail_sampling.trace import Trace

_NS_PER_MS: Final = 10**6
_STATUS_CODES: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}
_SAMPLED_FLAG: Final = 1


class TracePolicy:
    """Samples the traces that fulfil a condition."""

    def __init__(self, condition: Callable[[Trace], bool]) -> None:
        self._condition = condition

    def vote(self, trace: Trace) -> Vote:
        return Vote.SAMPLED if self._condition(trace) else Vote.NOT_SAMPLED


def any_span(condition: Callable[[Any], bool]) -> TracePolicy:
    """Samples the traces of which a span fulfils a condition."""
    return TracePolicy(lambda trace: any(map(condition, trace.spans)))


def latency(section: Latency) -> TracePolicy:
    """The duration of the whole trace, also with an upper bound.

    The Collector's looks at the spans one after the other, and there samples a trace that is too
    long if some of its first spans were not.
    """
    least, most = section.threshold_ms, section.upper_threshold_ms

    def condition(trace: Trace) -> bool:
        start_ns = min(span.start_time_unix_nano for span in trace.spans)
        end_ns = max(span.end_time_unix_nano for span in trace.spans)
        duration_ms: int = (end_ns - start_ns) // _NS_PER_MS
        return least < duration_ms <= most if most else duration_ms >= least

    return TracePolicy(condition)


def status_code(section: StatusCode) -> TracePolicy:
    codes = frozenset(_STATUS_CODES[code] for code in section.status_codes)
    return any_span(lambda span: span.status.code in codes)


def span_count(section: SpanCount) -> TracePolicy:
    least, most = section.min_spans, section.max_spans or float("inf")
    return TracePolicy(lambda trace: least <= trace.span_count <= most)


def trace_flags() -> TracePolicy:
    """W3C's sampled flag."""
    return any_span(lambda span: bool(span.flags & _SAMPLED_FLAG))


def trace_state(section: TraceState) -> TracePolicy:
    wanted = {f"{section.key}={value}" for value in section.values}

    def condition(span: Any) -> bool:
        members = span.trace_state.split(",") if span.trace_state else ()
        return any(member.strip(" \t") in wanted for member in members)

    return any_span(condition)


def ottl_condition(section: OttlCondition) -> TracePolicy:
    """Without conditions for them, no span, or no event, is a match."""
    mode = section.error_mode
    of_span = ottl.condition(section.span, ottl.Context.SPAN, error_mode=mode)
    of_event = ottl.condition(section.spanevent, ottl.Context.SPANEVENT, error_mode=mode)

    def condition(trace: Trace) -> bool:
        try:
            return any(map(of_span, ottl.records(trace.request, ottl.Context.SPAN))) or any(
                map(of_event, ottl.records(trace.request, ottl.Context.SPANEVENT))
            )
        except ottl.EvaluationError as error:
            raise PolicyError(str(error)) from error

    return TracePolicy(condition)
