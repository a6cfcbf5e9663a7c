"""Log records as an OTLP `ExportLogsServiceRequest`.

The message has the content that the stock exporter's encoder gives it; a test holds them equal.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from belvedere.sdk.export.attributes import AttributeEncoder, any_value
from belvedere.sdk.export.scopes import group_key, request
from belvedere.sdk.export.wire import length_delimited, varint

# Fields 1 (time_unix_nano), 11 (observed_time_unix_nano) and 8 (flags).
_HEAD: Final = Struct("<cQcQcI")
_ATTRIBUTES: Final = AttributeEncoder(b"\x32")


def encode_log_records(records: Sequence[ReadWriteLogRecord]) -> bytes:
    """A serialized `ExportLogsServiceRequest` with `records`, grouped by resource and scope."""
    groups: dict[tuple[bytes, bytes], list[bytes]] = {}
    for record in records:
        key = group_key(record.resource or Resource.get_empty(), record.instrumentation_scope)
        groups.setdefault(key, []).append(length_delimited(b"\x12", _encode(record)))
    return request(groups)


def _encode(readable: ReadWriteLogRecord) -> bytes:
    record = readable.log_record
    parts = [
        _HEAD.pack(
            b"\x09",
            record.timestamp or 0,
            b"\x59",
            record.observed_timestamp or 0,
            b"\x45",
            int(record.trace_flags or 0),
        ),
        length_delimited(b"\x2a", _body(record.body)),
    ]
    if record.severity_number is not None:
        parts.append(b"\x10" + varint(record.severity_number.value))
    if record.severity_text:
        parts.append(_text(b"\x1a", record.severity_text))
    if record.trace_id:
        parts.append(b"\x4a\x10" + record.trace_id.to_bytes(16, "big"))
    if record.span_id:
        parts.append(b"\x52\x08" + record.span_id.to_bytes(8, "big"))
    if record.event_name:
        parts.append(_text(b"\x62", record.event_name))
    _ATTRIBUTES.encode(record.attributes, parts)
    if readable.dropped_attributes:
        parts.append(b"\x38" + varint(readable.dropped_attributes))
    return b"".join(parts)


def _body(body: object) -> bytes:
    try:
        return any_value(body)
    except (ValueError, TypeError, RecursionError):  # its text is better than no record
        return length_delimited(b"\x0a", str(body).encode(errors="replace"))


def _text(tag: bytes, text: str) -> bytes:
    return length_delimited(tag, text.encode(errors="replace"))
