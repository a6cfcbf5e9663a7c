"""What `filter` counts, under the official names."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter

from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

FILTERED: Final[Mapping[Signal, Counter]] = {
    signal: Counter(
        f"otelcol_processor_filter_{items}_filtered",
        f"Number of {items} dropped by the filter processor.",
        ("filter",),
        registry=REGISTRY,
    )
    for signal, items in {
        Signal.TRACES: "spans",
        Signal.METRICS: "datapoints",
        Signal.LOGS: "logs",
    }.items()
}
