"""What a log line says: its event, and the fields beside it.

The one place that knows what of a `logging.LogRecord` the application put there.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from structlog.contextvars import get_contextvars

from belvedere.sdk.logging.any_value import text

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What `logging` itself keeps on a record."""

_DOUBLED: Final = frozenset(
    {
        "color_message",  # uvicorn: the message, with colours
        # opentelemetry-instrumentation-logging: our trace_id, span_id and resource
        *("otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName"),
    }
)

_NO_FIELD: Final = _STANDARD | _DOUBLED


class Line(NamedTuple):
    """An event and its fields."""

    event: object
    """Of structlog's loggers whatever was given, otherwise the formatted message."""
    fields: Mapping[str, Any]


class Message:
    """The message of a record that a structured logger makes.

    Ours read the line; handlers of the application print it as `event key='value'`.
    """

    __slots__ = ("line",)

    def __init__(self, line: Line) -> None:
        self.line = line

    def __str__(self) -> str:
        event, fields = self.line
        return " ".join([str(event), *(f"{key}={value!r}" for key, value in fields.items())])


def line_of(record: logging.LogRecord) -> Line:
    """The event and fields of a record, whoever made it. Never raises."""
    message = record.msg
    if isinstance(message, Message):
        return message.line
    fields: dict[str, Any] = get_contextvars()
    fields |= {
        key: value
        for key, value in vars(record).items()
        if key not in _NO_FIELD and not key.startswith("_")
    }
    if isinstance(message, dict) and "event" in message and not record.args:
        # structlog's ProcessorFormatter.wrap_for_formatter, where an application uses it.
        fields.update((key, value) for key, value in message.items() if not key.startswith("_"))
        return Line(fields.pop("event"), fields)
    return Line(formatted(text(message), record.args), fields)


def formatted(event: object, arguments: Any) -> object:
    """The event with the arguments in it; beside it, where they do not fit: no line is lost."""
    if not arguments:
        return event
    try:
        return str(event) % arguments
    except Exception:  # noqa: BLE001 - whatever formatting an argument raises
        return f"{event} {arguments!r}"
