"""Requests in a file: made before a run, by all cores; read through the page cache."""

import itertools
import mmap
import os
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from isal import igzip

from belvedere.otlp.batch import count_items
from payloads.request import Times
from payloads.workload import Workload

_REQUESTS_PER_TASK: Final = 50
"""A multiple of the block that spans are made in."""
_GZIP_LEVEL: Final = 2


@dataclass(frozen=True, slots=True)
class Payload:
    """Serialized requests, one after another in a file; their sizes stand in another beside it."""

    path: str

    def sizes_bytes(self) -> list[int]:
        """Of each request."""
        sizes = array("I")
        sizes.frombytes(_sizes_file(self.path).read_bytes())
        return sizes.tolist()

    def read(self, first: int, count: int) -> list[memoryview]:
        """Requests `first` to `first + count`, mapped, not copied."""
        with Path(self.path).open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        offsets = [0, *itertools.accumulate(self.sizes_bytes())]
        return [data[offsets[at] : offsets[at + 1]] for at in range(first, first + count)]

    def remove(self) -> None:
        """Delete the files."""
        Path(self.path).unlink()
        _sizes_file(self.path).unlink()


def _sizes_file(path: str) -> Path:
    return Path(path + ".sizes")


def encode(
    workload: Workload, count: int, directory: Path, progress: Callable[[int], None]
) -> Payload:
    """Make the first `count` requests of a workload. Their times end now.

    Raises:
        AssertionError: a request is not what the official messages would make of it.
    """
    begin_ns = time.time_ns() - count * workload.step_ns * workload.steps_per_request
    begin_ns -= begin_ns % 1_000_000_000
    make = partial(_encode, workload, Times(begin_ns, workload.step_ns), count)
    payload = _write(directory / f"{workload.name}.otlp", make, count, progress)
    _check(workload, bytes(payload.read(0, 1)[0]))
    return payload


def compress(payload: Payload, progress: Callable[[int], None]) -> Payload:
    """The same requests, each in gzip."""
    make = partial(_compress, payload)
    return _write(Path(payload.path + ".gz"), make, len(payload.sizes_bytes()), progress)


def joined(payload: Payload, by: int) -> Payload:
    """The same records in larger requests: each has those of `by` of the others.

    Requests one after another are one request, with the contents of all.
    """
    sizes = payload.sizes_bytes()
    whole = array("I", (sum(sizes[at : at + by]) for at in range(0, len(sizes), by)))
    path = Path(f"{payload.path}.{by}")
    path.symlink_to(payload.path)
    _sizes_file(str(path)).write_bytes(whole.tobytes())
    return Payload(str(path))


def _write(
    path: Path,
    make: Callable[[int], list[bytes]],
    count: int,
    progress: Callable[[int], None],
) -> Payload:
    sizes_bytes = array("I")
    with (
        path.open("wb") as file,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        for requests in pool.map(make, range(0, count, _REQUESTS_PER_TASK)):
            file.writelines(requests)
            sizes_bytes.extend(map(len, requests))
            progress(len(sizes_bytes))
    _sizes_file(str(path)).write_bytes(sizes_bytes.tobytes())
    return Payload(str(path))


def _encode(workload: Workload, times: Times, count: int, first: int) -> list[bytes]:
    return list(workload.requests(first, min(_REQUESTS_PER_TASK, count - first), times))


def _compress(payload: Payload, first: int) -> list[bytes]:
    count = min(_REQUESTS_PER_TASK, len(payload.sizes_bytes()) - first)
    return [igzip.compress(request, _GZIP_LEVEL) for request in payload.read(first, count)]


def _check(workload: Workload, request: bytes) -> None:
    message = workload.signal.request_type.FromString(request)
    items = count_items(message)
    if message.SerializeToString() != request or items != workload.items_per_request:
        raise AssertionError(f"{workload.name}: not a canonical request of the stated shape")


def segments(payload: Payload, count: int, size_bytes: int) -> Iterator[bytes]:
    """The first `count` requests, joined to segments of at least `size_bytes`."""
    parts: list[memoryview] = []
    for request in payload.read(0, count):
        parts.append(request)
        if sum(map(len, parts)) >= size_bytes:
            yield b"".join(parts)
            parts = []
    if parts:
        yield b"".join(parts)
