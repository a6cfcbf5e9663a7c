"""`sending_queue`: a bounded queue in memory between a pipeline and an exporter's peer."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.errors import Permanent, Retryable
from belvedere.internal_telemetry import EXPORTER_QUEUE_CAPACITY, EXPORTER_QUEUE_SIZE
from belvedere.otlp.batch import Batch

_RETRY_AFTER_S = 1.0
"""What a sender is told when the queue is full."""


class Sizer(StrEnum):
    """The unit of a queue's size."""

    REQUESTS = "requests"
    ITEMS = "items"
    BYTES = "bytes"


_SIZES: dict[Sizer, Callable[[Batch], int]] = {
    Sizer.REQUESTS: lambda _: 1,
    Sizer.ITEMS: lambda batch: batch.items,
    Sizer.BYTES: lambda batch: len(batch.data),
}


class QueueConfig(ComponentConfig):
    """`sending_queue` of an exporter."""

    enabled: bool = Field(
        True, description="Whether batches wait in a queue; without it, senders wait for the peer."
    )
    num_consumers: int = Field(10, ge=1, description="Batches that are sent at the same time.")
    queue_size: int = Field(1000, ge=1, description="Capacity, in the unit of `sizer`.")
    sizer: Sizer = Field(
        Sizer.REQUESTS, description="What is counted: requests, items (spans, ...) or bytes."
    )
    block_on_overflow: bool = Field(
        False, description="Whether senders wait while the queue is full, rather than be refused."
    )
    storage: str | None = Field(
        None, description="Extension that keeps the queue on disk; there is none in this version."
    )

    @field_validator("storage", mode="before")
    @classmethod
    def _no_storage_yet(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError(
                "a queue on disk comes with the Collector's file_storage extension, which this"
                " version does not have; remove the key to keep the queue in memory"
            )
        return value


class SendingQueue:
    """First in, first out. A batch counts until `done`, so what is being sent is bounded too."""

    def __init__(self, config: QueueConfig, exporter_id: str) -> None:
        self._config, self._id = config, exporter_id
        self._size_of = _SIZES[config.sizer]
        self._waiting: deque[Batch] = deque()
        self._size = 0
        self._closed = False
        lock = asyncio.Lock()
        self._filled, self._room = asyncio.Condition(lock), asyncio.Condition(lock)
        self._gauge = EXPORTER_QUEUE_SIZE.labels(exporter_id)
        EXPORTER_QUEUE_CAPACITY.labels(exporter_id).set(config.queue_size)
        self._gauge.set(0)

    async def put(self, batch: Batch) -> None:
        """Append; waits for room if the configuration says so.

        Raises:
            Retryable: the queue is full, or closed.
            Permanent: the batch is larger than the whole queue.
        """
        size, capacity = self._size_of(batch), self._config.queue_size
        if size > capacity:
            raise Permanent(
                f"{self._id}: a batch of {size} {self._config.sizer} is larger than the"
                f" sending_queue (queue_size {capacity}); raise queue_size or send less at once"
            )
        async with self._room:
            while not self._closed and self._size + size > capacity:
                if not self._config.block_on_overflow:
                    raise Retryable(
                        f"{self._id}: the sending_queue is full ({capacity} {self._config.sizer})",
                        after_s=_RETRY_AFTER_S,
                    )
                await self._room.wait()
            if self._closed:
                raise Retryable(f"{self._id} is shutting down")
            self._waiting.append(batch)
            self._resize(size)
            self._filled.notify()

    async def get(self) -> Batch | None:
        """The oldest batch, to be marked `done`; None when the queue is closed and empty."""
        async with self._filled:
            while not self._waiting and not self._closed:
                await self._filled.wait()
            return self._waiting.popleft() if self._waiting else None

    async def done(self, batch: Batch) -> None:
        """Give the room of a batch free, sent or not."""
        async with self._room:
            self._resize(-self._size_of(batch))
            self._room.notify_all()

    async def close(self) -> None:
        """Refuse new batches; those that wait can still be taken."""
        async with self._room:
            self._closed = True
            self._room.notify_all()
            self._filled.notify_all()

    def drop_all(self) -> list[Batch]:
        """Take out whatever still waits."""
        dropped = list(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._gauge.set(0)
        return dropped

    def _resize(self, by: int) -> None:
        self._size += by
        self._gauge.set(self._size)
