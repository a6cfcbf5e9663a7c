"""A guard before parsing: a large request of hardly more than empty messages is refused at once.

Parsed, an empty span takes 73 times its size. What bounds memory is the process that decodes
large requests (`decode_pool.py`); this guard refuses the usual bombs in milliseconds, and where
the operating system cannot bound the memory of a process.
"""

from typing import Final

import numpy as np

from belvedere.otlp.errors import TooLarge

_SMALL_REQUEST_BYTES: Final = 1 << 20
"""Nothing this small can do harm, so nearly all requests pass without a look."""
_WINDOW_BYTES: Final = 64 << 10
"""Each window is judged alone, so that large messages cannot hide empty ones."""
_CHUNK_BYTES: Final = 16 * _WINDOW_BYTES
_LENGTH_DELIMITED: Final = 2
_MAX_EMPTY_SHARE: Final = 0.32
"""Empty messages per byte. An empty message has 2 bytes, 3 if its tag is longer than necessary."""
_MIN_JSON_CONTAINER_BYTES: Final = 5
"""Text full of brackets, within strings, has some more bytes for each; `{},` has 3."""


def check_density(data: bytes) -> None:
    """Refuse a large protobuf request with a window of hardly more than empty messages.

    Raises:
        TooLarge: if it has one.
    """
    if len(data) <= _SMALL_REQUEST_BYTES:
        return
    octets = np.frombuffer(data, np.uint8)
    for begin in range(0, len(octets), _CHUNK_BYTES):
        chunk = octets[begin : begin + _CHUNK_BYTES]
        empty = np.zeros(_CHUNK_BYTES, bool)
        np.logical_and(
            chunk[:-1] & 7 == _LENGTH_DELIMITED, chunk[1:] == 0, out=empty[: len(chunk) - 1]
        )
        counts = np.count_nonzero(empty.reshape(-1, _WINDOW_BYTES), axis=1)
        if counts.max() > _MAX_EMPTY_SHARE * _WINDOW_BYTES:
            raise TooLarge(
                f"{_WINDOW_BYTES} bytes of the request hold {counts.max()} empty messages:"
                " parsed, they would need many times the size of the request"
            )


def check_json_density(data: bytes) -> None:
    """Refuse a large JSON body that is hardly more than brackets.

    Raises:
        TooLarge: if it has more objects and arrays than telemetry of its size can have.
    """
    if len(data) <= _SMALL_REQUEST_BYTES:
        return
    most = len(data) // _MIN_JSON_CONTAINER_BYTES
    if data.count(b"{") + data.count(b"[") > most:
        raise TooLarge(
            f"{len(data)} bytes of JSON hold more than {most} objects and arrays:"
            " parsed, they would need many times the size of the request"
        )
