"""What `probabilistic_sampler` counts, under the official names."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter

from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

_PREFIX: Final = "otelcol_processor_probabilistic_sampler_count_"

SAMPLED: Final[Mapping[Signal, Counter]] = {
    signal: Counter(
        f"{_PREFIX}{signal}_sampled",
        f"Count of {items} that were sampled or not.",
        ("policy", "sampled"),
        registry=REGISTRY,
    )
    for signal, items in {Signal.TRACES: "spans", Signal.LOGS: "logs"}.items()
}
