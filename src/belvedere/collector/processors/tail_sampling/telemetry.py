"""What the processor counts, under the Collector's names."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from belvedere.internal_telemetry import REGISTRY

_PREFIX: Final = "otelcol_processor_tail_sampling_"
_AGES_S: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(_PREFIX + name, text, labels, registry=REGISTRY)


def _age(name: str, text: str) -> Histogram:
    return Histogram(_PREFIX + name, text, registry=REGISTRY, buckets=_AGES_S)


EVALUATION_ERROR: Final = _counter(
    "sampling_policy_evaluation_error", "Count of sampling policy evaluation errors."
)
TRACES_SAMPLED: Final = _counter(
    "count_traces_sampled",
    "Count of traces that were sampled or not per sampling policy.",
    "policy",
    "sampled",
    "decision",
)
SPANS_SAMPLED: Final = _counter(
    "count_spans_sampled",
    "Count of spans that were sampled or not per sampling policy.",
    "policy",
    "sampled",
    "decision",
)
GLOBAL_TRACES_SAMPLED: Final = _counter(
    "global_count_traces_sampled",
    "Global count of traces that were sampled or not by at least one policy.",
    "sampled",
    "decision",
)
DROPPED_TOO_EARLY: Final = _counter(
    "sampling_trace_dropped_too_early",
    "Count of traces that did not get the configured wait time: decided early, or dropped at stop.",
)
NEW_TRACE_ID_RECEIVED: Final = _counter(
    "new_trace_id_received", "Counts the arrival of new traces."
)
EARLY_RELEASES: Final = _counter(
    "early_releases_from_cache_decision",
    "Number of spans that followed an earlier decision about their trace.",
    "sampled",
)
TRACES_ON_MEMORY: Final = Gauge(
    _PREFIX + "sampling_traces_on_memory",
    "Tracks the number of traces current on memory.",
    registry=REGISTRY,
)
LATE_SPAN_AGE: Final = _age(
    "sampling_late_span_age",
    "Time (in seconds) from the sampling decision to the arrival of late spans.",
)
TRACE_REMOVAL_AGE: Final = _age(
    "sampling_trace_removal_age",
    "Time (in seconds) from arrival of a new trace until its removal from memory.",
)
