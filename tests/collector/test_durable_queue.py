"""What the durable queue accepted is there, once and whole, whatever happened in between."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from belvedere.collector.durable_queue import DurableQueue, Sync
from belvedere.collector.errors import Retryable
from belvedere.collector.segment_files import Segment
from belvedere.otlp.wire import fields, halves, whole_fields

LANE = "default/traces"


def request(number: int, size_bytes: int = 10) -> bytes:
    """A serialized request of one top-level field."""
    body = str(number).encode().ljust(size_bytes, b".")
    length = len(body)
    varint = bytearray()
    while length > 0x7F:
        varint.append(length & 0x7F | 0x80)
        length >>= 7
    varint.append(length)
    return b"\x0a" + bytes(varint) + body


async def drain(queue: DurableQueue) -> list[Segment]:
    await queue.close_segments()
    segments = []
    while queue.waiting():
        segments.append(await queue.take())
    return segments


@pytest.mark.parametrize("sync", list(Sync))
async def test_appended_requests_come_out_in_order_and_whole(tmp_path: Path, sync: Sync) -> None:
    queue = DurableQueue(tmp_path, sync=sync)
    queue.start()
    for number in range(20):
        await queue.append(LANE, request(number), 1)
    (segment,) = await drain(queue)
    assert segment.read() == b"".join(request(number) for number in range(20))
    assert (segment.lane, segment.items) == (LANE, 20)
    await queue.shutdown()


async def test_an_append_is_in_the_file_when_it_returns(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path)
    queue.start()
    await queue.append(LANE, request(1), 1)
    (file,) = tmp_path.rglob("*.open")
    assert file.read_bytes() == request(1)
    await queue.shutdown()


async def test_concurrent_appends_share_writes_and_lose_nothing(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=2000)
    queue.start()
    await asyncio.gather(*(queue.append(LANE, request(n, 50), 1) for n in range(200)))
    data = b"".join(segment.read() for segment in await drain(queue))
    found = sorted(int(data[start + 2 : end].rstrip(b".")) for start, end in fields(data))
    assert found == list(range(200))
    await queue.shutdown()


async def test_a_segment_is_closed_at_its_size(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=100, segment_age_s=3600)
    queue.start()
    for number in range(10):
        await queue.append(LANE, request(number, 60), 1)
    assert [s.items for s in await drain(queue)] == [2] * 5
    await queue.shutdown()


async def test_a_segment_is_closed_at_its_age(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_age_s=0.01)
    queue.start()
    await queue.append(LANE, request(1), 1)
    segment = await asyncio.wait_for(queue.take(), 5)
    assert segment.read() == request(1)
    await queue.append(LANE, request(2), 1)
    assert (await asyncio.wait_for(queue.take(), 5)).id > segment.id
    await queue.shutdown()


async def test_a_segment_is_closed_at_its_age_while_appends_go_on(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_age_s=0.05, sync=Sync.OFF)
    queue.start()
    enough = asyncio.Event()

    async def append() -> None:
        while not enough.is_set():
            await queue.append(LANE, request(1), 1)

    appending = [asyncio.create_task(append()) for _ in range(4)]
    await asyncio.wait_for(queue.take(), 5)
    await asyncio.wait_for(queue.take(), 5)
    enough.set()
    await asyncio.gather(*appending)
    await queue.shutdown()


async def test_done_deletes(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=1)
    queue.start()
    for number in range(3):
        await queue.append(LANE, request(number), 1)
    await queue.close_segments()
    first = await queue.take()
    await queue.done(first)
    assert not first.path.exists()
    assert queue.size_bytes == 2 * len(request(0))
    await queue.shutdown()


async def test_what_was_put_back_comes_again_after_others(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=1, retry_pauses_s=(0.01, 0.01))
    queue.start()
    for number in range(2):
        await queue.append(LANE, request(number), 1)
    await queue.append("other/logs", request(2), 1)
    await queue.close_segments()
    failing = await queue.take()
    await queue.put_back(failing)
    assert queue.failing() == 1
    for expected in (request(2), request(1), request(0)):
        segment = await asyncio.wait_for(queue.take(), 5)
        assert segment.read() == expected
        await queue.done(segment)
    assert queue.is_empty()
    assert queue.failing() == 0
    await queue.shutdown()


async def test_small_segments_that_wait_are_joined(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=60, segment_age_s=3600, join_segments=True)
    queue.start()
    for number in range(7):
        await queue.append(LANE, request(number), 2)
        await queue.close_segments()
    taken = [await queue.take() for _ in range(2)]
    assert [segment.read() for segment in taken] == [
        b"".join(request(number) for number in range(5)),
        b"".join(request(number) for number in range(5, 7)),
    ]
    assert [segment.items for segment in taken] == [10, 4]
    for segment in taken:
        await queue.done(segment)
    assert queue.is_empty()
    assert not list((tmp_path / LANE).iterdir())
    await queue.shutdown()


@pytest.mark.parametrize("left", range(4), ids=lambda n: f"{n} of 3 not deleted")
async def test_after_a_crash_joined_segments_are_there_once(tmp_path: Path, left: int) -> None:
    queue = DurableQueue(tmp_path, join_segments=True)
    queue.start()
    for number in range(3):
        await queue.append(LANE, request(number), 1)
        await queue.close_segments()
    before = {segment.path: segment.read() for segment in queue.waiting()}
    await queue.append("other/logs", request(9), 1)
    joined = await queue.take()
    await queue.shutdown()
    for path in list(before)[3 - left :]:
        path.write_bytes(before[path])

    again = DurableQueue(tmp_path, join_segments=True)
    again.start()
    assert [(s.id, s.read()) for s in again.waiting() if s.lane == LANE] == [
        (joined.id, joined.read())
    ]
    assert again.size_bytes == 4 * len(request(0))
    await again.shutdown()


async def test_segments_that_an_earlier_process_may_have_stored_are_not_joined(
    tmp_path: Path,
) -> None:
    queue = DurableQueue(tmp_path)
    queue.start()
    for number in range(2):
        await queue.append(LANE, request(number), 1)
        await queue.close_segments()
    before = [segment.id for segment in queue.waiting()]
    await queue.shutdown()
    again = DurableQueue(tmp_path, join_segments=True)
    again.start()
    assert [(await again.take()).id for _ in range(2)] == before
    await again.shutdown()


async def test_a_clock_that_is_set_back_does_not_change_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=1)
    queue.start()
    await queue.append(LANE, request(0), 1)
    monkeypatch.setattr("time.time_ns", lambda: 1)
    await queue.append(LANE, request(1), 1)
    await queue.close_segments()
    ids = [segment.id for segment in queue.waiting()]
    await queue.shutdown()
    again = DurableQueue(tmp_path, segment_bytes=1)
    again.start()
    await again.append(LANE, request(2), 1)
    await again.close_segments()
    ids.append(again.waiting()[-1].id)
    assert ids == sorted(ids)
    assert len(set(ids)) == 3
    await again.shutdown()


async def test_a_drain_ends_where_something_cannot_be_worked_off(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, segment_bytes=1, retry_pauses_s=(3600, 3600))
    queue.start()
    for number in range(3):
        await queue.append("bad/traces", request(number), 1)
        await queue.append(LANE, request(number), 1)
    await queue.close_segments()

    async def work() -> None:
        while True:
            segment = await queue.take()
            await (queue.put_back(segment) if segment.lane != LANE else queue.done(segment))

    working = asyncio.create_task(work())
    await asyncio.wait_for(queue.drain(), 10)
    working.cancel()
    assert [segment.lane for segment in queue.waiting()] == ["bad/traces"] * 3
    await queue.shutdown()


def _remove(directory: Path) -> None:
    shutil.rmtree(directory)


def _replace(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))
    directory.mkdir()


def _delete_files(directory: Path) -> None:
    for file in directory.rglob("*.open"):
        file.unlink()


@pytest.mark.parametrize(
    ("do", "error"),
    [
        (_remove, "cannot use the queue's directory: No such file"),
        (_replace, "was replaced by another"),
        (_delete_files, "the segment's file was deleted"),
    ],
)
async def test_nothing_is_accepted_into_a_file_or_directory_that_is_gone(
    tmp_path: Path, do: Callable[[Path], None], error: str
) -> None:
    lost: list[tuple[str, int]] = []
    directory = tmp_path / "queue"
    queue = DurableQueue(directory, on_lost=lambda *what: lost.append(what))
    queue.start()
    await queue.append(LANE, request(1), 7)
    do(directory)
    queue._looked_s = float("-inf")  # a second later
    with pytest.raises(Retryable, match=error):
        await queue.append(LANE, request(2), 1)
    if do is _delete_files:
        assert lost == [(LANE, 7)]
        await queue.append(LANE, request(3), 1)
        assert [segment.read() for segment in await drain(queue)] == [request(3)]
    else:
        assert error in queue.problem()
    await queue.shutdown()


async def test_a_removed_directory_is_noticed_within_the_second(tmp_path: Path) -> None:
    """Between two looks it is the write itself that fails."""
    directory = tmp_path / "queue"
    queue = DurableQueue(directory)
    queue.start()
    await queue.append(LANE, request(1), 1)
    shutil.rmtree(directory)
    for _ in range(2):
        with pytest.raises(Retryable, match=r"cannot (write to the|use the) queue"):
            await queue.append(LANE, request(2), 1)
    assert not directory.exists()
    await queue.shutdown()


async def test_a_restored_file_is_taken_under_its_name(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path / "queue")
    queue.start()
    file = tmp_path / "some-id.0.1.otlp"
    file.write_bytes(request(1))
    await queue.restore(LANE, file)
    assert not file.exists()
    segment = await queue.take()
    assert (segment.id, segment.lane, segment.read()) == ("some-id.0.1", LANE, request(1))
    assert queue.size_bytes == len(request(1))
    await queue.done(segment)
    assert queue.is_empty()
    await queue.shutdown()


async def test_a_full_queue_refuses_and_takes_again_after_done(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path, capacity_bytes=30)
    queue.start()
    await queue.append(LANE, request(1), 1)
    await queue.append(LANE, request(2), 1)
    with pytest.raises(Retryable, match="the queue is full") as refused:
        await queue.append(LANE, request(3), 1)
    assert refused.value.after_s
    for segment in await drain(queue):
        await queue.done(segment)
    await queue.append(LANE, request(3), 1)
    await queue.shutdown()


async def test_too_little_free_space_refuses_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"bytes": 10}
    queue = DurableQueue(tmp_path, reserve_bytes=100, free_bytes=lambda _: free["bytes"])
    with capture_logs() as logs:
        queue.start()
        with pytest.raises(Retryable, match="the disk is full"):
            await queue.append(LANE, request(1), 1)
    assert [entry["event"] for entry in logs] == ["disk_full"], "logged at the start, and once"
    free["bytes"] = 1000
    queue._looked_s = float("-inf")  # a second later
    await queue.append(LANE, request(1), 1)
    await queue.shutdown()


async def test_a_disk_that_fills_up_in_the_middle_of_a_write_keeps_whole_requests_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's ENOSPC is made up here: a small file system cannot be mounted everywhere."""
    queue = DurableQueue(tmp_path)
    queue.start()
    await queue.append(LANE, request(1), 1)
    real_write = os.write

    def torn_write(fd: int, data: bytes) -> int:
        real_write(fd, bytes(data)[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", torn_write)
    with pytest.raises(Retryable, match="No space left on device"):
        await queue.append(LANE, request(2), 1)
    monkeypatch.undo()
    await queue.append(LANE, request(3), 1)
    (segment,) = await drain(queue)
    assert segment.read() == request(1) + request(3)
    assert queue.size_bytes == len(segment.read())
    await queue.shutdown()


async def test_what_cannot_be_cut_off_at_once_is_cut_off_before_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's errors are made up here."""
    queue = DurableQueue(tmp_path)
    queue.start()
    await queue.append(LANE, request(1), 1)
    real_write = os.write

    def torn_write(fd: int, data: bytes) -> int:
        real_write(fd, bytes(data)[:4])
        raise OSError(errno.EIO, "Input/output error")

    def no_cut(fd: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", torn_write)
    monkeypatch.setattr(os, "ftruncate", no_cut)
    with pytest.raises(Retryable):
        await queue.append(LANE, request(2), 1)
    monkeypatch.undo()
    await queue.append(LANE, request(3), 1)
    (segment,) = await drain(queue)
    assert segment.read() == request(1) + request(3)
    await queue.shutdown()


async def test_a_segment_that_cannot_be_closed_is_closed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's error is made up here."""
    queue = DurableQueue(tmp_path, segment_age_s=0.05, sync=Sync.INTERVAL)
    queue.start()
    real_sync, failures = os.fdatasync, iter([1, 2])

    def failing_sync(fd: int) -> None:
        if next(failures, None):
            raise OSError(errno.EIO, "Input/output error")
        real_sync(fd)

    monkeypatch.setattr(os, "fdatasync", failing_sync)
    await queue.append(LANE, request(1), 1)
    segment = await asyncio.wait_for(queue.take(), 5)
    assert segment.read() == request(1)
    await queue.shutdown()


@pytest.mark.parametrize("torn_bytes", [0, 1, 5, 11], ids=lambda n: f"{n} bytes of the last")
async def test_after_a_crash_a_segment_keeps_its_whole_fields(
    tmp_path: Path, torn_bytes: int
) -> None:
    """What a killed process leaves behind: an open file whose last write may be torn."""
    folder = tmp_path / LANE
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-aa.open").write_bytes(
        request(1) + request(2) + request(3)[:torn_bytes]
    )
    queue = DurableQueue(tmp_path)
    queue.start()
    segment = await queue.take()
    assert segment.read() == request(1) + request(2)
    assert (segment.id, segment.lane, segment.items) == ("00000000000000000001-aa", LANE, None)
    assert queue.size_bytes == segment.size_bytes
    await queue.shutdown()


async def test_a_segment_with_nothing_whole_in_it_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / LANE
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-aa.open").write_bytes(b"\x0a\xff")
    queue = DurableQueue(tmp_path)
    queue.start()
    assert queue.is_empty()
    assert list(folder.iterdir()) == []
    await queue.shutdown()


async def test_what_is_not_done_is_found_again_under_the_same_id(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path)
    queue.start()
    await queue.append(LANE, request(1), 1)
    (before,) = await drain(queue)
    await queue.shutdown()

    again = DurableQueue(tmp_path)
    again.start()
    after = await again.take()
    assert (after.id, after.read()) == (before.id, request(1))
    await again.shutdown()


async def test_a_queue_that_is_shut_down_refuses(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path)
    queue.start()
    await queue.shutdown()
    await queue.shutdown()
    with pytest.raises(Retryable, match="shutting down"):
        await queue.append(LANE, request(1), 1)


async def test_a_caller_that_goes_away_does_not_disturb_the_others(tmp_path: Path) -> None:
    queue = DurableQueue(tmp_path)
    queue.start()
    leaving = asyncio.create_task(queue.append(LANE, request(1), 1))
    staying = asyncio.create_task(queue.append(LANE, request(2), 1))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    (segment,) = await drain(queue)
    assert segment.read() == request(1) + request(2)
    await queue.shutdown()


bodies = st.lists(st.binary(max_size=300), max_size=10)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(bodies, st.integers(min_value=0, max_value=50))
def test_cutting_finds_the_whole_fields_of_any_prefix(parts: list[bytes], cut_bytes: int) -> None:
    requests = [b"\x0a" + _varint(len(part)) + part for part in parts]
    data = b"".join(requests)
    kept = whole_fields(data[: max(0, len(data) - cut_bytes)])
    sizes = {sum(map(len, requests[:count])) for count in range(len(requests) + 1)}
    assert kept in sizes
    assert len(data) - cut_bytes < kept + max((len(r) for r in requests), default=1) + 1


@given(bodies)
def test_halves_are_the_whole(parts: list[bytes]) -> None:
    data = b"".join(b"\x0a" + _varint(len(part)) + part for part in parts)
    cut = halves(data)
    if len(parts) < 2:
        assert cut is None
    else:
        assert cut is not None
        assert cut[0] + cut[1] == data
        assert cut[0]
        assert cut[1]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
