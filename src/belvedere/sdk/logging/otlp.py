"""Log records of the application as OpenTelemetry's, for a logger provider to export.

OpenTelemetry, Logs Data Model: "Example mappings", and semantic conventions `exception.*` and
`code.*`.
"""

import functools
import logging
import threading
import traceback
from typing import Any, Final, NamedTuple

from opentelemetry import context
from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.sdk._logs import Logger as SdkLogger
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.semconv.attributes import code_attributes, exception_attributes
from opentelemetry.util.types import AnyValue

from belvedere.sdk.logging.any_value import any_value, attributes, text
from belvedere.sdk.logging.line import Line

_log: Final = logging.getLogger(__name__)

_OWN: Final = ("opentelemetry.", "belvedere.sdk.")
"""Loggers of telemetry itself: what they say about exporting is not exported, only printed."""

_TRANSPORTS: Final = frozenset({"grpc", "h2", "hpack", "httpcore", "httpx", "requests", "urllib3"})
"""Loggers of what exporters send with: what they say while exporting is not exported."""

_SUPPRESS: Final = context._SUPPRESS_INSTRUMENTATION_KEY  # noqa: SLF001 - exporters set it while they export; it has no public name

_SEVERITY_TEXTS: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Levels that OpenTelemetry's own handler names differently than `logging`."""


class _Prepared(ReadWriteLogRecord):
    """A record whose attributes OTLP can carry, and within the limits.

    `attributes` made them so; the SDK would look at each again.
    """

    def __post_init__(self) -> None:
        """Nothing to do."""


class _Way(NamedTuple):
    """How the records of one of the application's loggers are emitted.

    Attributes:
        logger: The provider's logger of the same name; None where nothing is emitted.
        room: Attributes that a record may have to be emitted as it is; the SDK applies its limits
            to others.
        limits: Of the provider.
        is_transport: What it says while something is exported is not exported.
    """

    logger: Logger | None
    room: int
    limits: Any
    is_transport: bool


_LOGGERS_KEPT: Final = 1024


class Sink:
    """Emits records to a provider. Never raises, and never emits what emitting says."""

    def __init__(self, provider: LoggerProvider) -> None:
        self.provider: Final = provider
        self._ways: dict[str, _Way] = {}
        self._emitting = threading.local()
        self._failed = False

    def emit(self, record: logging.LogRecord, line: Line) -> None:
        """Emit a record, of which `line` is what it says, with the span that is current now."""
        if getattr(self._emitting, "now", False):
            return
        self._emitting.now = True
        try:
            way = self._ways.get(record.name) or self._way(record.name)
            logger: Any = way.logger
            if logger is None or (way.is_transport and context.get_value(_SUPPRESS)):
                return
            made: Any = otel_record(record, line)
            if made.attributes is not None and len(made.attributes) <= way.room:
                made = _Prepared(made, logger.resource, logger.instrumentation_scope, way.limits)
            logger.emit(made)
        except Exception:  # noqa: BLE001 - telemetry breaks nothing
            if not self._failed:
                self._failed = True
                _log.warning("Could not export a log line (said once)", exc_info=True)
        finally:
            self._emitting.now = False

    def _way(self, name: str) -> _Way:
        logger = None if f"{name}.".startswith(_OWN) else self.provider.get_logger(name)
        limits = getattr(logger, "_log_record_limits", None)
        room = 0
        if isinstance(logger, SdkLogger) and limits is not None:
            most, longest = limits.max_log_record_attributes, limits.max_log_record_attribute_length
            room = most if longest is None else 0
        if len(self._ways) >= _LOGGERS_KEPT:
            self._ways.clear()
        way = self._ways[name] = _Way(logger, room, limits, name.partition(".")[0] in _TRANSPORTS)
        return way


def otel_record(record: logging.LogRecord, line: Line) -> LogRecord:
    """The record of OpenTelemetry, with the current context."""
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
