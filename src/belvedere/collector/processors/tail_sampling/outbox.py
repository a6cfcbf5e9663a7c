"""Batches that nobody waits for: they were acknowledged before, so they are sent until accepted."""

import asyncio
from typing import Final

import structlog

from belvedere.collector.component import Consumer
from belvedere.collector.errors import Permanent, Retryable
from belvedere.otlp.batch import Batch

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_MAX_WAITING_BYTES: Final = 64 << 20

log = structlog.get_logger(__name__)


class Outbox:
    """Sends batches on, each by itself, again and again while what follows asks for it."""

    def __init__(self, component_id: str, consumer: Consumer) -> None:
        self._id, self._consumer = component_id, consumer
        self._sending: dict[asyncio.Task[None], Batch] = {}
        self._waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing new should be taken on."""
        return self._waiting_bytes >= _MAX_WAITING_BYTES

    def put(self, batch: Batch) -> None:
        """Send `batch` in the background."""
        task = asyncio.create_task(self._send(batch))
        self._sending[task] = batch
        self._waiting_bytes += len(batch.data)
        task.add_done_callback(self._sent)

    async def empty(self, timeout_s: float) -> None:
        """Wait until all is sent. What is not by then is lost, which is logged."""
        if not self._sending:
            return
        _, late = await asyncio.wait(list(self._sending), timeout=timeout_s)
        if not late:
            return
        spans = sum(self._sending[task].items for task in late)
        for task in late:
            task.cancel()
        await asyncio.wait(late)
        log.error("sampled_spans_lost_at_stop", component=self._id, spans=spans)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._waiting_bytes -= len(self._sending.pop(task).data)

    async def _send(self, batch: Batch) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._consumer.consume(batch)
            except Retryable as error:
                await asyncio.sleep(pause_s if error.after_s is None else error.after_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Permanent as error:
                log.error(  # noqa: TRY400 - what happened is what the error says; a stack tells no more
                    "sampled_spans_refused",
                    component=self._id,
                    spans=batch.items,
                    error=str(error),
                )
                return None
