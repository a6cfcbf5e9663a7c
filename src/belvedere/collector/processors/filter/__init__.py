"""`filter`: telemetry that meets a condition is dropped."""

from belvedere.collector.processors.filter.processor import FilterProcessor

__all__ = ["FilterProcessor"]
