"""Log lines on standard error: JSON for machines, colours and columns for people."""

import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.tracebacks import ExceptionDictTransformer

from belvedere.sdk.logging.any_value import any_value, text
from belvedere.sdk.logging.line import line_of

_PEOPLE: Final = frozenset({"development", "dev", "local"})
_MACHINES: Final = frozenset({"production", "prod", "staging"})
_OURS: Final = frozenset(
    {"timestamp", "level", "logger", "event", "service", "trace_id", "span_id", "exception"}
)

_encode: Final = json.JSONEncoder(default=any_value, allow_nan=False).encode

# Local variables stay out of logs: they hold what is secret.
_structured: Final = ExceptionDictTransformer(show_locals=False)
"""An exception, its causes and members, each with type, value, notes and frames."""


class Console(logging.StreamHandler[TextIO]):
    """Prints to whatever standard error is at the time."""

    def __init__(self, environment: str = "", service_name: str = "") -> None:
        super().__init__(sys.stderr)
        people = environment.lower() in _PEOPLE or (
            environment.lower() not in _MACHINES and _is_terminal()
        )
        self.setFormatter(Columns() if people else JsonLines(service_name))

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Standard error is not chosen here."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None:  # as in a process without a console
            super().emit(record)


class JsonLines(logging.Formatter):
    """One JSON object a line, strict JSON whatever the fields hold.

    A field of the application that has the name of one of ours is kept as `name_`.
    """

    def __init__(self, service_name: str = "") -> None:
        super().__init__()
        self._service = {"service": service_name} if service_name else {}

    def format(self, record: logging.LogRecord) -> str:
        line = line_of(record)
        said: dict[str, Any] = {
            **_where(record),
            **self._service,
            "event": line.event,
            **_current_span(),
            **_renamed(line.fields),
        }
        if record.exc_info and record.exc_info[0]:
            said["exception"] = _structured(record.exc_info)
        if record.stack_info:
            said["stack"] = record.stack_info
        return _dumps(said)


class Columns(logging.Formatter):
    """Lines for a terminal, the exception below."""

    def __init__(self) -> None:
        super().__init__()
        self._render = ConsoleRenderer(
            colors=_is_terminal() and not os.environ.get("NO_COLOR"),
            exception_formatter=plain_traceback,
        )

    def format(self, record: logging.LogRecord) -> str:
        line = line_of(record)
        said = {
            **_where(record),
            "event": text(line.event),
            **_renamed(line.fields),
            **_current_span(),
        }
        if record.exc_info and record.exc_info[0]:
            said["exc_info"] = record.exc_info
        if record.stack_info:
            said["stack"] = record.stack_info
        return str(self._render(None, record.levelname.lower(), said))


def _where(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    return {
        "timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }


def _current_span() -> dict[str, str]:
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}


def _renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    if _OURS.isdisjoint(fields):
        return dict(fields)
    return {f"{key}_" if key in _OURS else key: value for key, value in fields.items()}


def _dumps(said: dict[str, Any]) -> str:
    try:
        return _encode(said)
    except (TypeError, ValueError, RecursionError):
        # Keys that are no text, NaN, a value that contains itself.
        return json.dumps(_finite(any_value(said)), default=text)


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
