"""`sending_queue::batch`: what comes out of a queue is joined to large batches, or split.

As the Collector's, with the promises of the queue before it: a batch counts in the queue, in
memory or on disk, until all that it became part of is sent. The last piece of one that is split
goes out with the others, also where it is smaller than `min_size`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from belvedere.collector.exporters.room import SIZES, BatchConfig, Sizer
from belvedere.collector.exporters.sending_queue import Done, Queue
from belvedere.collector.processors.split import split, split_by_bytes
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_SPLIT: Final = {Sizer.ITEMS: split, Sizer.BYTES: split_by_bytes}

_Key = tuple[Signal, str, tuple[tuple[str, ...] | None, ...]]
"""What batches must have in common to be joined: signal, project, values of `metadata_keys`."""


@dataclass(slots=True)
class _Group:
    """Batches that are joined, and what is sent of them."""

    due_s: float
    """Of the event loop's clock: when it is closed at the latest."""
    parts: list[Batch] = field(default_factory=list)
    """As they came out of the queue."""
    size: int = 0
    open: int = 0
    """Pieces that are not done."""
    failure: BaseException | None = None
    """Of the first piece that was not sent."""
    is_kept: bool = False


class BatchingQueue:
    """See `sending_queue.Queue`. Joins what comes out of another queue."""

    def __init__(self, config: BatchConfig, queue: Queue) -> None:
        self._config, self._queue = config, queue
        self._size_of = SIZES[config.sizer]
        self._groups: dict[_Key, _Group] = {}
        """Those that wait for more, in the order of `due_s`."""
        self._ready: deque[tuple[Batch, _Group]] = deque()
        self._taken: dict[int, _Group] = {}
        """By the identity of the piece, which is held by who sends it."""
        self._next: asyncio.Task[Batch | None] | None = None
        self._turn = asyncio.Lock()
        """One worker gathers, the others wait for it."""
        self._ended = False

    async def start(self) -> None:
        """See `Queue.start`."""
        await self._queue.start()

    async def put(self, batch: Batch) -> None:
        """See `Queue.put`."""
        await self._queue.put(batch)

    async def get(self) -> Batch | None:
        """See `Queue.get`: one that is large enough, or has waited long enough."""
        async with self._turn:
            while not self._ready:
                if self._ended and not self._groups:
                    return None
                await self._gather()
            piece, group = self._ready.popleft()
            self._taken[id(piece)] = group
            return piece

    def keep(self, batch: Batch) -> bool:
        """See `Queue.keep`. All of what was joined is kept: other pieces may be sent again."""
        return self._keep(self._taken[id(batch)])

    async def done(self, batch: Batch, failure: BaseException | None = None) -> Sequence[Done]:
        """See `Queue.done`."""
        return await self._finish(self._taken.pop(id(batch)), failure)

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._queue.close()

    async def shutdown(self) -> list[Batch]:
        """See `Queue.shutdown`."""
        if self._next:
            self._next.cancel()
            await asyncio.wait([self._next])
            self._take_next()
        self._close_groups(self._groups)
        lost = []
        while self._ready:
            piece, group = self._ready.popleft()
            if not self._keep(group):
                lost.append(piece)
            await self._finish(group, None)
        return [*lost, *await self._queue.shutdown()]

    async def _gather(self) -> None:
        """Take one batch more, or close the groups whose time is over."""
        loop = asyncio.get_running_loop()
        if not self._ended:
            # The task outlives a cancelled worker and a timeout, so that no batch is lost in it.
            self._next = self._next or loop.create_task(self._queue.get())
            first = next(iter(self._groups.values()), None)
            pause_s = max(first.due_s - loop.time(), 0) if first else None
            await asyncio.wait([self._next], timeout=pause_s)
            if self._next.done():
                self._take_next()
        now_s = loop.time()
        due = [key for key, group in self._groups.items() if self._ended or group.due_s <= now_s]
        self._close_groups(due)

    def _take_next(self) -> None:
        """Put the batch of the task `_next`, which has ended, into its group."""
        task, self._next = self._next, None
        if task is None or task.cancelled():
            return
        if (batch := task.result()) is None:
            self._ended = True
            return
        keys = self._config.partition.metadata_keys
        key = batch.signal, batch.project, tuple(batch.metadata.get(name) for name in keys)
        group = self._groups.get(key)
        if group is None:
            due_s = asyncio.get_running_loop().time() + self._config.flush_timeout
            group = self._groups[key] = _Group(due_s)
        group.parts.append(batch)
        group.size += self._size_of(batch.items, len(batch.data))
        if group.size >= self._config.min_size:
            self._close_groups([key])

    def _close_groups(self, keys: Iterable[_Key]) -> None:
        """Make ready what groups hold, in pieces of the allowed size."""
        for key in list(keys):
            group = self._groups.pop(key)
            names = self._config.partition.metadata_keys
            metadata = {
                name: values
                for name, values in zip(names, key[2], strict=True)
                if values is not None
            }
            joined = replace(Batch.joined(group.parts), metadata=metadata)
            maximum = self._config.max_size
            pieces = [*_SPLIT[self._config.sizer](joined, maximum)] if maximum else [joined]
            group.open = len(pieces)
            self._ready.extend((piece, group) for piece in pieces)

    def _keep(self, group: _Group) -> bool:
        if not group.is_kept:
            group.is_kept = all(self._queue.keep(part) for part in group.parts)
        return group.is_kept

    async def _finish(self, group: _Group, failure: BaseException | None) -> list[Done]:
        """A piece of a group is done; after the last one, so are its parts."""
        group.failure = group.failure or failure
        group.open -= 1
        if group.open:
            return []
        return [
            each for part in group.parts for each in await self._queue.done(part, group.failure)
        ]
