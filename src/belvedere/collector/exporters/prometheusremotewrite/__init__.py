"""`prometheusremotewrite`: metrics to whatever takes Prometheus's remote write, 1.0 or 2.0.

    points ─ series ─ requests of a bounded size, some at a time ─ snappy ─ POST

After contrib's `prometheusremotewriteexporter`. Samples of a series stay in the order of time: one
batch is sent after the other, and within a batch each series is in one request.
"""

from belvedere.collector.exporters.prometheusremotewrite.exporter import RemoteWriteExporter

__all__ = ["RemoteWriteExporter"]
