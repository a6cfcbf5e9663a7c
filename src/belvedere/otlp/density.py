"""A guard before parsing: a request of a few bytes an item would need many times its size.

An empty span takes 2 bytes on the wire and 146 parsed: 64 MiB of them would be 4.7 GiB. Items of
real telemetry have 20 bytes at the least (ids, a time, a value).
"""

from typing import Final, TypeAlias

from belvedere.otlp.errors import TooLarge
from belvedere.otlp.signal import Signal
from belvedere.otlp.varint import read_varint

_Shape: TypeAlias = dict[int, "_Shape"]
"""Numbers of the fields to look into, each with the fields within."""

_SMALL_REQUEST_BYTES: Final = 1 << 20
"""Nothing this small can do harm, so nearly all requests pass without a look."""
_MIN_ITEM_BYTES: Final = 8

_POINTS: Final[_Shape] = {1: {}}
_SHAPES: Final[dict[Signal, _Shape]] = {
    Signal.TRACES: {1: {2: {2: {}}}},
    Signal.METRICS: {1: {2: {2: {5: _POINTS, 7: _POINTS, 9: _POINTS, 10: _POINTS, 11: _POINTS}}}},
    Signal.LOGS: {1: {2: {2: {}}}},
}
"""Request, resource, scope, item; for metrics also gauge, sum, ..., and data points."""


def check_density(signal: Signal, data: bytes) -> None:
    """Refuse a large request whose items, on average, are too small to be real.

    Bytes that are no protobuf pass: the parser says what is wrong with them.

    Raises:
        TooLarge: it has more items than telemetry of its size can have.
    """
    if len(data) <= _SMALL_REQUEST_BYTES:
        return
    most = len(data) // _MIN_ITEM_BYTES
    try:
        count = _count(data, 0, len(data), _SHAPES[signal], most)
    except ValueError:
        return
    if count > most:
        raise TooLarge(
            f"{len(data)} bytes hold more than {most} items: less than {_MIN_ITEM_BYTES} bytes each"
        )


def _count(data: bytes, position: int, end: int, shape: _Shape, most: int) -> int:
    """Messages in the fields of `shape` between two positions; stops soon after `most`."""
    count = 0
    while position < end and count <= most:
        tag, position = read_varint(data, position)
        wire_type = tag & 7
        if wire_type == 2:
            length, position = read_varint(data, position)
            inner = shape.get(tag >> 3)
            if inner is not None:
                count += 1
                if inner:
                    stop = min(position + length, end)
                    count += _count(data, position, stop, inner, most - count)
            position += length
        elif wire_type == 0:
            _, position = read_varint(data, position)
        elif wire_type in (1, 5):
            position += 8 if wire_type == 1 else 4
    return count
