"""How a batch stands in the file, as the Collector's `file` exporter writes it.

| format | compression | a batch is |
|---|---|---|
| json | | a line of OTLP/JSON |
| json | zstd | its length in 4 bytes, big endian, and that many bytes: one zstd frame of the JSON |
| proto | | its length in 4 bytes, big endian, and that many bytes: the OTLP message |
| proto | zstd | its length in 4 bytes, big endian, and that many bytes: one zstd frame of it |
"""

import os
import struct
from collections.abc import Callable, Mapping
from typing import Final

import zstandard

from belvedere.otlp.batch import Batch
from belvedere.otlp.json_writer import json_bytes

_LENGTH: Final = struct.Struct(">I")

Encode = Callable[[Batch], bytes]


def encoder(form: str, compression: str) -> Encode:
    """What makes the bytes of a batch."""
    message = _MESSAGES[form]
    if compression:
        return lambda batch: _with_length(zstandard.ZstdCompressor().compress(message(batch)))
    if form == "proto":
        return lambda batch: _with_length(message(batch))
    return lambda batch: message(batch) + b"\n"


def is_lines(form: str, compression: str) -> bool:
    """Whether the file is lines of text."""
    return form == "json" and not compression


def repair(descriptor: int, size_bytes: int, *, lines: bool) -> int:
    """Make the end of a file whole, which a crash may have cut; returns its size after that.

    A torn line is ended, as it may still be of use; a torn message is cut off.
    """
    if not size_bytes:
        return 0
    if lines:
        if os.pread(descriptor, 1, size_bytes - 1) != b"\n":
            size_bytes += os.pwrite(descriptor, b"\n", size_bytes)
        return size_bytes
    end = 0
    while end + _LENGTH.size <= size_bytes:
        (length,) = _LENGTH.unpack(os.pread(descriptor, _LENGTH.size, end))
        if end + _LENGTH.size + length > size_bytes:
            break
        end += _LENGTH.size + length
    os.ftruncate(descriptor, end)
    return end


def _with_length(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


_MESSAGES: Final[Mapping[str, Encode]] = {
    "json": lambda batch: json_bytes(batch.signal.request_type.FromString(batch.data)),
    "proto": lambda batch: batch.data,
}
