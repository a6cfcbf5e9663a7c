"""`sending_queue` with `storage`: the durable queue between a pipeline and an exporter's peer.

What `put` accepted is on disk until it is done: sent, or given up by `retry_on_failure`. A killed
process leaves whole segments, so that what it had sent of them goes out twice; an orderly stop
leaves exactly what was not sent.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from belvedere.collector.durable_queue import DurableQueue, Sync
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.frames import Frame, framed, frames, read_frame, whole_frames
from belvedere.collector.exporters.room import QueueConfig, Room
from belvedere.collector.exporters.sending_queue import Done
from belvedere.collector.handover import Handover
from belvedere.collector.segment_files import PART, Segment
from belvedere.internal_telemetry import EXPORTER_SEND_FAILED
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_SEGMENT_BYTES: Final = 4 << 20
_SEGMENT_AGE_S: Final = 0.05
"""What sending waits for at most, since only closed segments are read."""
_UNBOUNDED: Final = 1 << 62
"""`queue_size` is the bound, and the free space of the disk."""


@dataclass(slots=True)
class _Opened:
    """A segment that is being sent."""

    segment: Segment
    data: bytes
    open: set[int] = field(default_factory=set)
    """Frames, by their starts, that are not done."""
    kept: list[Frame] = field(default_factory=list)
    """Frames that are left for a later start."""


class PersistentQueue:
    """See `sending_queue.Queue`. A segment is deleted when all of its batches are done."""

    def __init__(
        self,
        config: QueueConfig,
        exporter_id: str,
        folder: Path,
        sync: Sync,
        handover: Handover | None = None,
    ) -> None:
        self._id, self._folder, self._handover = exporter_id, folder, handover
        self._ahead = config.num_consumers
        self._room = Room(config, exporter_id)
        self._disk = DurableQueue(
            folder,
            capacity_bytes=_UNBOUNDED,
            segment_bytes=_SEGMENT_BYTES,
            segment_age_s=_SEGMENT_AGE_S,
            sync=sync,
            whole_bytes=whole_frames,
        )
        self._ready: deque[tuple[Batch, _Opened, Frame]] = deque()
        self._taken: dict[int, tuple[_Opened, Frame]] = {}
        """By the identity of the batch, which is held by who sends it."""
        self._opened: list[_Opened] = []
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Find what an earlier process left, and begin to read.

        Raises:
            ConfigError: the folder cannot be used.
        """
        self._room.show()
        try:
            await asyncio.to_thread(self._disk.start)
        except OSError as error:
            raise ConfigError(
                f"cannot use the folder {self._folder}: {error.strerror}",
                key=f"exporters::{self._id}::sending_queue::storage",
            ) from None
        for segment in self._disk.waiting():
            for frame in frames(await asyncio.to_thread(segment.read)):
                self._room.occupy(frame.items, frame.data_bytes)
        for batch in self._handover.take(self._id) if self._handover else ():
            self._room.occupy(batch.items, len(batch.data))
            await self._append(batch)
        self._reader = asyncio.create_task(self._read(), name=f"{self._id}-reader")

    async def put(self, batch: Batch) -> None:
        """See `Queue.put`. When this returns, the batch is on disk.

        Raises:
            Retryable: the queue or the disk is full, or the queue is not open.
            Permanent: the batch is larger than the whole queue.
        """
        if self._reader is None:
            raise Retryable(f"{self._id} is not running")
        await self._room.enter(batch)
        try:
            await self._append(batch)
        except Retryable:
            await self._room.leave(batch.items, len(batch.data))
            raise

    async def get(self) -> Batch | None:
        """See `Queue.get`. Once closed it gives out nothing: what waits is on disk."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ready or self._closed)
            if self._closed:
                return None
            batch, opened, frame = self._ready.popleft()
            self._taken[id(batch)] = opened, frame
            self._changed.notify_all()
            return batch

    def keep(self, batch: Batch) -> bool:
        """See `Queue.keep`: always possible."""
        opened, frame = self._taken[id(batch)]
        opened.kept.append(frame)
        return True

    async def done(self, batch: Batch, failure: BaseException | None = None) -> Sequence[Done]:
        """See `Queue.done`."""
        opened, frame = self._taken.pop(id(batch))
        await self._finish(opened, frame)
        await self._room.leave(batch.items, len(batch.data))
        return [(batch, failure)]

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._room.close()
        if self._reader:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def shutdown(self) -> list[Batch]:
        """Leave on disk what was not sent; nothing is lost."""
        while self._ready:
            _, opened, frame = self._ready.popleft()
            opened.kept.append(frame)
            await self._finish(opened, frame)
        await self._disk.shutdown()
        self._room.clear()
        return []

    async def _append(self, batch: Batch) -> None:
        await self._disk.append(f"{batch.project}/{batch.signal}", framed(batch), batch.items)

    async def _read(self) -> None:
        """Keep as many batches ready as may be sent at once."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: len(self._ready) < self._ahead)
            segment = await self._disk.take()
            try:
                data = await asyncio.to_thread(segment.read)
            except OSError as error:
                log.exception("queue_segment_unreadable", path=str(segment.path), error=str(error))
                continue  # it stays where it is, for a person to look at
            await self._open(_Opened(segment, data))

    async def _open(self, opened: _Opened) -> None:
        project, _, signal = opened.segment.lane.rpartition("/")
        ready = []
        for frame in frames(opened.data):
            batch = read_frame(opened.data, frame, Signal(signal), project)
            if batch is None:
                path = str(opened.segment.path)
                log.error("dropped", component=self._id, error=f"damaged on disk, in {path}")
                EXPORTER_SEND_FAILED[signal].labels(self._id).inc(frame.items)
                await self._room.leave(frame.items, frame.data_bytes)
                continue
            opened.open.add(frame.start)
            ready.append((batch, opened, frame))
        if not ready:
            await self._disk.done(opened.segment)
            return
        async with self._changed:
            self._ready.extend(ready)
            self._changed.notify_all()

    async def _finish(self, opened: _Opened, frame: Frame) -> None:
        """A frame is done. After the last one its segment goes, or becomes what was kept of it.

        Where the disk does not let it (it is full, say), the segment stays as it is.
        """
        opened.open.remove(frame.start)
        if opened.open:
            return
        try:
            if opened.kept:
                await asyncio.to_thread(_rewrite, opened)
            else:
                await self._disk.done(opened.segment)
        except OSError as error:
            log.warning(
                "queue_segment_stays",
                component=self._id,
                path=str(opened.segment.path),
                error=error.strerror,
                next="what was sent of it is sent again after the next start",
            )


def _rewrite(opened: _Opened) -> None:
    """Let a segment hold the kept frames alone."""
    kept = sorted(opened.kept, key=lambda frame: frame.start)
    data = b"".join(opened.data[frame.start : frame.end] for frame in kept)
    if data == opened.data:
        return
    path = opened.segment.path
    part = path.with_suffix(PART)
    part.write_bytes(data)
    part.replace(path)
