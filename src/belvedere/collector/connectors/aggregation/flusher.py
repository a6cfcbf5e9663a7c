"""What a connector has aggregated, handed on every so often, and at last at its end."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from belvedere.collector.component import Consumer
from belvedere.collector.connectors.telemetry import LOST_POINTS
from belvedere.collector.errors import ConsumeError, Permanent
from belvedere.otlp.batch import Batch

_STOP_S: Final = 10.0
"""How long `shutdown` tries to hand on what is left."""
_PAUSE_S: Final = 0.25
"""Between two tries of it."""

log = structlog.get_logger(__name__)


class Collect(Protocol):
    """Makes batches of what is aggregated."""

    def __call__(self, *, last: bool) -> Iterable[Batch]:
        """The batches to hand on now; `last`: there will be no other flush."""
        ...


class Flusher:
    """Asks for batches every `interval_s`, and hands them on in order.

    A batch that is to come again waits, and nothing new is asked for meanwhile: the connector
    goes on aggregating, so a consumer that is away costs no memory, and no total. One that is
    refused for good is lost, which is logged and counted.
    """

    def __init__(self, component_id: str, consumer: Consumer, collect: Collect) -> None:
        self._id, self._consumer, self._collect = component_id, consumer, collect
        self._waiting: deque[Batch] = deque()
        self._one_flush = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._collected_last = False
        self._running: asyncio.Task[None] | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether `shutdown` was called: nothing new should be taken on."""
        return self._stopping.is_set()

    def start(self, interval_s: float, also: Callable[[], None] = lambda: None) -> None:
        """Flush regularly; `also` is called before each time. 0: only when `flush` is called."""
        if interval_s:
            self._running = asyncio.create_task(self._run(interval_s, also))

    async def flush(self, *, last: bool = False) -> bool:
        """Hand on what waits, then what is aggregated; whether nothing waits any more."""
        async with self._one_flush:
            if not await self._send_waiting():
                return False
            if not self._collected_last:
                self._collected_last = last
                self._waiting.extend(self._collect(last=last))
            return await self._send_waiting()

    async def shutdown(self) -> None:
        """Flush for the last time, within a bound. Does nothing when repeated."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        try:
            async with asyncio.timeout(_STOP_S):
                if self._running:
                    await self._running
                while not await self.flush(last=True):  # noqa: ASYNC110 - nobody tells when the consumer takes it
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            for batch in self._waiting:
                self._lose(batch, "not accepted before the stop")
            self._waiting.clear()

    async def _run(self, interval_s: float, also: Callable[[], None]) -> None:
        while True:
            try:
                async with asyncio.timeout(interval_s):
                    await self._stopping.wait()
            except TimeoutError:
                try:
                    also()
                    await self.flush()
                except Exception:
                    log.exception("flush_failed", component=self._id)  # and the next one is tried
            else:
                return

    async def _send_waiting(self) -> bool:
        while self._waiting:
            batch = self._waiting[0]
            try:
                await self._consumer.consume(batch)
            except Permanent as error:
                self._lose(batch, str(error))
            except ConsumeError as error:
                log.warning("metrics_not_accepted_yet", component=self._id, error=str(error))
                return False
            self._waiting.popleft()
        return True

    def _lose(self, batch: Batch, error: str) -> None:
        LOST_POINTS.labels(self._id).inc(batch.items)
        log.error("metrics_lost", component=self._id, points=batch.items, error=error)
