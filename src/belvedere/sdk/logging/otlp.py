"""Log records of the application as OpenTelemetry's, for a logger provider to export.

OpenTelemetry, Logs Data Model: "Example mappings", and semantic conventions `exception.*` and
`code.*`.
"""

import functools
import logging
import threading
import traceback
from typing import Final

from opentelemetry import context
from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.semconv.attributes import code_attributes, exception_attributes
from opentelemetry.util.types import AnyValue

from belvedere.sdk.logging.any_value import any_value, attributes, text
from belvedere.sdk.logging.line import line_of

_log: Final = logging.getLogger(__name__)

_OWN: Final = ("opentelemetry.", "belvedere.sdk.")
"""Loggers of telemetry itself: what they say about exporting is not exported, only printed."""

_TRANSPORTS: Final = frozenset({"grpc", "h2", "hpack", "httpcore", "httpx", "requests", "urllib3"})
"""Loggers of what exporters send with: what they say while exporting is not exported."""

_SUPPRESS: Final = context._SUPPRESS_INSTRUMENTATION_KEY  # noqa: SLF001 - exporters set it while they export; it has no public name

_SEVERITY_TEXTS: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Levels that OpenTelemetry's own handler names differently than `logging`."""


class Sink:
    """Emits records to a provider. Never raises, and never emits what emitting says."""

    def __init__(self, provider: LoggerProvider) -> None:
        self.provider: Final = provider
        self._loggers: dict[str, Logger] = {}
        self._emitting = threading.local()
        self._failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Emit a record with the span that is current now."""
        if getattr(self._emitting, "now", False) or _is_about_exporting(record.name):
            return
        self._emitting.now = True
        try:
            self._logger(record.name).emit(otel_record(record))
        except Exception:  # noqa: BLE001 - telemetry breaks nothing
            if not self._failed:
                self._failed = True
                _log.warning("Could not export a log line (said once)", exc_info=True)
        finally:
            self._emitting.now = False

    def _logger(self, name: str) -> Logger:
        logger = self._loggers.get(name)
        if logger is None:
            logger = self._loggers[name] = self.provider.get_logger(name)
        return logger


def otel_record(record: logging.LogRecord) -> LogRecord:
    """The record of OpenTelemetry, with the current context."""
    line = line_of(record)
    fields = attributes(line.fields)
    fields[code_attributes.CODE_FILE_PATH] = text(record.pathname)
    fields[code_attributes.CODE_FUNCTION_NAME] = text(record.funcName)
    fields[code_attributes.CODE_LINE_NUMBER] = record.lineno
    if record.exc_info and record.exc_info[1] is not None:
        fields.update(_exception(record.exc_info[1]))
    if record.stack_info:
        fields[code_attributes.CODE_STACKTRACE] = text(record.stack_info)
    return LogRecord(
        timestamp=int(record.created * 1e9),
        context=context.get_current(),
        severity_text=_SEVERITY_TEXTS.get(record.levelname, record.levelname),
        severity_number=severity_number(record.levelno),
        body=any_value(line.event),
        attributes=fields,
    )


@functools.cache
def severity_number(level: int) -> SeverityNumber:
    """DEBUG 10 is 5, INFO 20 is 9, ..., CRITICAL 50 is 21; levels between lie between."""
    if level < logging.DEBUG:
        return SeverityNumber.TRACE if level > 0 else SeverityNumber.UNSPECIFIED
    tens, ones = divmod(min(level, 53), 10)
    return SeverityNumber(1 + 4 * tens + min(ones, 3))


def _exception(error: BaseException) -> dict[str, AnyValue]:
    kind = type(error)
    name = kind.__qualname__
    return {
        exception_attributes.EXCEPTION_TYPE: (
            name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
        ),
        exception_attributes.EXCEPTION_MESSAGE: text(error),
        exception_attributes.EXCEPTION_STACKTRACE: text("".join(traceback.format_exception(error))),
    }


def _is_about_exporting(name: str) -> bool:
    if f"{name}.".startswith(_OWN):
        return True
    return name.partition(".")[0] in _TRANSPORTS and bool(context.get_value(_SUPPRESS))
