"""Spans as an OTLP `ExportTraceServiceRequest`.

The message has the content that the stock exporter's encoder gives it; a test holds them equal.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final, cast

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceState

from belvedere.sdk.export.attributes import AttributeEncoder
from belvedere.sdk.export.scopes import group_key, request
from belvedere.sdk.export.wire import VARINTS, length_delimited, varint

# Fields 1 (trace_id), 2 (span_id), 7 and 8 (start and end time), 6 (kind).
_HEAD: Final = Struct("<2s16s2s8scQcQBB")
_LINK_HEAD: Final = Struct("<2s16s2s8s")
_EVENT_HEAD: Final = Struct("<cQ")
_SPAN_ATTRIBUTES: Final = AttributeEncoder(b"\x4a")
_EVENT_ATTRIBUTES: Final = AttributeEncoder(b"\x1a")
_LINK_ATTRIBUTES: Final = AttributeEncoder(b"\x22")
# SpanFlags: the context knows whether it is remote, and is.
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
_SPAN_FLAGS: Final = {
    remote: b"\x85\x01" + (_HAS_IS_REMOTE | (_IS_REMOTE if remote else 0)).to_bytes(4, "little")
    for remote in (False, True)
}
_LINK_FLAGS: Final = {remote: b"\x35" + flags[2:] for remote, flags in _SPAN_FLAGS.items()}


def encode_spans(spans: Sequence[ReadableSpan]) -> bytes:
    """A serialized `ExportTraceServiceRequest` with `spans`, grouped by resource and scope."""
    groups: dict[tuple[bytes, bytes], list[bytes]] = {}
    resource = scope = records = None
    for span in spans:
        of_resource, of_scope = span.resource, span.instrumentation_scope
        if records is None or of_resource is not resource or of_scope is not scope:
            resource, scope = of_resource, of_scope
            records = groups.setdefault(group_key(resource, scope), [])
        records.append(_encode_span(span))
    return request(groups)


def _encode_span(span: ReadableSpan) -> bytes:
    context = span.context
    parent = span.parent
    name = span.name.encode(errors="replace")
    parts = [
        _HEAD.pack(
            b"\x0a\x10",
            context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            context.span_id.to_bytes(8, "big"),
            b"\x39",
            span.start_time or 0,
            b"\x41",
            span.end_time or 0,
            0x30,
            span.kind.value + 1,  # OTLP counts from SPAN_KIND_UNSPECIFIED
        ),
        b"\x2a",
        varint(len(name)),
        name,
        _encode_status(span.status),
    ]
    if parent is not None:
        parts.append(b"\x22\x08" + parent.span_id.to_bytes(8, "big"))
        parts.append(_SPAN_FLAGS[parent.is_remote])
    else:
        parts.append(_SPAN_FLAGS[False])
    if context.trace_state:
        parts.append(length_delimited(b"\x1a", _encode_trace_state(context.trace_state)))
    # Each kind of mapping that a span has can copy itself: cheaper than a look-up for each key.
    _SPAN_ATTRIBUTES.encode(cast("dict[str, Any]", span.attributes).copy(), parts)
    parts.extend(length_delimited(b"\x5a", _encode_event(event)) for event in span.events)
    parts.extend(length_delimited(b"\x6a", _encode_link(link)) for link in span.links)
    for tag, dropped in (
        (b"\x50", span.dropped_attributes),
        (b"\x60", span.dropped_events),
        (b"\x70", span.dropped_links),
    ):
        if dropped:
            parts.append(tag + varint(dropped))
    encoded = b"".join(parts)
    length = len(encoded)
    return b"\x12" + (VARINTS[length] if length < len(VARINTS) else varint(length)) + encoded


def _encode_status(status: Status) -> bytes:
    code = status.status_code
    if code is StatusCode.UNSET and not status.description:
        return b"\x7a\x00"
    content = b"" if not status.description else _text(b"\x12", status.description)
    if code is not StatusCode.UNSET:
        content += b"\x18" + varint(code.value)
    return length_delimited(b"\x7a", content)


def _encode_event(event: Event) -> bytes:
    parts = [_EVENT_HEAD.pack(b"\x09", event.timestamp), _text(b"\x12", event.name)]
    _EVENT_ATTRIBUTES.encode(event.attributes, parts)
    if event.dropped_attributes:
        parts.append(b"\x20" + varint(event.dropped_attributes))
    return b"".join(parts)


def _encode_link(link: Link) -> bytes:
    context: SpanContext = link.context
    parts = [
        _LINK_HEAD.pack(
            b"\x0a\x10",
            context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            context.span_id.to_bytes(8, "big"),
        ),
        _LINK_FLAGS[context.is_remote],
    ]
    _LINK_ATTRIBUTES.encode(link.attributes, parts)
    if link.dropped_attributes:
        parts.append(b"\x28" + varint(link.dropped_attributes))
    return b"".join(parts)


def _encode_trace_state(state: TraceState) -> bytes:
    return ",".join(f"{key}={value}" for key, value in state.items()).encode(errors="replace")


def _text(tag: bytes, text: str) -> bytes:
    return length_delimited(tag, text.encode(errors="replace"))
