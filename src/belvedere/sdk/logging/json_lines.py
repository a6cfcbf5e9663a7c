"""Log lines as JSON, for machines: strict JSON whatever the fields hold."""

import json
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from structlog.tracebacks import ExceptionDictTransformer

from belvedere.sdk.logging.any_value import any_value, text
from belvedere.sdk.logging.line import Line

_OURS: Final = frozenset(
    {"timestamp", "level", "logger", "event", "service", "trace_id", "span_id", "exception"}
)

_encode: Final = json.JSONEncoder(default=any_value, allow_nan=False).encode

# Local variables stay out of logs: they hold what is secret.
_structured: Final = ExceptionDictTransformer(show_locals=False)
"""An exception, its causes and members, each with type, value, notes and frames."""

_HEADS_KEPT: Final = 1024

_NO_SECOND: Final = 1 << 62

_LONG: Final = 1 << 64
"""Integers from here on may have more digits than Python prints."""


class JsonLines:
    """One JSON object a line.

    A field of the application that has the name of one of ours is kept as `name_`.
    """

    def __init__(self, service_name: str = "") -> None:
        self._service = {"service": service_name} if service_name else {}
        self._heads: dict[tuple[str, str], str] = {}
        self._second = _NO_SECOND, ""

    def __call__(self, record: logging.LogRecord, line: Line) -> str:
        """The line of a record, without the line's end."""
        return self._simple(record, line) or self._any(record, line)

    def _simple(self, record: logging.LogRecord, line: Line) -> str:
        """A line of texts and numbers, as most are; empty for others.

        To the letter what `_any` makes of it, at a third of the time.
        """
        event, fields = line
        if record.exc_info or record.stack_info or type(event) is not str:
            return ""
        parts = [
            f'{{"timestamp": "{self._timestamp(record.created)}", ',
            self._head(record.levelname, record.name),
            quoted(event),
        ]
        span = get_current_span().get_span_context()
        if span.is_valid:
            trace_id, span_id = format_trace_id(span.trace_id), format_span_id(span.span_id)
            parts.append(f', "trace_id": "{trace_id}", "span_id": "{span_id}"')
        for key, value in fields.items():
            kind = type(value)
            if type(key) is not str or key in _OURS:
                return ""
            if kind is str:
                parts.append(f", {quoted(key)}: {quoted(value)}")
            elif kind is int and -_LONG < value < _LONG:
                parts.append(f", {quoted(key)}: {value}")
            elif kind is float and math.isfinite(value):
                parts.append(f", {quoted(key)}: {value!r}")
            elif kind is bool:
                parts.append(f", {quoted(key)}: {'true' if value else 'false'}")
            else:
                return ""
        parts.append("}")
        return "".join(parts)

    def _timestamp(self, created: float) -> str:
        """As `timestamp_of`; the text of the second is remembered."""
        second, said = self._second
        microseconds = round((created - second) * 1e6)
        if not 0 <= microseconds < 1_000_000:
            whole = timestamp_of(created)
            if not whole.endswith("000000Z"):  # else it may be rounded up to this second
                self._second = math.floor(created), whole[:20]
            return whole
        return f"{said}{microseconds:06}Z"

    def _head(self, level: str, logger: str) -> str:
        head = self._heads.get((level, logger))
        if head is None:
            if len(self._heads) >= _HEADS_KEPT:
                self._heads.clear()
            said = {"level": level.lower(), "logger": logger, **self._service}
            head = self._heads[level, logger] = f'{_encode(said)[1:-1]}, "event": '
        return head

    def _any(self, record: logging.LogRecord, line: Line) -> str:
        said: dict[str, Any] = {
            **where(record),
            **self._service,
            "event": line.event,
            **current_span(),
            **renamed(line.fields),
        }
        if record.exc_info and record.exc_info[0]:
            said["exception"] = _structured(record.exc_info)
        if record.stack_info:
            said["stack"] = record.stack_info
        return _dumps(said)


def timestamp_of(created: float) -> str:
    """Seconds since 1970 in ISO 8601, with microseconds."""
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def where(record: logging.LogRecord) -> dict[str, Any]:
    """When it was said, by which logger, and how severe it is."""
    return {
        "timestamp": timestamp_of(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
    }


def current_span() -> dict[str, str]:
    """The ids of the current span, if there is one."""
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}


def renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, none of which has the name of one of ours."""
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
    if isinstance(value, tuple):
        return [_finite(item) for item in value]
    return value
