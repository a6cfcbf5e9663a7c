"""The durable queue: what it accepted is on disk, until whoever takes it says it is done.

A lane is a folder of segments; one lane holds one kind of data (say, the traces of a project). A
segment is serialized OTLP requests, one after another: the log format is the wire format. It is
closed after a while or at a size, taken, worked off, and deleted:

    append ──▶ <lane>/<id>.open ──close──▶ <lane>/<id>.otlp ──take──▶ done (deleted)
                                                 ▲                └──▶ put_back (tried later)
                                                 └── start() after a crash

A segment's id is unique for good, so it serves as deduplication token: work that was finished
but not yet deleted when the process died is found again under the same id.
"""

import asyncio
import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from belvedere.collector.errors import Retryable
from belvedere.otlp.wire import whole_fields

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_OPEN: Final = ".open"
_CLOSED: Final = ".otlp"
_RETRY_AFTER_S: Final = 5.0


class Sync(StrEnum):
    """When appended bytes are forced from the operating system's cache to the device."""

    ALWAYS = "always"
    """Before `append` returns: survives power loss. Appends that wait share one sync."""
    INTERVAL = "interval"
    """When a segment is closed: survives a killed process; power loss costs up to a second."""
    OFF = "off"
    """Never: survives a killed process."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment, taken from the queue."""

    lane: str
    id: str
    """Unique for good; sorts by age."""
    path: Path
    size_bytes: int
    items: int | None
    """Items that were appended; None for a segment found after a crash."""

    def read(self) -> bytes:
        """The serialized requests."""
        return self.path.read_bytes()


@dataclass(slots=True)
class _OpenSegment:
    id: str
    path: Path
    fd: int
    opened_s: float = field(default_factory=time.monotonic)
    size_bytes: int = 0
    items: int = 0


@dataclass(slots=True)
class _Append:
    data: bytes
    items: int
    accepted: asyncio.Future[None]


@dataclass(slots=True)
class _Lane:
    name: str
    directory: Path
    waiting: list[_Append] = field(default_factory=list)
    segment: _OpenSegment | None = None
    writer: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class DurableQueue:
    """Segments on disk, in lanes. All methods belong to one event loop."""

    def __init__(
        self,
        directory: Path,
        *,
        capacity_bytes: int = 1 << 30,
        segment_bytes: int = 32 << 20,
        segment_age_s: float = 1.0,
        sync: Sync = Sync.ALWAYS,
        reserve_bytes: int = 64 << 20,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        whole_bytes: Callable[[bytes], int] = whole_fields,
    ) -> None:
        """A queue in `directory`, made if need be.

        Args:
            directory: nothing else may be in it.
            capacity_bytes: bytes not yet worked off, at which `append` refuses.
            segment_bytes: size at which a segment is closed.
            segment_age_s: age at which a segment is closed.
            sync: see `Sync`.
            reserve_bytes: free space that is left to others; with less, `append` refuses.
            free_bytes: how the free space of a directory is found.
            whole_bytes: how much of what a killed process left open is whole.
        """
        self.directory = directory
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        """Bytes accepted and not yet done."""
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._sync = sync
        self._reserve_bytes = reserve_bytes
        self._free_bytes = free_bytes
        self._whole_bytes = whole_bytes
        self._free_checked_s = float("-inf")
        self._has_room = True
        self._lanes: dict[str, _Lane] = {}
        self._closed: deque[Segment] = deque()
        self._changed = asyncio.Condition()
        self._disk = ThreadPoolExecutor(2, thread_name_prefix="belvedere-queue")
        self._stopped = False

    def start(self) -> None:
        """Find what an earlier process left. Segments it had open lose a torn last field only.

        Raises:
            OSError: the directory cannot be read or written.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        found = []
        for file in self.directory.rglob("*"):
            path = _mend(file, self._whole_bytes) if file.suffix == _OPEN else file
            if path is not None and path.suffix == _CLOSED:
                lane = str(path.parent.relative_to(self.directory))
                found.append(Segment(lane, path.stem, path, path.stat().st_size, None))
        found.sort(key=lambda segment: segment.id)
        self._closed.extend(found)
        self.size_bytes = sum(segment.size_bytes for segment in found)
        if found:
            log.info("queue_recovered", segments=len(found), bytes=self.size_bytes)
        self._look_for_room()

    async def append(self, lane: str, data: bytes, items: int) -> None:
        """Accept one serialized request. When this returns, it is on disk.

        Args:
            lane: relative path of the lane's folder.
            data: what `whole_bytes` finds whole; by default whole top-level fields of protobuf.
            items: how many items are in it, for `Segment.items`.

        Raises:
            Retryable: the queue or the disk is full, or the queue is shut down. Nothing was kept.
        """
        if not data:
            return
        self._check_room(len(data))
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self.directory / lane)
        state = self._lanes[lane]
        entry = _Append(data, items, asyncio.get_running_loop().create_future())
        self.size_bytes += len(data)
        state.waiting.append(entry)
        if state.writer is None:
            state.writer = asyncio.create_task(self._write(state))
        # The bytes may be on disk before the caller goes away: keep the outcome, drop the waiter.
        await asyncio.shield(entry.accepted)

    def waiting(self) -> tuple[Segment, ...]:
        """The closed segments that are not taken, oldest first."""
        return tuple(self._closed)

    async def take(self) -> Segment:
        """The oldest closed segment; waits for one. The caller says `done` or `put_back`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed)
            return self._closed.popleft()

    async def done(self, segment: Segment) -> None:
        """The segment is worked off: delete it."""
        await self._on_disk(segment.path.unlink, True)
        async with self._changed:
            self.size_bytes -= segment.size_bytes
            self._changed.notify_all()

    async def put_back(self, segment: Segment) -> None:
        """The segment could not be worked off now: it is taken again, before younger ones."""
        async with self._changed:
            self._closed.appendleft(segment)
            self._changed.notify_all()

    async def close_segments(self) -> None:
        """Close all open segments, so that everything accepted can be taken."""
        for lane in list(self._lanes.values()):
            while lane.writer is not None:
                await lane.writer
            lane.writer = asyncio.create_task(self._close_then_write(lane))
            await lane.writer

    def is_empty(self) -> bool:
        """Nothing accepted is left to be done."""
        return self.size_bytes == 0

    async def wait_empty(self) -> None:
        """Wait until everything accepted is done."""
        async with self._changed:
            await self._changed.wait_for(self.is_empty)

    async def shutdown(self) -> None:
        """Refuse further appends and close the open segments. What is left stays on disk."""
        if self._stopped:
            return
        self._stopped = True
        await self.close_segments()
        self._disk.shutdown()

    def _check_room(self, size_bytes: int) -> None:
        if self._stopped:
            raise Retryable("shutting down", after_s=_RETRY_AFTER_S)
        if self.size_bytes and self.size_bytes + size_bytes > self.capacity_bytes:
            raise Retryable(
                f"the queue is full ({self.size_bytes >> 20} MiB wait to be stored)",
                after_s=_RETRY_AFTER_S,
            )
        now_s = time.monotonic()
        if now_s - self._free_checked_s >= 1.0:
            self._free_checked_s = now_s
            self._look_for_room()
        if not self._has_room:
            raise Retryable(
                f"the disk is full: less than {self._reserve_bytes >> 20} MiB free in the queue's"
                " directory",
                after_s=_RETRY_AFTER_S,
            )

    def _look_for_room(self) -> None:
        """Whether more is left than what belongs to others; that it no longer is, is said once."""
        free_bytes = self._free_bytes(self.directory)
        has_room = free_bytes >= self._reserve_bytes
        if self._has_room and not has_room:
            log.warning(
                "disk_full",
                directory=str(self.directory),
                free_mib=free_bytes >> 20,
                needed_mib=self._reserve_bytes >> 20,
                hint="nothing is accepted until there is room again",
            )
        self._has_room = has_room

    async def _write(self, lane: _Lane) -> None:
        """Write what waits, as long as something waits: one write and one sync for all of it."""
        while lane.waiting:
            entries, lane.waiting = lane.waiting, []
            size_bytes = sum(len(entry.data) for entry in entries)
            try:
                await self._on_disk(self._write_entries, lane, [entry.data for entry in entries])
            except OSError as error:
                self.size_bytes -= size_bytes
                log.warning(
                    "queue_write_failed", error=error.strerror, directory=str(lane.directory)
                )
                refusal = Retryable(
                    f"cannot write to the queue: {error.strerror}", after_s=_RETRY_AFTER_S
                )
                for entry in entries:
                    if not entry.accepted.done():
                        entry.accepted.set_exception(refusal)
                continue
            segment = lane.segment
            assert segment is not None  # noqa: S101 - a write leaves a segment open
            segment.items += sum(entry.items for entry in entries)
            for entry in entries:
                if not entry.accepted.done():
                    entry.accepted.set_result(None)
            age_s = time.monotonic() - segment.opened_s
            if segment.size_bytes >= self._segment_bytes or age_s >= self._segment_age_s:
                await self._close(lane)
            elif lane.timer is None:
                self._close_later(lane)
        lane.writer = None

    def _write_entries(self, lane: _Lane, parts: list[bytes]) -> None:
        """On a disk thread: append to the open segment, wholly or not at all."""
        segment = lane.segment or _open_segment(lane.directory, sync=self._sync is Sync.ALWAYS)
        lane.segment = segment
        try:
            written = 0
            for part in parts:
                view = memoryview(part)
                while view:
                    count = os.write(segment.fd, view)
                    view = view[count:]
                    written += count
            if self._sync is Sync.ALWAYS:
                os.fdatasync(segment.fd)
        except OSError:
            os.ftruncate(segment.fd, segment.size_bytes)
            raise
        segment.size_bytes += written

    def _close_later(self, lane: _Lane) -> None:
        lane.timer = asyncio.get_running_loop().call_later(
            self._segment_age_s, self._close_soon, lane
        )

    def _close_soon(self, lane: _Lane) -> None:
        lane.timer = None
        if lane.writer is None:
            lane.writer = asyncio.create_task(self._close_then_write(lane))
        # Else the writer is busy with this segment, and looks at its age itself.

    async def _close_then_write(self, lane: _Lane) -> None:
        await self._close(lane)
        await self._write(lane)

    async def _close(self, lane: _Lane) -> None:
        """Close the open segment of a lane, if there is one, and let it be taken."""
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        segment = lane.segment
        if segment is None:
            return
        try:
            path = await self._on_disk(_close_segment, segment, self._sync is not Sync.OFF)
        except OSError as error:
            log.warning("queue_close_failed", error=error.strerror, segment=str(segment.path))
            self._close_later(lane)
            return
        lane.segment = None
        if path is None:
            return
        async with self._changed:
            self._closed.append(
                Segment(lane.name, segment.id, path, segment.size_bytes, segment.items)
            )
            self._changed.notify_all()

    async def _on_disk(self, function: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *args)


def _open_segment(directory: Path, *, sync: bool) -> _OpenSegment:
    directory.mkdir(parents=True, exist_ok=True)
    segment_id = f"{time.time_ns():020d}-{secrets.token_hex(8)}"
    path = directory / f"{segment_id}{_OPEN}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o640)
    if sync:
        _sync_directory(directory)
    return _OpenSegment(segment_id, path, fd)


def _close_segment(segment: _OpenSegment, sync: bool) -> Path | None:  # noqa: FBT001 - runs in an executor, by position
    """Close the file and give it its final name; an empty one (its first write failed) goes."""
    if sync:
        os.fdatasync(segment.fd)
    if segment.size_bytes:
        path = segment.path.rename(segment.path.with_suffix(_CLOSED))
    else:
        path = None
        segment.path.unlink()
    os.close(segment.fd)
    return path


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _mend(path: Path, how_much: Callable[[bytes], int]) -> Path | None:
    """Close a segment that a process left open: cut a torn last field. None if nothing is left."""
    data = path.read_bytes()
    whole_bytes = how_much(data)
    if whole_bytes < len(data):
        log.warning("queue_segment_cut", segment=path.name, cut_bytes=len(data) - whole_bytes)
        os.truncate(path, whole_bytes)
    if whole_bytes == 0:
        path.unlink()
        return None
    return path.rename(path.with_suffix(_CLOSED))
