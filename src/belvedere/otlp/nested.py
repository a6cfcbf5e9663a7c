"""Lists and maps as attribute values become JSON text, for the store.

Columns cannot hold values of any depth, so `array_value` and `kvlist_value` are rewritten as
`string_value`. Most requests have none. To find out, the bytes are searched for the begin of such
a value, which takes less time than parsing; only items that have one are parsed and written anew.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from belvedere.otlp.any_value import json_text
from belvedere.otlp.signal import Signal
from belvedere.otlp.varint import read_varint, write_varint

# A field with an AnyValue in it (KeyValue.value is field 2, LogRecord.body is field 5), its
# length, then the tag of array_value (5) or kvlist_value (6), and its length. Only the first byte
# is consumed, so that a match by chance does not hide a true one that begins within it.
_BEGIN: Final = rb"%b(?=([\x80-\xff]{0,4}[\x00-\x7f])[\x2a\x32]([\x80-\xff]{0,4}[\x00-\x7f]))"
_KEY_VALUE: Final = re.compile(_BEGIN % rb"\x12")
_LOG_BODY: Final = re.compile(_BEGIN % rb"\x2a")
_PATTERNS: Final = {
    Signal.TRACES: (_KEY_VALUE,),
    Signal.METRICS: (_KEY_VALUE,),
    # One literal first byte each: twice as fast as both in one expression.
    Signal.LOGS: (_KEY_VALUE, _LOG_BODY),
}

_SCAN_BYTES: Final = 256 << 10
"""A scan holds Python's lock, and may be slow: it is done in pieces."""
_MAX_BEGIN_BYTES: Final = 12
"""Of a match, with what is looked at behind it."""

_Level: TypeAlias = dict[int, "_Level | _Leaf"]
"""What the fields of a message hold, by number: further fields, or a message with attributes."""


class _Leaf:
    """A message that is parsed to rewrite the values in it."""

    def __init__(
        self, message_type: type[Message], values: Callable[[Any], Iterator[AnyValue]]
    ) -> None:
        self._message_type = message_type
        self._values = values

    def rewritten(self, data: bytes) -> bytes:
        """`data` with nested values as text."""
        message = self._message_type.FromString(data)
        for value in self._values(message):
            if value.WhichOneof("value") in ("array_value", "kvlist_value"):
                value.string_value = json_text(value)
        return message.SerializeToString()


def flatten_nested(signal: Signal, data: bytes) -> bytes:
    """The same request with lists and maps as JSON text (`any_value.json_text`).

    Args:
        signal: of the request.
        data: one or several serialized requests, as `decode` makes them: canonical, and with
            lengths below 4 GiB.

    Returns:
        `data` itself if there is nothing nested in it.

    Raises:
        ValueError: `data` is not valid.
    """
    found = sorted(_found(signal, data))
    if not found:
        return data
    return _rewritten(data, 0, len(data), _SHAPES[signal], found)


def has_nested(signal: Signal, data: bytes) -> bool:
    """Whether `flatten_nested` may change `data`."""
    return any(True for _ in _found(signal, data))


def _found(signal: Signal, data: bytes) -> Iterator[int]:
    """Where fields begin that hold a list or a map, by their first bytes."""
    for pattern in _PATTERNS[signal]:
        for match in _matches(pattern, data):
            if _holds_exactly_one_field(match):
                yield match.start()


def _matches(pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    for begin in range(0, len(data), _SCAN_BYTES):
        end = begin + _SCAN_BYTES
        for match in pattern.finditer(data, begin, end + _MAX_BEGIN_BYTES):
            if match.start() < end:
                yield match


def _holds_exactly_one_field(match: re.Match[bytes]) -> bool:
    """Whether the two lengths fit: an AnyValue is one field, which is as long as it is."""
    outer, _ = read_varint(match[1], 0)
    inner, size = read_varint(match[2], 0)
    return outer == 1 + size + inner


def _rewritten(data: bytes, position: int, end: int, level: _Level, found: list[int]) -> bytes:
    """The fields between two positions, those with something found in them written anew."""
    pieces: list[bytes] = []
    unchanged = position
    while position < end:
        field = position
        tag, body = read_varint(data, position)
        if tag & 7 != 2:
            raise ValueError(f"a field of wire type {tag & 7} is not canonical here")
        length, body = read_varint(data, body)
        position = body + length
        inner = level.get(tag >> 3)
        if inner is None or bisect_left(found, body) == bisect_left(found, position):
            continue
        if isinstance(inner, _Leaf):
            new = inner.rewritten(data[body:position])
        else:
            new = _rewritten(data, body, position, inner, found)
        pieces += (data[unchanged:field], write_varint(tag), write_varint(len(new)), new)
        unchanged = position
    if position != end:
        raise ValueError("a field is longer than the message that it is in")
    pieces.append(data[unchanged:end])
    return b"".join(pieces)


def _attributes(owner: Any) -> Iterator[AnyValue]:
    for attribute in owner.attributes:
        yield attribute.value


def _span_values(span: Any) -> Iterator[AnyValue]:
    yield from _attributes(span)
    for part in (*span.events, *span.links):
        yield from _attributes(part)


def _log_values(record: Any) -> Iterator[AnyValue]:
    if record.HasField("body"):
        yield record.body
    yield from _attributes(record)


def _metric_values(metric: Any) -> Iterator[AnyValue]:
    for entry in metric.metadata:
        yield entry.value
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points if kind else ():
        yield from _attributes(point)
        if kind != "summary":
            for exemplar in point.exemplars:
                for attribute in exemplar.filtered_attributes:
                    yield attribute.value


_RESOURCE: Final = _Leaf(Resource, _attributes)
_SCOPE: Final = _Leaf(InstrumentationScope, _attributes)


def _request(item: _Leaf) -> _Level:
    """The levels of an export request: their field numbers are the same for all signals."""
    scope: _Level = {1: _SCOPE, 2: item}
    resource: _Level = {1: _RESOURCE, 2: scope}
    return {1: resource}


_SHAPES: Final[dict[Signal, _Level]] = {
    Signal.TRACES: _request(_Leaf(Span, _span_values)),
    Signal.METRICS: _request(_Leaf(Metric, _metric_values)),
    Signal.LOGS: _request(_Leaf(LogRecord, _log_values)),
}
