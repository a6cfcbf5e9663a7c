"""The durable queue: what it accepted is on disk until its consumer reports it done.

A lane is a folder of segments; one lane holds one kind of data (say, the traces of a project). A
segment is serialized OTLP requests, one after another: the log format is the wire format. It is
closed after a while or at a size, taken, worked off, and deleted:

    append ──▶ <lane>/<id>.open ──close──▶ <lane>/<id>.otlp ──take──▶ done (deleted)
                                                 ▲                └──▶ put_back (retried later)
                                                 └── start() after a crash

A segment's id is unique for good, so it serves as deduplication token: work that was finished
but not yet deleted when the process died is found again under the same id.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from belvedere.collector import segment_files
from belvedere.collector.errors import Retryable
from belvedere.collector.segment_backlog import SegmentBacklog
from belvedere.collector.segment_files import OpenSegment, Segment
from belvedere.otlp.wire import whole_fields

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_RETRY_AFTER_S: Final = 5.0
_LOOK_EVERY_S: Final = 1.0
"""How old what is known of the directory and its free space may be."""


class Sync(StrEnum):
    """When appended bytes are forced from the operating system's cache to the device."""

    ALWAYS = "always"
    """Before `append` returns: survives power loss. Appends that wait share one sync."""
    INTERVAL = "interval"
    """When a segment is closed: survives a killed process; power loss costs up to a second."""
    OFF = "off"
    """Never: survives a killed process."""


@dataclass(slots=True)
class _Append:
    data: bytes
    items: int
    accepted: asyncio.Future[None]


@dataclass(slots=True)
class _Lane:
    name: str
    waiting: list[_Append] = field(default_factory=list)
    segment: OpenSegment | None = None
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
        join_segments: bool = False,
        retry_pauses_s: tuple[float, float] = (0.5, 10.0),
        on_lost: Callable[[str, int], None] = lambda *_: None,
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
            join_segments: whether `take` joins the small segments of a lane that wait, so that
                a consumer that is behind works them off at once.
            retry_pauses_s: first and longest pause before a segment that was put back, or
                another of its lane, is taken; it doubles with each failure.
            on_lost: called with lane and items where somebody deleted the file of accepted data.
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
        self._join_segments = join_segments
        self._on_lost = on_lost
        self._free_bytes = free_bytes
        self._whole_bytes = whole_bytes
        self._looked_s = float("-inf")
        self._problem = ""
        self._identity: tuple[int, int] | None = None
        self._last_id_ns = 0
        self._lanes: dict[str, _Lane] = {}
        self._backlog = SegmentBacklog(*retry_pauses_s)
        self._changed = asyncio.Condition()
        self._disk = ThreadPoolExecutor(2, thread_name_prefix="belvedere-queue")
        self._stopped = False

    def start(self) -> None:
        """Find what an earlier process left. Segments it had open lose a torn last field only.

        Raises:
            OSError: the directory cannot be read or written.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._identity = _identity(self.directory)
        for path in segment_files.recover(self.directory, self._whole_bytes):
            lane = str(path.parent.relative_to(self.directory))
            segment = Segment(lane, path.stem, path, path.stat().st_size, None)
            self._backlog.add(segment)
            self.size_bytes += segment.size_bytes
            id_ns = path.stem.rpartition("_")[2].partition("-")[0]
            self._last_id_ns = max(self._last_id_ns, int(id_ns) if id_ns.isdecimal() else 0)
        if self.size_bytes:
            log.info("queue_recovered", segments=len(self._backlog), bytes=self.size_bytes)
        self._look()

    async def append(self, lane: str, data: bytes, items: int) -> None:
        """Accept one serialized request. When this returns, it is on disk.

        Args:
            lane: relative path of the lane's folder.
            data: what `whole_bytes` finds whole; by default whole top-level fields of protobuf.
            items: how many items are in it, for `Segment.items`.

        Raises:
            Retryable: the queue or the disk is full, the directory cannot be written, or the
                queue is shut down. Nothing was kept.
        """
        if not data:
            return
        self._check_room(len(data))
        state = self._lanes.setdefault(lane, _Lane(lane))
        entry = _Append(data, items, asyncio.get_running_loop().create_future())
        self.size_bytes += len(data)
        state.waiting.append(entry)
        if state.writer is None:
            state.writer = asyncio.create_task(self._write(state))
        # The bytes may be on disk before the caller goes away: keep the outcome, drop the waiter.
        await asyncio.shield(entry.accepted)

    async def restore(self, lane: str, file: Path) -> None:
        """Move a file of whole requests into the queue; its name without suffix is its id.

        Raises:
            OSError: it cannot be moved; it stays where it is.
        """
        folder = self.directory / lane
        path = folder / f"{file.stem}{segment_files.CLOSED}"

        def move() -> int:
            folder.mkdir(parents=True, exist_ok=True)
            size_bytes = file.stat().st_size
            file.rename(path)
            return size_bytes

        size_bytes = await self._on_disk(move)
        self.size_bytes += size_bytes
        await self._offer(Segment(lane, file.stem, path, size_bytes, None))

    def waiting(self) -> tuple[Segment, ...]:
        """The closed segments that are not taken, oldest first."""
        return self._backlog.waiting()

    def failing(self) -> int:
        """How many segments wait for another attempt after a failed one."""
        return self._backlog.failing()

    async def take(self) -> Segment:
        """The next closed segment; waits for one. The caller reports `done` or `put_back`.

        Lanes take turns. Within a lane the oldest comes first, those that failed after the rest.
        """
        async with self._changed:
            while not (chosen := self._backlog.take(time.monotonic(), self._join_bytes())):
                pause_s = self._backlog.pause_s(time.monotonic())
                try:
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        if len(chosen) == 1:
            return chosen[0]
        joined = await self._join(chosen)
        if joined is None:
            async with self._changed:
                self._backlog.release(chosen[1:])
            return chosen[0]
        self._backlog.replace(chosen, joined)
        return joined

    async def done(self, segment: Segment) -> None:
        """The segment is worked off: delete it.

        Raises:
            OSError: it cannot be deleted; put it back.
        """
        await self._on_disk(_delete, (*segment.joined, segment.path))
        async with self._changed:
            self._backlog.done(segment)
            self.size_bytes -= segment.size_bytes
            self._changed.notify_all()

    async def put_back(self, segment: Segment) -> float:
        """The segment could not be worked off now: it is taken again later, others before it.

        Returns:
            Seconds until then.
        """
        async with self._changed:
            pause_s = self._backlog.put_back(segment, time.monotonic())
            self._changed.notify_all()
        return pause_s

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

    async def drain(self) -> None:
        """Wait until each segment is done, or has failed again, without pauses between attempts.

        Where a lane fails three times in a row, the rest of it is not taken.
        """
        async with self._changed:
            self._backlog.drain()
            self._changed.notify_all()
            await self._changed.wait_for(self._backlog.is_drained)

    async def shutdown(self) -> None:
        """Refuse further appends and close the open segments. What is left stays on disk."""
        if self._stopped:
            return
        self._stopped = True
        await self.close_segments()
        self._disk.shutdown()

    def problem(self) -> str:
        """Why nothing can be appended, however small: '' if it can, else a sentence."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._look()
        return self._problem

    def _check_room(self, size_bytes: int) -> None:
        if self._stopped:
            raise Retryable("shutting down", after_s=_RETRY_AFTER_S)
        if self.size_bytes and self.size_bytes + size_bytes > self.capacity_bytes:
            raise Retryable(
                f"the queue is full ({self.size_bytes >> 20} MiB wait to be stored)",
                after_s=_RETRY_AFTER_S,
            )
        if problem := self.problem():
            raise Retryable(problem, after_s=_RETRY_AFTER_S)

    def _look(self) -> None:
        """Look at the directory and its free space; log once what is wrong with them."""
        self._looked_s = time.monotonic()
        before, self._problem, free_mib = self._problem, "", None
        try:
            identity = _identity(self.directory)
            free_bytes = self._free_bytes(self.directory)
        except OSError as error:
            self._problem = f"cannot use the queue's directory: {error.strerror}"
        else:
            if self._identity not in {None, identity}:
                self._problem = "the queue's directory was replaced by another: restart"
            elif not os.access(self.directory, os.W_OK | os.X_OK):
                self._problem = "the queue's directory is read-only"
            elif free_bytes < self._reserve_bytes:
                free_mib = free_bytes >> 20
                self._problem = (
                    f"the disk is full: less than {self._reserve_bytes >> 20} MiB free in the"
                    " queue's directory"
                )
        if self._problem and not before:
            log.warning(
                "queue_refuses" if free_mib is None else "disk_full",
                error=self._problem,
                directory=str(self.directory),
                **({} if free_mib is None else {"free_mib": free_mib}),
                hint="nothing is accepted until this is resolved",
            )

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
                    "queue_write_failed",
                    error=error.strerror,
                    directory=str(self.directory / lane.name),
                )
                refusal = Retryable(
                    f"cannot write to the queue: {error.strerror}", after_s=_RETRY_AFTER_S
                )
                for entry in entries:
                    if not entry.accepted.done():
                        entry.accepted.set_exception(refusal)
                if isinstance(error, FileNotFoundError):
                    self._give_up_deleted(lane)
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
        sync = self._sync is Sync.ALWAYS
        if lane.segment is None:
            # Ids sort by age, also where the clock was set back.
            self._last_id_ns = max(time.time_ns(), self._last_id_ns + 1)
            lane.segment = segment_files.open_segment(
                self.directory, lane.name, self._last_id_ns, sync=sync
            )
        lane.segment.write(parts, sync=sync)

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
            path = await self._on_disk(lambda: segment.close(sync=self._sync is not Sync.OFF))
        except FileNotFoundError:
            self._give_up_deleted(lane)
            return
        except OSError as error:
            log.warning("queue_close_failed", error=error.strerror, segment=str(segment.path))
            self._close_later(lane)
            return
        lane.segment = None
        if path is not None:
            await self._offer(
                Segment(lane.name, segment.id, path, segment.size_bytes, segment.items)
            )

    def _give_up_deleted(self, lane: _Lane) -> None:
        """Forget the open segment of a lane, whose file somebody deleted; log what is lost."""
        segment, lane.segment = lane.segment, None
        if segment is None:
            return
        os.close(segment.fd)
        self.size_bytes -= segment.size_bytes
        if segment.size_bytes:
            log.error(
                "queue_segment_lost",
                error="its file was deleted while it was written",
                segment=str(segment.path),
                items=segment.items,
            )
            self._on_lost(lane.name, segment.items)

    async def _offer(self, segment: Segment) -> None:
        async with self._changed:
            self._backlog.add(segment)
            self._changed.notify_all()

    def _join_bytes(self) -> int:
        return self._segment_bytes if self._join_segments else 0

    async def _join(self, segments: list[Segment]) -> Segment | None:
        """One segment in place of several of a lane; None where the disk does not let it."""
        paths = tuple(segment.path for segment in segments)
        try:
            path = await self._on_disk(
                lambda: segment_files.join(paths, sync=self._sync is not Sync.OFF)
            )
        except OSError as error:
            log.warning("queue_join_failed", error=error.strerror, segments=len(segments))
            return None
        return Segment(
            lane=segments[0].lane,
            id=path.stem,
            path=path,
            size_bytes=sum(segment.size_bytes for segment in segments),
            items=sum(segment.items or 0 for segment in segments),
            joined=paths,
        )

    async def _on_disk(self, function: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *args)


def _identity(directory: Path) -> tuple[int, int]:
    """What tells a directory from another that was made later under the same name."""
    found = directory.stat()
    return found.st_dev, found.st_ino


def _delete(paths: tuple[Path, ...]) -> None:
    """Delete the files, the last of them last; those that are gone are as good."""
    for path in paths:
        path.unlink(missing_ok=True)
