"""Attributes changed in a serialized request, of which nothing else is parsed or written anew.

Parsing, changing and serializing a request costs several times what copying its bytes does. Here
only the lengths of the messages on the way to a change are written again. What comes out reads as
what a parser would have made of it; `None` stands for encodings that are left to one (groups).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from belvedere.otlp.signal import Signal
from belvedere.otlp.varint import read_varint, write_varint

_Shape: TypeAlias = "Mapping[int, _Shape | int]"
"""Tags of the messages on the way, each with those within; for items, the tag of attributes."""
_Additions: TypeAlias = "Mapping[int, _Additions | bytes]"
"""The same, with what is put at the end of each item."""

_REQUEST: Final = 0x0A
"""Tag of the entries of a request: each is a resource and its scopes."""
_RESOURCE: Final = 0x0A
"""Tag of the resource in such an entry."""


def _request(item: "_Shape | int") -> _Shape:
    """Entries in the request, scopes in them, items in those."""
    return {_REQUEST: {0x12: {0x12: item}}}


_SHAPES: Final[dict[Signal, _Shape]] = {
    Signal.TRACES: _request(0x4A),
    Signal.LOGS: _request(0x32),
    # Data points of gauges, sums, histograms, exponential histograms, summaries.
    Signal.METRICS: _request(
        {0x2A: {0x0A: 0x3A}, 0x3A: {0x0A: 0x3A}, 0x4A: {0x0A: 0x4A}, 0x52: {0x0A: 0x0A}}
        | {0x5A: {0x0A: 0x3A}}
    ),
}


def append_attributes(signal: Signal, data: bytes, attributes: list[KeyValue]) -> bytes | None:
    """The request with these attributes after those that each span, point or record has."""
    out: list[bytes] = []
    additions = _additions(_SHAPES[signal], [pair.SerializeToString() for pair in attributes])
    try:
        _extend(data, 0, len(data), additions, out)
    except (ValueError, IndexError):
        return None
    return b"".join(out)


def change_resources(data: bytes, change: Callable[[Resource], None]) -> bytes | None:
    """The request of any signal after `change` was called with each of its resources."""
    out: list[bytes] = []
    try:
        for tag, at, begin, after in _fields(data, 0, len(data)):
            if tag == _REQUEST:
                entry = _with_resource(data, begin, after, change)
                out += (_header(tag, len(entry)), entry)
            else:
                out.append(data[at:after])
    except (ValueError, IndexError):
        return None
    return b"".join(out)


def _with_resource(data: bytes, at: int, end: int, change: Callable[[Resource], None]) -> bytes:
    fields = list(_fields(data, at, end))
    parts = [data[begin:after] for tag, _, begin, after in fields if tag == _RESOURCE]
    others = [data[start:after] for tag, start, _, after in fields if tag != _RESOURCE]
    resource = Resource.FromString(b"".join(parts))  # parts of a message are one, joined
    change(resource)
    serialized = resource.SerializeToString()
    if not parts and not serialized:
        return data[at:end]
    return b"".join((_header(_RESOURCE, len(serialized)), serialized, *others))


def _additions(shape: _Shape, serialized: list[bytes]) -> _Additions:
    return {
        tag: b"".join(_header(inner, len(each)) + each for each in serialized)
        if isinstance(inner, int)
        else _additions(inner, serialized)
        for tag, inner in shape.items()
    }


def _extend(data: bytes, at: int, end: int, additions: _Additions, out: list[bytes]) -> int:
    """Write the fields between two positions, with additions; returns by how much they grew.

    Raises:
        ValueError, IndexError: these are no fields, or groups.
    """
    copied, grown = at, 0
    while at < end:  # the one loop over all items: written for speed
        tag, length, begin = data[at], data[at + 1], at + 2
        inner = additions.get(tag)
        if inner is None:
            at = _after(data, at)
            continue
        if length >= 0x80:
            if (more := data[begin]) < 0x80:  # two bytes, as nearly always
                length, begin = length + (more << 7) - 0x80, begin + 1
            else:
                length, begin = read_varint(data, at + 1)
        after = begin + length
        if after > end:
            raise ValueError("a message is longer than what it is in")
        if copied < at:
            out.append(data[copied:at])
        if isinstance(inner, bytes):
            header = _header(tag, length + len(inner))
            out += (header, data[begin:after], inner)
            grown += len(header) + len(inner) - (begin - at)
        else:
            place = len(out)
            out.append(b"")
            by = _extend(data, begin, after, inner, out)
            out[place] = header = _header(tag, length + by)
            grown += len(header) + by - (begin - at)
        at = copied = after
    if copied < end:
        out.append(data[copied:end])
    return grown


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, begin, begin of the content, and end, of the fields between two positions."""
    while at < end:
        after = _after(data, at)
        if after > end:
            raise ValueError("a field is longer than what it is in")
        tag, begin = read_varint(data, at)
        if tag & 7 == 2:
            _, begin = read_varint(data, begin)
        yield tag, at, begin, after
        at = after


def _after(data: bytes, at: int) -> int:
    """Where the field at a position ends."""
    tag, begin = read_varint(data, at)
    match tag & 7:
        case 0:
            return read_varint(data, begin)[1]
        case 1:
            return begin + 8
        case 2:
            length, begin = read_varint(data, begin)
            return begin + length
        case 5:
            return begin + 4
        case wire_type:
            raise ValueError(f"a field of wire type {wire_type}")


@lru_cache(4096)
def _header(tag: int, length: int) -> bytes:
    return bytes((tag,)) + write_varint(length)
