"""From a pipeline to a peer that may be slow or away: what all sending exporters share.

    consume ─ sending_queue ─ num_consumers workers ─ retry_on_failure ─ one attempt ─ peer

After the Collector's `exporterhelper`. With a queue, `consume` returns when the batch is in it:
the acknowledgement then means "in memory", and what the peer does not take in time is dropped
and counted. Without one, `consume` returns when the peer has taken the batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConsumeError
from belvedere.collector.exporters.retry import Clock, Retry, RetryConfig
from belvedere.collector.exporters.sending_queue import QueueConfig, SendingQueue
from belvedere.internal_telemetry import (
    EXPORTER_ENQUEUE_FAILED,
    EXPORTER_SEND_FAILED,
    EXPORTER_SENT,
)
from belvedere.otlp.batch import Batch

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
        self._config, self._attempt, self._drain_s = config, attempt, drain_s
        self._id = host.component_id
        self._retry = Retry(config.retry_on_failure, self._id, clock or Clock())
        queue = config.sending_queue
        self._queue = SendingQueue(queue, self._id) if queue.enabled else None
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to send what is in the queue."""
        if self._queue:
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
            await self._deliver(batch)
            return
        try:
            await self._queue.put(batch)
        except ConsumeError:
            EXPORTER_ENQUEUE_FAILED[batch.signal].labels(self._id).inc(batch.items)
            raise

    async def shutdown(self) -> None:
        """Send what waits, each batch with one attempt, within a bound; count what is dropped."""
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
        dropped = self._queue.drop_all()
        for batch in dropped:
            self._count_failed(batch, batch.items)
        if dropped:
            self._tell_dropped("not sent before the stop", dropped)

    async def _work(self, queue: SendingQueue) -> None:
        while (batch := await queue.get()) is not None:
            try:
                await self._deliver(batch)
            except ConsumeError as error:
                self._tell_dropped(str(error), [batch])
            except asyncio.CancelledError:
                self._tell_dropped("no answer before the stop", [batch])
                raise
            except Exception:
                # A defect must not end the worker: the queue would fill and stay full.
                log.exception(
                    "dropped_by_defect", component=self._id, items=_items_by_signal([batch])
                )
            finally:
                await queue.done(batch)

    async def _deliver(self, batch: Batch) -> None:
        try:
            rejected = await self._retry.call(lambda: self._attempt(batch))
        except BaseException:
            self._count_failed(batch, batch.items)
            raise
        EXPORTER_SENT[batch.signal].labels(self._id).inc(batch.items - rejected)
        if rejected:
            self._count_failed(batch, rejected)

    def _count_failed(self, batch: Batch, items: int) -> None:
        EXPORTER_SEND_FAILED[batch.signal].labels(self._id).inc(items)

    def _tell_dropped(self, error: str, batches: Sequence[Batch]) -> None:
        log.error("dropped", component=self._id, error=error, items=_items_by_signal(batches))


def _items_by_signal(batches: Sequence[Batch]) -> dict[str, int]:
    items: dict[str, int] = {}
    for batch in batches:
        items[batch.signal] = items.get(batch.signal, 0) + batch.items
    return items
