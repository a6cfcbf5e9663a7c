"""The capacity of a queue: how much it holds, how much it may, and what happens when it is full."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import PositiveDuration
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


SIZES: Final[dict[Sizer, Callable[[int, int], int]]] = {
    Sizer.REQUESTS: lambda _items, _bytes: 1,
    Sizer.ITEMS: lambda items, _bytes: items,
    Sizer.BYTES: lambda _items, bytes_: bytes_,
}
"""Unit → the size of a batch with so many items and bytes."""


class PartitionConfig(ComponentConfig):
    """`sending_queue::batch::partition` of an exporter."""

    metadata_keys: tuple[str, ...] = Field(
        (), description="Request headers whose values keep batches apart and stay with them."
    )

    @field_validator("metadata_keys")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(key.lower() for key in value)
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"{name!r} is there twice (upper and lower case are the same)")
        return names


class BatchConfig(ComponentConfig):
    """`sending_queue::batch` of an exporter."""

    flush_timeout: PositiveDuration = Field(
        0.2, description="How long a batch waits for more, once it is taken from the queue."
    )
    min_size: int = Field(
        8192, ge=0, description="Size from which a batch is sent at once, in the unit of sizer."
    )
    max_size: int = Field(
        0, ge=0, description="Size that a batch never exceeds (larger ones are split); 0: no limit."
    )
    sizer: Sizer = Field(
        Sizer.ITEMS,
        description="What is counted: items (spans, ...) or bytes. Unset: as the queue's sizer, if"
        " that is written.",
    )
    partition: PartitionConfig = Field(
        default_factory=PartitionConfig, description="What keeps batches apart."
    )

    @field_validator("sizer")
    @classmethod
    def _has_sizes(cls, value: Sizer) -> Sizer:
        if value is Sizer.REQUESTS:
            raise ValueError(
                "a batch is measured in items or bytes, not in requests: set batch::sizer"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if 0 < self.max_size < self.min_size:
            raise ValueError(
                f"max_size ({self.max_size}) must not be less than min_size ({self.min_size})"
            )
        return self


class QueueConfig(ComponentConfig):
    """`sending_queue` of an exporter."""

    unsupported: ClassVar = {
        "blocking": "its name is block_on_overflow",
    }

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
    wait_for_result: bool = Field(
        False, description="Whether senders wait until the peer has what they sent, or refused it."
    )
    storage: str | None = Field(
        None, description="Id of the extension that keeps the queue on disk: file_storage."
    )
    batch: BatchConfig | None = Field(
        None, description="How batches from the queue are joined and split; absent: not at all."
    )

    @property
    def capacity(self) -> int:
        """How much the queue holds, in the unit of `size_of`."""
        return self.queue_size

    def size_of(self, items: int, size_bytes: int) -> int:
        """The size of a batch."""
        return SIZES[self.sizer](items, size_bytes)

    @model_validator(mode="before")
    @classmethod
    def _batch_is_there(cls, value: Any) -> Any:
        """`batch:` alone is all defaults; a `batch` without a sizer has that of the queue."""
        if not isinstance(value, dict) or "batch" not in value:
            return value
        batch = value["batch"]
        if batch is None:
            batch = {}
        elif isinstance(batch, dict) and "sizer" in value:
            batch = {"sizer": value["sizer"], **batch}
        return {**value, "batch": batch}

    @model_validator(mode="after")
    def _on_disk_is_a_result(self) -> Self:
        if self.wait_for_result and self.storage is not None:
            raise ValueError("wait_for_result and storage exclude each other: remove one of them")
        return self

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        batch = self.batch
        if batch and batch.sizer is self.sizer and batch.min_size > self.queue_size:
            raise ValueError(
                f"batch::min_size ({batch.min_size}) must not be more than queue_size"
                f" ({self.queue_size}): the queue would be full before"
            )
        return self


class JoinedQueueConfig(QueueConfig):
    """A queue behind which small requests are joined, which came unjoined for a `batch` processor.

    `queue_size` in requests means requests to the peer: so many full batches, counted by items.
    """

    @property
    def capacity(self) -> int:
        """Items of as many full batches."""
        return self.queue_size * self._full if self._counts_items else super().capacity

    def size_of(self, items: int, size_bytes: int) -> int:
        """A request that is larger than a full batch counts as one, so that it always fits."""
        if self._counts_items:
            return min(items, self._full)
        return super().size_of(items, size_bytes)

    @property
    def _full(self) -> int:
        return self.batch.min_size if self.batch else 0

    @property
    def _counts_items(self) -> bool:
        return self.sizer is Sizer.REQUESTS and self._full > 0


class Room:
    """What is in a queue, or taken from it and not yet done, in the unit of its `sizer`."""

    def __init__(self, config: QueueConfig, exporter_id: str) -> None:
        self._config, self._id = config, exporter_id
        self._taken = 0
        self._closed = False
        self._changed = asyncio.Condition()
        self._gauge = EXPORTER_QUEUE_SIZE.labels(exporter_id)

    def show(self) -> None:
        """Begin to show capacity and size as metrics."""
        EXPORTER_QUEUE_CAPACITY.labels(self._id).set(self._config.capacity)
        self._gauge.set(self._taken)

    async def enter(self, batch: Batch) -> None:
        """Take room for a batch; waits for it if the configuration says so.

        Raises:
            Retryable: the queue is full, or closed.
            Permanent: the batch is larger than the whole queue.
        """
        size, capacity = self._config.size_of(batch.items, len(batch.data)), self._config.capacity
        if size > capacity:
            raise Permanent(
                f"{self._id}: a batch of {size} {self._config.sizer} is larger than the"
                f" sending_queue (queue_size {capacity}); raise queue_size or send less at once"
            )
        async with self._changed:
            while not self._closed and self._taken + size > capacity:
                if not self._config.block_on_overflow:
                    raise Retryable(
                        f"{self._id}: the sending_queue is full ({self._config.queue_size}"
                        f" {self._config.sizer})",
                        after_s=_RETRY_AFTER_S,
                    )
                await self._changed.wait()
            if self._closed:
                raise Retryable(f"{self._id} is shutting down")
            self._resize(size)

    def occupy(self, items: int, size_bytes: int) -> None:
        """Take room for what is there already, whether there is some or not."""
        self._resize(self._config.size_of(items, size_bytes))

    async def leave(self, items: int, size_bytes: int) -> None:
        """Give the room of a batch free."""
        async with self._changed:
            self._resize(-self._config.size_of(items, size_bytes))
            self._changed.notify_all()

    async def close(self) -> None:
        """Let nothing more in; who waits for room is refused."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Nothing is in the queue any more."""
        if self._taken:
            self._resize(-self._taken)

    def _resize(self, by: int) -> None:
        self._taken += by
        self._gauge.set(self._taken)
