"""Random OTLP requests, by the official descriptors, and what tests do to their bytes."""

import base64
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.otlp.signal import ExportRequest, Signal

_UINT64 = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
_UINT32 = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1))
_INT64 = st.integers(-(2**63), 2**63 - 1)
_INT32 = st.integers(-(2**31), 2**31 - 1)
_SCALARS = {
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_ENUM: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: st.text(max_size=8),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=16),
}
_IDS = {
    "trace_id": st.binary(min_size=16, max_size=16).filter(any),
    "span_id": st.binary(min_size=8, max_size=8).filter(any),
    "parent_span_id": st.one_of(st.just(b""), st.binary(min_size=8, max_size=8)),
}


@st.composite
def _fields(draw: st.DrawFn, descriptor: Descriptor, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    chosen = {
        group.name: draw(st.sampled_from(list(group.fields))).name for group in descriptor.oneofs
    }
    for field in descriptor.fields:
        group = field.containing_oneof
        if group is not None and (chosen[group.name] != field.name or not draw(st.booleans())):
            continue
        if field.message_type is None:
            value: st.SearchStrategy[Any] = _IDS.get(field.name, _SCALARS[field.type])
        elif depth > 0:
            value = _fields(field.message_type, depth - 1)
        else:
            continue
        if field.is_repeated:
            # Mostly not empty: what matters lies several lists deep.
            least = draw(st.sampled_from([0, 1, 1, 1])) if field.message_type else 0
            result[field.name] = draw(st.lists(value, min_size=least, max_size=2))
        elif group is not None or field.name in _IDS or draw(st.booleans()):
            result[field.name] = draw(value)
    return result


def requests(signal: Signal, *, depth: int = 9) -> st.SearchStrategy[ExportRequest]:
    """Requests of any shape, with valid ids."""
    request_type = signal.request_type
    return _fields(request_type.DESCRIPTOR, depth).map(lambda fields: request_type(**fields))


def otlp_json(message: Message) -> bytes:
    """A message as OTLP/JSON, by way of protobuf's own JSON mapping."""
    value = json_format.MessageToDict(message, use_integers_for_enums=True)
    return orjson.dumps(_with_hexadecimal_ids(value))


def _with_hexadecimal_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_hexadecimal_ids(element) for element in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(inner).hex()
            if key in ("traceId", "spanId", "parentSpanId")
            else _with_hexadecimal_ids(inner)
            for key, inner in value.items()
        }
    return value


def varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*octets, value))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


TRACE_ID = bytes(range(16))
SPAN_ID = bytes(range(1, 9))


def trace_request(*spans: dict[str, Any]) -> ExportTraceServiceRequest:
    """Spans in one scope; ids are there unless they are given."""
    ids = {"trace_id": TRACE_ID, "span_id": SPAN_ID}
    return ExportTraceServiceRequest(
        resource_spans=[{"scope_spans": [{"spans": [{**ids, **span} for span in spans]}]}]
    )


def span_bytes(content: bytes) -> bytes:
    """A request with one span that has ids, and these bytes."""
    ids = field(1, TRACE_ID) + field(2, SPAN_ID)
    return field(1, field(2, field(2, ids + content)))


def attribute_bytes(any_value: bytes) -> bytes:
    """A span's attribute `k` with a value of these bytes."""
    return field(9, field(1, b"k") + field(2, any_value))
