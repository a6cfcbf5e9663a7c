"""`file`: batches to a file, as lines of OTLP/JSON or as messages with their length."""

from belvedere.collector.exporters.file.exporter import FileExporter

__all__ = ["FileExporter"]
