"""What the metrics of the process say about one component."""

from typing import Final

from belvedere.collector.registry import Kind
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

_ITEMS: Final = {
    Signal.TRACES: "_spans",
    Signal.METRICS: "_metric_points",
    Signal.LOGS: "_log_records",
}
_SIGNAL_LABELS: Final = ("otel_signal", "signal")
_NOT_SHOWN: Final = ("_created", "_bucket", "_sum", "_count")


def counters_of(kind: Kind, component_id: str, signal: Signal) -> dict[str, float]:
    """Short names of metrics → values, without those of other signals and those that are zero.

    Samples that differ in other labels (the transport) are added up.
    """
    label = str(kind)[:-1]
    others = tuple(items for each, items in _ITEMS.items() if each is not signal)
    found: dict[str, float] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            if (
                sample.labels.get(label) != component_id
                or name.endswith((*_NOT_SHOWN, *others))
                or any(sample.labels.get(key, signal) != signal for key in _SIGNAL_LABELS)
            ):
                continue
            name = name.partition(f"_{label}_")[2] or name
            found[name] = found.get(name, 0.0) + sample.value
    return {name: value for name, value in found.items() if value}
