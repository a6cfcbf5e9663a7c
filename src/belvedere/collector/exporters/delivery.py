"""From a pipeline to a peer that may be slow or away: what all sending exporters share.

    consume ─ sending_queue (batch) ─ num_consumers workers ─ retry_on_failure ─ one attempt ─ peer

After the Collector's `exporterhelper`. With a queue, `consume` returns when the batch is in it:
the acknowledgement then means "in memory", or with `storage` "on disk", and what the peer does
not take in time is dropped and counted. Without one, or with `wait_for_result`, `consume` returns
when the peer has taken the batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.batching_queue import BatchingQueue
from belvedere.collector.exporters.persistent_queue import PersistentQueue
from belvedere.collector.exporters.retry import Clock, Retry, RetryConfig
from belvedere.collector.exporters.room import (
    BatchConfig,
    JoinedQueueConfig,
    PartitionConfig,
    QueueConfig,
)
from belvedere.collector.exporters.sending_queue import Queue, SendingQueue
from belvedere.collector.handover import Handover
from belvedere.collector.registry import Kind
from belvedere.collector.storage import find_storage
from belvedere.internal_telemetry import (
    EXPORTER_ENQUEUE_FAILED,
    EXPORTER_SEND_FAILED,
    EXPORTER_SENT,
)
from belvedere.otlp.batch import Batch, items_by_signal

_DRAIN_S = 10.0
"""How long `shutdown` goes on sending what waits."""

log = structlog.get_logger(__name__)

Attempt = Callable[[Batch], Awaitable[int]]
"""Sends a batch once. Returns how many of its items the peer rejected by partial success; raises
`Retryable` or `Permanent` if it did not take the batch.
"""


class DeliveryConfig(ComponentConfig):
    """The keys that all sending exporters share."""

    timeout: Duration = Field(5.0, description="Longest duration of one attempt; 0s: no limit.")
    retry_on_failure: RetryConfig = Field(
        default_factory=RetryConfig, description="What happens after a failed attempt."
    )
    sending_queue: QueueConfig = Field(
        default_factory=QueueConfig, description="The queue between the pipeline and the peer."
    )


class Delivery:
    """Queue, workers, retries and counters of one exporter."""

    def __init__(
        self,
        config: DeliveryConfig,
        host: Host,
        attempt: Attempt,
        *,
        clock: Clock | None = None,
        drain_s: float = _DRAIN_S,
    ) -> None:
        """A delivery, not started.

        Raises:
            ConfigError: `sending_queue::storage` names no storage.
        """
        self._config, self._attempt, self._drain_s = config, attempt, drain_s
        self._host, self._id = host, host.component_id
        self._joins: BatchConfig | None = None
        self._retry = Retry(config.retry_on_failure, self._id, clock or Clock())
        self._queue = _queue(config.sending_queue, host)
        self._workers: list[asyncio.Task[None]] = []
        self._results: dict[int, asyncio.Future[None]] = {}
        """By the identity of the batch: what `wait_for_result` waits for."""
        self._stopping = False

    @property
    def is_durable(self) -> bool:
        """Whether what `consume` accepted survives `kill -9`."""
        queue = self._config.sending_queue
        return queue.enabled and queue.storage is not None

    def join_behind_queue(self, batch: BatchConfig) -> None:
        """Before the start: join what comes out of the queue, for a processor that does not.

        What the configuration says about `sending_queue::batch` goes first. Of several processors,
        each gets batches that are not larger, do not wait longer and are not more mixed. With
        `wait_for_result` nothing is joined, as senders would wait for `flush_timeout`.
        """
        queue = self._config.sending_queue
        if not queue.enabled or queue.batch or queue.wait_for_result:
            return
        self._joins = batch = _strictest(self._joins, batch) if self._joins else batch
        written = {name: getattr(queue, name) for name in queue.model_fields_set}
        self._queue = _queue(JoinedQueueConfig.model_construct(**written, batch=batch), self._host)

    async def start(self) -> None:
        """Begin to send what is in the queue.

        Raises:
            ConfigError: the storage of the queue cannot be used.
        """
        if self._queue:
            await self._queue.start()
            self._workers = [
                asyncio.create_task(self._work(self._queue))
                for _ in range(self._config.sending_queue.num_consumers)
            ]

    async def consume(self, batch: Batch) -> None:
        """Returns when the batch is in the queue; without a queue, when the peer has taken it.

        Raises:
            Retryable: the queue is full; or, without a queue, retries were of no avail.
            Permanent: the batch is larger than the queue; or, without one, the peer refused it.
        """
        if self._queue is None:
            try:
                await self._deliver(batch)
            except BaseException:
                self._count_failed(batch, batch.items)
                raise
        elif self._config.sending_queue.wait_for_result:
            result = self._results[id(batch)] = asyncio.get_running_loop().create_future()
            try:
                await self._put(self._queue, batch)
                await result
            finally:
                del self._results[id(batch)]
        else:
            await self._put(self._queue, batch)

    async def shutdown(self) -> None:
        """Send what waits, each batch with one attempt, within a bound; count what is dropped.

        A queue on disk, and one in memory that the next service takes over, keep what waits.
        """
        self._stopping = True
        self._retry.stop()
        if self._queue is None:
            return
        await self._queue.close()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=self._drain_s)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late)
            self._workers = []
        self._drop("not sent before the stop", await self._queue.shutdown())
        for result in self._results.values():
            if not result.done():
                result.set_exception(Retryable(f"{self._id} is shutting down"))

    async def _put(self, queue: Queue, batch: Batch) -> None:
        try:
            await queue.put(batch)
        except ConsumeError:
            EXPORTER_ENQUEUE_FAILED[batch.signal].labels(self._id).inc(batch.items)
            raise

    async def _work(self, queue: Queue) -> None:
        while (batch := await queue.get()) is not None:
            failure: BaseException | None = None
            try:
                await self._deliver(batch)
            except asyncio.CancelledError as error:
                failure = error
                if not queue.keep(batch):
                    self._drop("no answer before the stop", [batch])
                raise
            except ConsumeError as error:
                failure = error
                permanent = isinstance(error, Permanent)
                if permanent or not self._stopping or not queue.keep(batch):
                    self._drop(str(error), [batch])
            except Exception as error:  # noqa: BLE001 - a defect must not end the worker: the queue would fill and stay full
                failure = error
                self._drop("a defect", [batch], defect=error)
            finally:
                for put, kept_from in await queue.done(batch, failure):
                    self._tell_result(put, kept_from)

    async def _deliver(self, batch: Batch) -> None:
        rejected = await self._retry.call(lambda: self._attempt(batch))
        EXPORTER_SENT[batch.signal].labels(self._id).inc(batch.items - rejected)
        if rejected:
            self._count_failed(batch, rejected)

    def _tell_result(self, batch: Batch, failure: BaseException | None) -> None:
        result = self._results.get(id(batch))
        if result is None or result.done():
            return
        if failure is None:
            result.set_result(None)
        elif isinstance(failure, asyncio.CancelledError):
            result.set_exception(Retryable(f"{self._id} is shutting down"))
        else:
            result.set_exception(failure)

    def _count_failed(self, batch: Batch, items: int) -> None:
        EXPORTER_SEND_FAILED[batch.signal].labels(self._id).inc(items)

    def _drop(
        self, error: str, batches: Sequence[Batch], *, defect: Exception | None = None
    ) -> None:
        """Count and tell what is lost."""
        for batch in batches:
            self._count_failed(batch, batch.items)
        if batches:
            items = items_by_signal(batches)
            event = "dropped_by_defect" if defect else "dropped"
            log.error(event, component=self._id, error=error, items=items, exc_info=defect)


class DeliveringExporter:
    """Base of exporters whose pipeline side is a `Delivery`, which a subclass makes."""

    _delivery: Delivery

    @property
    def durable(self) -> bool:
        """See `registry`."""
        return self._delivery.is_durable

    def join_behind_queue(self, batch: BatchConfig) -> None:
        """See `Delivery.join_behind_queue`."""
        self._delivery.join_behind_queue(batch)

    async def consume(self, batch: Batch) -> None:
        """See `Delivery.consume`."""
        await self._delivery.consume(batch)


def _strictest(one: BatchConfig, other: BatchConfig) -> BatchConfig:
    keys = dict.fromkeys((*one.partition.metadata_keys, *other.partition.metadata_keys))
    max_size = min(filter(None, (one.max_size, other.max_size)), default=0)
    min_size = min(one.min_size, other.min_size)
    return BatchConfig.model_construct(
        flush_timeout=min(one.flush_timeout, other.flush_timeout),
        min_size=min(min_size, max_size) if max_size else min_size,
        max_size=max_size,
        partition=PartitionConfig(metadata_keys=tuple(keys)),
    )


def _queue(config: QueueConfig, host: Host) -> Queue | None:
    """The queue that a configuration asks for.

    Raises:
        ConfigError: it names a storage that there is not.
    """
    if not config.enabled:
        return None
    handover = host.services.get(Handover)
    queue: Queue
    if config.storage is None:
        queue = SendingQueue(config, host.component_id, handover)
    else:
        storage = find_storage(config.storage, host, Kind.EXPORTER, "sending_queue::storage")
        folder = storage.folder(Kind.EXPORTER, host.component_id)
        queue = PersistentQueue(config, host.component_id, folder, storage.sync, handover)
    return BatchingQueue(config.batch, queue) if config.batch else queue
