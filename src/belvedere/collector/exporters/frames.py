"""Batches one after another in a file: what a queue on disk holds.

    magic  length of metadata  items  length of data  CRC-32 of both   metadata (JSON)   data
    BVF1   4 bytes             4      4               4                ...               ...

A segment of the store's queue is requests without a frame between, since they are inserted as
one. An exporter sends the requests that it was given, one by one, and so has to find them again.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_MAGIC: Final = b"BVF1"
_HEAD: Final = struct.Struct("<4sIIII")


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a batch stands in a segment."""

    start: int
    """Of the frame's head."""
    metadata: int
    data: int
    end: int
    items: int
    checksum: int

    @property
    def data_bytes(self) -> int:
        """Size of the serialized request."""
        return self.end - self.data


def framed(batch: Batch) -> bytes:
    """A batch as a frame. Its project and signal are not in it."""
    metadata = json.dumps(dict(batch.metadata)).encode() if batch.metadata else b""
    checksum = zlib.crc32(batch.data, zlib.crc32(metadata))
    head = _HEAD.pack(_MAGIC, len(metadata), batch.items, len(batch.data), checksum)
    return b"".join((head, metadata, batch.data))


def frames(segment: bytes) -> Iterator[Frame]:
    """The frames of a segment, in order; ends before the first that is not whole."""
    start = 0
    while start + _HEAD.size <= len(segment):
        magic, metadata_bytes, items, data_bytes, checksum = _HEAD.unpack_from(segment, start)
        metadata = start + _HEAD.size
        data = metadata + metadata_bytes
        end = data + data_bytes
        if magic != _MAGIC or end > len(segment):
            return
        yield Frame(start, metadata, data, end, items, checksum)
        start = end


def whole_frames(segment: bytes) -> int:
    """How many bytes of a segment are whole frames."""
    return max((frame.end for frame in frames(segment)), default=0)


def read_frame(segment: bytes, frame: Frame, signal: Signal, project: str) -> Batch | None:
    """The batch of a frame; None if its bytes are not those that were written."""
    if zlib.crc32(segment[frame.metadata : frame.end]) != frame.checksum:
        return None
    metadata = {}
    if frame.metadata < frame.data:
        found = json.loads(segment[frame.metadata : frame.data])
        metadata = {name: tuple(values) for name, values in found.items()}
    return Batch(signal, segment[frame.data : frame.end], frame.items, project, metadata)
