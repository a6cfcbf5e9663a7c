"""Logs: structured loggers and `logging` alike, printed and exported, with the current span."""

from belvedere.sdk.logging.logger import get_logger

__all__ = ["get_logger"]
