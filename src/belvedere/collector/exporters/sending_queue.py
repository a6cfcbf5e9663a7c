"""`sending_queue`: a bounded queue between a pipeline and an exporter's peer, in memory."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from belvedere.collector.exporters.room import QueueConfig, Room
from belvedere.collector.handover import Handover
from belvedere.otlp.batch import Batch

Done = tuple[Batch, BaseException | None]
"""A batch as it was `put`, and what kept it from being sent; None: it was sent."""


class Queue(Protocol):
    """First in, first out. A batch counts until `done`, so what is being sent is bounded too."""

    async def start(self) -> None:
        """Take over what an earlier queue left.

        Raises:
            ConfigError: the queue cannot be had.
        """
        ...

    async def put(self, batch: Batch) -> None:
        """Append; waits for room if the configuration says so.

        Raises:
            Retryable: the queue is full, or closed.
            Permanent: the batch is larger than the whole queue.
        """
        ...

    async def get(self) -> Batch | None:
        """The oldest batch, to be marked `done`; None when the queue gives out nothing more."""
        ...

    def keep(self, batch: Batch) -> bool:
        """Keep a batch that was taken and could not be sent before the stop, if that is possible.

        It is `done` nevertheless.
        """
        ...

    async def done(self, batch: Batch, failure: BaseException | None = None) -> Sequence[Done]:
        """Give the room of a batch free, sent or not.

        Args:
            batch: one that `get` gave.
            failure: what kept it from being sent.

        Returns:
            What was `put` and is done by this.
        """
        ...

    async def close(self) -> None:
        """Refuse new batches."""
        ...

    async def shutdown(self) -> list[Batch]:
        """End, when nobody takes batches any more. Returns those that are lost."""
        ...


class SendingQueue:
    """In memory. What waits when it closes is given out, or left to its successor."""

    def __init__(
        self, config: QueueConfig, exporter_id: str, handover: Handover | None = None
    ) -> None:
        self._id, self._handover = exporter_id, handover
        self._waiting: deque[Batch] = deque()
        self._closed = False
        self._room = Room(config, exporter_id)
        self._filled = asyncio.Condition()

    async def start(self) -> None:
        """See `Queue.start`."""
        self._room.show()
        for batch in self._handover.take(self._id) if self._handover else ():
            self._room.occupy(batch.items, len(batch.data))
            self._waiting.append(batch)

    async def put(self, batch: Batch) -> None:
        """See `Queue.put`."""
        await self._room.enter(batch)
        batch.forget_large()
        async with self._filled:
            self._waiting.append(batch)
            self._filled.notify()

    async def get(self) -> Batch | None:
        """See `Queue.get`."""
        async with self._filled:
            while not self._waiting and not self._closed:
                await self._filled.wait()
            return self._waiting.popleft() if self._waiting else None

    def keep(self, batch: Batch) -> bool:
        """See `Queue.keep`."""
        if self._handover is None or not self._handover.has_successor(self._id):
            return False
        self._handover.leave(self._id, [batch])
        return True

    async def done(self, batch: Batch, failure: BaseException | None = None) -> Sequence[Done]:
        """See `Queue.done`."""
        await self._room.leave(batch.items, len(batch.data))
        return [(batch, failure)]

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._room.close()
        async with self._filled:
            self._closed = True
            if self._handover and self._handover.has_successor(self._id):
                self._handover.leave(self._id, self._waiting)
                self._waiting.clear()
            self._filled.notify_all()

    async def shutdown(self) -> list[Batch]:
        """See `Queue.shutdown`."""
        dropped = list(self._waiting)
        self._waiting.clear()
        self._room.clear()
        return dropped
