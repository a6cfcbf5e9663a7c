"""`count`: spans, span events, metrics, data points or log records, as metrics."""

from belvedere.collector.connectors.count.connector import Count

__all__ = ["Count"]
