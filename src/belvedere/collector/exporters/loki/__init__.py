"""`loki`: log records as entries of Loki's streams, by its push API.

    records ─ labels, line ─ streams of each tenant ─ logproto (or JSON) ─ POST

After the `loki` exporter of contrib 0.91, which was removed later: Loki itself takes OTLP now
(`otlp_http` with Loki's `/otlp`), but the configurations that name this one are many.
"""

from belvedere.collector.exporters.loki.exporter import LokiExporter

__all__ = ["LokiExporter"]
