"""Compressed bodies: inflated piece by piece, never further than the limit."""

import zlib
from collections.abc import Callable
from typing import Final

import cramjam
import numpy as np
import zstandard
from isal import isal_zlib

from belvedere.otlp.errors import Malformed, TooLarge, UnsupportedEncoding

DEFAULT_LIMIT_BYTES: Final = 64 << 20
"""What the OTLP specification recommends for requests, after decompression."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZLIB_MAGIC: Final = 0x78
_GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS
_IsalError: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # the stub declares an instance
_INFLATE_PIECE_BYTES: Final = 256 << 10

_ZSTD_MAX_WINDOW_BYTES: Final = 32 << 20
"""What encoders use at their highest levels; a frame header may ask for gigabytes."""
_ZSTD_MAX_RATIO: Final = 32 << 10
"""A block of four bytes can stand for 128 KiB."""
_ZSTD_MIN_PIECE_BYTES: Final = 256

_SNAPPY_STREAM: Final = b"\xff\x06\x00\x00sNaPpY"
_SNAPPY_CHUNK_BYTES: Final = 16 << 10
"""Encoders put 64 KiB into each chunk but the last of what they have at a time."""
_SNAPPY_HEAD_BYTES: Final = 4
_SNAPPY_CHECKSUM_BYTES: Final = 4
_SNAPPY_COMPRESSED: Final = 0
_SNAPPY_DATA: Final = (_SNAPPY_COMPRESSED, 1)
_SNAPPY_SKIPPABLE: Final = 0x80
"""Chunk types from here on may be passed over."""

_LZ4_FULL: Final = "failed to write whole buffer"
"""In the text of the library's error."""

_MAX_MEMBERS: Final = 4096
"""Concatenated streams in one body. Empty ones cost time and give nothing."""


def decompress(data: bytes, coding: str, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> bytes:
    """The content of a body with the `Content-Encoding` `coding` ("" is identity).

    Several gzip members or zstd frames, one after the other, are one content (RFC 1952, 8878).
    Memory stays near `limit_bytes` whatever the body claims or would inflate to.

    Raises:
        TooLarge: the content is longer than `limit_bytes`.
        Malformed: the body is no such stream, is cut short, or something follows its end.
        UnsupportedEncoding: there is no such coding here.
    """
    try:
        decoder = _DECODERS[coding.strip().lower()]
    except KeyError:
        raise UnsupportedEncoding(
            f"the Content-Encoding must be one of {', '.join(filter(None, _DECODERS))},"
            f" and is {coding[:100]!r}"
        ) from None
    return decoder(data, limit_bytes)


def coding_of_grpc_message(data: bytes) -> str:
    """The coding of a gRPC message that was not decompressed, by its first bytes.

    No export request begins like this: 0x1f is a wire type that does not exist, and 0x78 is a
    field number that the requests do not have.
    """
    if data.startswith(_GZIP_MAGIC):
        return "gzip"
    if len(data) >= 2 and data[0] == _ZLIB_MAGIC and (data[0] << 8 | data[1]) % 31 == 0:
        return "deflate"
    return "identity"


def _identity(data: bytes, limit_bytes: int) -> bytes:
    if len(data) > limit_bytes:
        raise _too_large(limit_bytes)
    return data


def _gzip(data: bytes, limit_bytes: int) -> bytes:
    return _inflate(data, limit_bytes, _GZIP_WINDOW_BITS, "gzip")


def _deflate(data: bytes, limit_bytes: int) -> bytes:
    return _inflate(data, limit_bytes, zlib.MAX_WBITS, "deflate")


def _inflate(data: bytes, limit_bytes: int, window_bits: int, name: str) -> bytes:
    content: list[bytes] = []
    room = limit_bytes
    position = 0
    for _ in range(_MAX_MEMBERS):
        stream = isal_zlib.decompressobj(wbits=window_bits)
        while not stream.eof:
            piece = data[position : position + _INFLATE_PIECE_BYTES]
            if not piece:
                raise Malformed(f"the {name} body is cut short")
            try:
                inflated = stream.decompress(piece, room + 1)
            except _IsalError as error:
                raise Malformed(f"the body is not valid {name}: {error}") from None
            room -= len(inflated)
            if room < 0:
                raise _too_large(limit_bytes)
            content.append(inflated)
            position += len(piece) - len(stream.unused_data)
        if position == len(data):
            return b"".join(content)
    raise Malformed(f"the body has more than {_MAX_MEMBERS} {name} members")


def _zstd(data: bytes, limit_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES)
    content: list[bytes] = []
    room = limit_bytes
    position = 0
    for _ in range(_MAX_MEMBERS):
        stream = decompressor.decompressobj()
        while not stream.eof:
            # The library has no limit on its output, so the input is metered instead.
            piece_bytes = max(_ZSTD_MIN_PIECE_BYTES, room // _ZSTD_MAX_RATIO)
            piece = data[position : position + piece_bytes]
            if not piece:
                raise Malformed("the zstd body is cut short")
            try:
                inflated = stream.decompress(piece)
            except zstandard.ZstdError as error:
                raise Malformed(f"the body is not valid zstd: {error}") from None
            room -= len(inflated)
            if room < 0:
                raise _too_large(limit_bytes)
            content.append(inflated)
            position += len(piece) - len(stream.unused_data)
        if position == len(data):
            return b"".join(content)
    raise Malformed(f"the body has more than {_MAX_MEMBERS} zstd frames")


def _snappy(data: bytes, limit_bytes: int) -> bytes:
    """A stream of frames, or one bare block: the Collector sends either under this name."""
    if not data.startswith(_SNAPPY_STREAM):
        return _snappy_block(data, limit_bytes)
    content: list[bytes] = []
    room = limit_bytes
    position = 0
    for _ in range(_MAX_MEMBERS + limit_bytes // _SNAPPY_CHUNK_BYTES):
        if position == len(data):
            return b"".join(content)
        kind = data[position]
        begin = position + _SNAPPY_HEAD_BYTES
        end = begin + int.from_bytes(data[position + 1 : begin], "little")
        if begin > len(data) or end > len(data):
            raise Malformed("the snappy body is cut short")
        if kind in _SNAPPY_DATA:
            # The checksum (CRC-32C) is not looked at: TCP and TLS have theirs.
            chunk = data[begin + _SNAPPY_CHECKSUM_BYTES : end]
            inflated = _snappy_block(chunk, room) if kind == _SNAPPY_COMPRESSED else chunk
            room -= len(inflated)
            if room < 0:
                raise _too_large(limit_bytes)
            content.append(inflated)
        elif kind < _SNAPPY_SKIPPABLE:
            raise Malformed(f"the snappy body has a chunk of the unknown type {kind}")
        position = end
    raise Malformed("the snappy body has too many chunks, of too little content")


def _snappy_block(data: bytes, limit_bytes: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(data) > limit_bytes:
            raise _too_large(limit_bytes)
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise Malformed(f"the body is not valid snappy: {error}") from None


def _lz4(data: bytes, limit_bytes: int) -> bytes:
    # Pages that nothing is written to take no memory.
    content = np.empty(limit_bytes + 1, np.uint8)
    try:
        size = cramjam.lz4.decompress_into(data, content.data)
    except cramjam.DecompressionError as error:
        if _LZ4_FULL in str(error):
            raise _too_large(limit_bytes) from None
        raise Malformed(f"the body is not valid lz4: {error}") from None
    if size > limit_bytes:
        raise _too_large(limit_bytes)
    return content[:size].tobytes()


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"the request has more than {limit_bytes} bytes after decompression")


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "snappy": _snappy,
    "x-snappy-framed": _snappy,
    "zlib": _deflate,
    "lz4": _lz4,
}
