"""A guard before parsing: a request of a few bytes an item would need many times its size.

An empty span takes 2 bytes on the wire and 146 parsed: 64 MiB of them would be 4.7 GiB. Items of
real telemetry have 20 bytes at the least (ids, a time, a value). In JSON an empty span takes 3
bytes and, on its way, 320.
"""

from typing import Final, TypeAlias

import numpy as np

from belvedere.otlp.errors import TooLarge
from belvedere.otlp.signal import Signal
from belvedere.otlp.varint import read_varint

_Shape: TypeAlias = dict[int, "_Shape"]
"""Tags of the messages to look into, each with the messages within."""

_SMALL_REQUEST_BYTES: Final = 1 << 20
"""Nothing this small can do harm, so nearly all requests pass without a look."""
_MIN_ITEM_BYTES: Final = 8
_WINDOW_ITEMS: Final = 1 << 15
"""The mean is over so many items in a row, so that large ones cannot hide small ones."""
_CHUNK_BYTES: Final = _WINDOW_ITEMS * _MIN_ITEM_BYTES
"""Too many items in a row fill less than this, so half of them are in one of two such chunks."""
_SCOPE_OR_ITEM: Final = (0x12, 0x92)
"""First bytes of their tag; the latter where it is written longer than it need be."""
_MIN_JSON_CONTAINER_BYTES: Final = 5
"""Text full of brackets, within strings, has some more bytes for each; `{},` has 3."""


def _shape(within: dict[int, _Shape]) -> _Shape:
    """By tag what is given by field number."""
    return {number << 3 | 2: inner for number, inner in within.items()}


_POINTS: Final = _shape({1: {}})
_METRIC: Final = _shape({5: _POINTS, 7: _POINTS, 9: _POINTS, 10: _POINTS, 11: _POINTS})


def _request(item: _Shape) -> _Shape:
    """Resources in the request, scopes in them, items in those."""
    return _shape({1: _shape({2: _shape({2: item})})})


_SHAPES: Final[dict[Signal, _Shape]] = {
    Signal.TRACES: _request({}),
    Signal.METRICS: _request(_METRIC),
    Signal.LOGS: _request({}),
}


_RESOURCES: Final = _shape({1: {}})


def check_density(signal: Signal, data: bytes) -> None:
    """Refuse a large request with many items in a row that are too small to be real.

    Bytes that are no protobuf pass: the parser says what is wrong with them.

    Raises:
        TooLarge: it has more items than telemetry of its size can have.
    """
    if len(data) <= _SMALL_REQUEST_BYTES:
        return
    try:
        if signal is Signal.METRICS or not _is_sparse(data):
            _Walk(data).walk(0, len(data), _SHAPES[signal])
    except (ValueError, IndexError):
        return


def _is_sparse(data: bytes) -> bool:
    """Whether a request of traces or logs certainly passes: much faster than the walk.

    Scopes and items begin with one byte that is easy to count. It is elsewhere, too, so a request
    may pass that this does not say so of.
    """
    walk = _Walk(data)
    walk.walk(0, len(data), _RESOURCES)
    most = _WINDOW_ITEMS // 2 - walk.items
    octets = np.frombuffer(data, np.uint8)
    chunks = (octets[begin:][:_CHUNK_BYTES] for begin in range(0, len(octets), _CHUNK_BYTES))
    return all(
        sum(np.count_nonzero(chunk == byte) for byte in _SCOPE_OR_ITEM) < most for chunk in chunks
    )


def check_json_density(data: bytes) -> None:
    """Refuse a large JSON body that is hardly more than brackets.

    Raises:
        TooLarge: it has more objects and arrays than telemetry of its size can have.
    """
    if len(data) <= _SMALL_REQUEST_BYTES:
        return
    most = len(data) // _MIN_JSON_CONTAINER_BYTES
    if data.count(b"{") + data.count(b"[") > most:
        raise TooLarge(
            f"{len(data)} bytes of JSON hold more than {most} objects and arrays:"
            " parsed, they would need many times the size of the request"
        )


class _Walk:
    """A walk over the messages of a request, from its begin to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.items = 0
        self._window_begin = 0

    def walk(self, position: int, end: int, shape: _Shape) -> None:
        """Look at the fields between two positions.

        Raises:
            TooLarge: too many small items in a row.
            ValueError, IndexError: these are no fields.
        """
        data = self._data
        while position < end:
            tag = data[position]
            position += 1
            if tag >= 0x80:
                tag, position = read_varint(data, position - 1)
            wire_type = tag & 7
            if wire_type == 2:
                length = data[position]
                position += 1
                if length >= 0x80:
                    length, position = read_varint(data, position - 1)
                inner = shape.get(tag)
                if inner is not None:
                    self._count(position)
                    if inner:
                        self.walk(position, min(position + length, end), inner)
                position += length
            elif wire_type == 0:
                _, position = read_varint(data, position)
            elif wire_type in (1, 5):
                position += 8 if wire_type == 1 else 4

    def _count(self, position: int) -> None:
        self.items += 1
        if self.items % _WINDOW_ITEMS:
            return
        if position - self._window_begin < _WINDOW_ITEMS * _MIN_ITEM_BYTES:
            raise TooLarge(
                f"{_WINDOW_ITEMS} items in a row have less than {_MIN_ITEM_BYTES} bytes each:"
                " parsed, they would need many times the size of the request"
            )
        self._window_begin = position
