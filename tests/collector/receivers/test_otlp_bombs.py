"""Small requests that would become huge are refused, and the process stays small."""

import contextlib
import gzip
import threading
import zlib
from collections.abc import Callable, Iterator

import grpc
import psutil
import pytest
import zstandard
from otlp_doors import JSON, PROTOBUF, REQUESTS, Doors, traces

from belvedere.otlp.signal import Signal

GOOD = traces().SerializeToString()
MIB = 1 << 20

pytestmark = pytest.mark.usefixtures("no_complaints")


class Peak:
    """The highest memory of this process above what it was at first."""

    bytes = 0


@contextlib.contextmanager
def measured() -> Iterator[Peak]:
    process = psutil.Process()
    before = process.memory_info().rss
    peak = Peak()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.002):
            peak.bytes = max(peak.bytes, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def zeros(stream: "zlib._Compress | zstandard.ZstdCompressionObj", mebibytes: int) -> bytes:
    block = bytes(MIB)
    return b"".join(stream.compress(block) for _ in range(mebibytes)) + stream.flush()


BOMBS: dict[str, tuple[str, Callable[[], bytes], int]] = {
    # coding, the body, and what it would become in MiB
    "gzip": ("gzip", lambda: zeros(zlib.compressobj(9, wbits=31), 65), 65),
    "gzip members": ("gzip", lambda: zeros(zlib.compressobj(9, wbits=31), 64) * 64, 4096),
    "deflate": ("deflate", lambda: zeros(zlib.compressobj(9), 65), 65),
    "zstd": ("zstd", lambda: zeros(zstandard.ZstdCompressor().compressobj(), 2048), 2048),
}


@pytest.mark.parametrize(("coding", "build", "inflated_mib"), BOMBS.values(), ids=list(BOMBS))
def test_bombs_over_http(
    doors: Doors, coding: str, build: Callable[[], bytes], inflated_mib: int
) -> None:
    body = build()
    assert inflated_mib * MIB > 900 * len(body)
    with measured() as peak:
        answer = doors.post(body, {**PROTOBUF, "content-encoding": coding})
    assert answer.status_code == 413
    assert peak.bytes < 256 * MIB
    assert doors.post(GOOD).status_code == 200


@pytest.mark.parametrize("name", ["gzip", "gzip members", "deflate"])
def test_bombs_over_grpc(doors: Doors, name: str) -> None:
    body = BOMBS[name][1]()
    with measured() as peak, pytest.raises(grpc.RpcError) as caught:
        doors.export(body)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]  # a Call, too
    assert peak.bytes < 256 * MIB
    assert doors.export(GOOD) == b""


def test_a_bomb_that_the_client_compressed_for_grpc(doors: Doors) -> None:
    """The frame says that it is compressed, and gRPC does not inflate it before us."""
    with measured() as peak, pytest.raises(grpc.RpcError) as caught:
        doors.export(bytes(65 * MIB), compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]  # a Call, too
    assert "after decompression" in str(caught.value)
    assert peak.bytes < 512 * MIB  # the client's 65 MiB, too


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_millions_of_empty_items_are_refused_before_they_are_parsed(
    doors: Doors, signal: Signal
) -> None:
    """Parsed, 60 MiB of empty spans would be 4.4 GiB."""
    items = b"\x12\x00" * (30 * MIB)

    def within(tag: bytes, content: bytes) -> bytes:
        size, length = len(content), bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        return tag + bytes((*length, size)) + content

    body = gzip.compress(within(b"\x0a", within(b"\x12", items)), 1)
    assert len(body) < MIB
    with measured() as peak:
        answer = doors.post(body, {**PROTOBUF, "content-encoding": "gzip"}, signal)
    assert answer.status_code == 413
    assert peak.bytes < 512 * MIB
    good = REQUESTS[signal].SerializeToString()
    assert doors.post(good, signal=signal).status_code == 200


@pytest.mark.parametrize("mebibytes", [16, 60])
def test_millions_of_empty_json_objects_are_refused_before_they_are_parsed(
    doors: Doors, mebibytes: int
) -> None:
    """Parsed, 60 MiB of empty spans would be 6 GiB on their way."""
    spans = b"{}" + b",{}" * (mebibytes * MIB // 3)
    body = gzip.compress(b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}", 1)
    with measured() as peak:
        answer = doors.post(body, {**JSON, "content-encoding": "gzip"})
    assert answer.status_code == 413
    assert peak.bytes < 512 * MIB
