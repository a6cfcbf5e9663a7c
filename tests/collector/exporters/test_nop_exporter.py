"""`nop`."""

from collections.abc import Callable

from collector_samples import batch_of

from belvedere.collector.component import Host
from belvedere.collector.exporters.nop import NopConfig, NopExporter
from belvedere.otlp.signal import Signal


async def test_takes_and_counts(counted: Callable[[str], dict[str, float]]) -> None:
    exporter = NopExporter(NopConfig(), Host("nop/counts"))
    for signal in Signal:
        await exporter.consume(batch_of(signal, range(3)))
    assert counted("nop/counts") == {
        "sent_spans": 3,
        "sent_metric_points": 3,
        "sent_log_records": 3,
    }
