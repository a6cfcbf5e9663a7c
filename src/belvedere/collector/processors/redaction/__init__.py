"""`redaction`: takes out attributes that are not allowed, and masks values that are blocked."""

from belvedere.collector.processors.redaction.processor import RedactionProcessor

__all__ = ["RedactionProcessor"]
