"""`prometheus`: the newest points of all metrics, for Prometheus to scrape.

    points ─ held by name and labels until they expire ─ /metrics, in the format asked for

After contrib's `prometheusexporter`.
"""

from belvedere.collector.exporters.prometheus.exporter import PrometheusExporter

__all__ = ["PrometheusExporter"]
