"""Snappy's block format, which remote write compresses with, within a bound."""

from typing import Final

import cramjam

from belvedere.otlp.varint import read_varint
from belvedere.prometheus.errors import MalformedError, TooLargeError

MAX_DECODED_BYTES: Final = 32 << 20
"""Prometheus's own limit for a request, decompressed."""


def compress(data: bytes) -> bytes:
    """One block."""
    return bytes(cramjam.snappy.compress_raw(data))


def decompress(data: bytes, limit_bytes: int = MAX_DECODED_BYTES) -> bytes:
    """The contents of one block. Nothing is decompressed before its stated length is checked.

    Raises:
        TooLargeError: it holds more than `limit_bytes`.
        MalformedError: it is not a block.
    """
    length = decompressed_bytes(data)
    if length > limit_bytes:
        raise TooLargeError(
            f"the request has {length} bytes decompressed; at most {limit_bytes} are taken:"
            " send fewer samples at once"
        )
    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise MalformedError(f"the body is not a snappy block: {error}") from None


def decompressed_bytes(data: bytes) -> int:
    """The length that a block states for its contents.

    Raises:
        MalformedError: if it has no length.
    """
    try:
        length, _ = read_varint(data, 0)
    except (ValueError, IndexError):
        raise MalformedError("the body is not a snappy block: it has no length") from None
    return length
