"""`span_metrics`: how many spans there are, and how long they take."""

from belvedere.collector.connectors.spanmetrics.connector import SpanMetrics

__all__ = ["SpanMetrics"]
