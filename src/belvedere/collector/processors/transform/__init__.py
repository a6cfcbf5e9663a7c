"""`transform`: telemetry is changed by OTTL statements."""

from belvedere.collector.processors.transform.processor import TransformProcessor

__all__ = ["TransformProcessor"]
