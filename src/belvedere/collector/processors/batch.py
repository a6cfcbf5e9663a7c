"""`batch`: joins small batches into large ones; no client waits for its timer.

What an acknowledgement promises depends on what follows, which `Host.leads_to` says:

- Before exporters that keep batches in memory (`sending_queue` without `storage`, no queue,
  `prometheus`, `debug`), `consume` returns when the batch is held here, in memory, as upstream's
  `processor/batchprocessor`. Limited to 64 MiB per pipeline. Held batches are retried until
  accepted, flushed at shutdown, and handed to the successor at a reload; `kill -9` loses them.
  Upstream drops what the next consumer refuses; here new batches are refused meanwhile.
- Before an exporter that is `durable` (`belvedere`, `file`, `sending_queue: {storage: ...}`),
  batches pass at once, and `consume` returns when the exporter has accepted them: what was
  acknowledged survives `kill -9`. Exporters with a `sending_queue` join batches behind it
  instead, with the settings of this processor.
- Before both, as before a durable exporter. Of what the exporters with a queue in memory accept,
  `kill -9` loses what they have not sent.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Self

import structlog
from prometheus_client import Gauge
from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.room import BatchConfig as QueueBatchConfig
from belvedere.collector.exporters.room import PartitionConfig
from belvedere.collector.fan_out import rest_of
from belvedere.collector.handover import Handover
from belvedere.collector.processors.split import split
from belvedere.internal_telemetry import PROCESSOR_DROPPED, PROCESSOR_REFUSED, REGISTRY
from belvedere.otlp.batch import Batch, items_by_signal
from belvedere.otlp.signal import Signal

_FLUSH_S = 10.0
"""Longest duration of `shutdown`."""
_MAX_HELD_BYTES: Final = 64 << 20
_LONGEST_WAIT_S: Final = 5.0
"""Longest wait for capacity; stock clients give up after 10 s."""
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S: Final = 5.0
_QUICK_RETRIES: Final = 3
"""Retries before new batches are refused, and before `Retryable.after_s` counts: a full queue in
this process may have capacity after milliseconds."""

UNSENT_ITEMS: Final = Gauge(
    "belvedere_processor_batch_unsent_items",
    "Items that were acknowledged and are held in memory: what a crash would lose.",
    ("processor", "otel_signal"),
    registry=REGISTRY,
)

log = structlog.get_logger(__name__)

_Key = tuple[Signal, str, tuple[tuple[str, ...], ...]]
"""What batches must have in common to be joined: signal, project, values of `metadata_keys`."""


class BatchConfig(ComponentConfig):
    """`processors::batch`."""

    send_batch_size: int = Field(
        8192, ge=0, description="Items after which a batch is sent; 0: each is sent at once."
    )
    timeout: Duration = Field(
        0.2,
        description="How long a batch waits for more items, after it was acknowledged; 0s: each is"
        " sent at once.",
    )
    send_batch_max_size: int = Field(
        0,
        ge=0,
        description="Items that a batch never exceeds (larger ones are split); 0: no limit.",
    )
    metadata_keys: tuple[str, ...] = Field(
        (), description="Request headers whose values keep batches apart and stay with them."
    )
    metadata_cardinality_limit: int = Field(
        1000, ge=0, description="Combinations of those values that may wait at once; 0: no limit."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if 0 < self.send_batch_max_size < self.send_batch_size:
            raise ValueError(
                f"send_batch_max_size ({self.send_batch_max_size}) must not be less than"
                f" send_batch_size ({self.send_batch_size})"
            )
        names = [key.lower() for key in self.metadata_keys]
        if len(set(names)) < len(names):
            raise ValueError("metadata_keys names a header twice (case does not matter)")
        return self


@dataclass(slots=True)
class _Lane:
    """The acknowledged batches of one key, in the order of their arrival."""

    parts: list[Batch] = field(default_factory=list)
    """Wait for more, until `timer`."""
    items: int = 0
    """Of `parts`."""
    timer: asyncio.TimerHandle | None = None
    closed: deque[Batch] = field(default_factory=deque)
    """Joined; the first one is being sent."""
    sender: asyncio.Task[None] | None = None
    refusal: Retryable | None = None
    """Why the first one is still not accepted, after some retries."""


class BatchProcessor:
    """Joins the batches of a project and of the same metadata, by size and by time."""

    Config = BatchConfig
    takes_over: ClassVar = True
    notes: ClassVar = (
        "Before exporters that keep batches in memory, a batch is acknowledged when it is held in"
        " memory (at most 64 MiB per pipeline): SIGTERM and SIGHUP send it on, kill -9 loses it.\n"
        "Before a durable exporter (belvedere, file, or sending_queue::storage), it is acknowledged"
        " when that exporter has it on disk, and joined behind the sending_queue: kill -9 loses"
        " nothing.\n"
        "Before both, the durable one decides."
    )

    def __init__(self, config: BatchConfig, host: Host, consumer: Consumer) -> None:
        self._config, self._id, self._consumer = config, host.component_id, consumer
        self._metadata_keys = tuple(key.lower() for key in config.metadata_keys)
        self._passes = not config.timeout or not config.send_batch_size or host.leads_to_durable
        if host.leads_to_durable:
            self._join_behind_queues(host)
        self._handover: Handover | None = host.services.get(Handover)
        self._place = host.place
        self._lanes: dict[_Key, _Lane] = {}
        self._held_bytes = 0
        self._changed = asyncio.Condition()
        """Notified when capacity was released, when a refusal begins, and at the stop."""
        self._stopping = asyncio.Event()
        self._hands_over = False

    async def start(self) -> None:
        """Take over what a predecessor held."""
        for batch in self._handover.take(self._place) if self._handover else ():
            self._add(self._key(batch), batch)
        if self._passes:
            self._close_all()

    async def consume(self, batch: Batch) -> None:
        """Returns when the batch is held, or, before a durable exporter, when that has it.

        Raises:
            Retryable: what follows refuses batches for now; or the processor holds as much as it
                may, has too many combinations of metadata values, or has stopped.
            Permanent: before a durable exporter, it will never accept a part of the batch.
        """
        key = self._key(batch)
        if self._passes and not self._stopping.is_set():
            await self._pass_on(replace(batch, metadata=self._metadata(key)))
            return
        try:
            if not self._admits(key, len(batch.data)):
                await self._wait_for_capacity(key, len(batch.data))
        except Retryable:
            PROCESSOR_REFUSED[batch.signal].labels(self._id).inc(batch.items)
            raise
        batch.forget_large()
        self._add(key, batch)

    async def shutdown(self) -> None:
        """Send what is held, within a bound; the rest is dropped, and counted.

        Where a successor follows, all that is held is left to it.
        """
        self._hands_over = bool(self._handover and self._handover.has_successor(self._place))
        self._stopping.set()
        await self._notify()
        if not self._hands_over:
            self._close_all()
        if senders := [lane.sender for lane in self._lanes.values() if lane.sender]:
            _, late = await asyncio.wait(senders, timeout=_FLUSH_S)
            for sender in late:
                sender.cancel()
            if late:
                await asyncio.wait(late)
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            if lane.timer:
                lane.timer.cancel()
            rest = [*lane.closed, *lane.parts]
            if self._hands_over and self._handover:
                self._handover.leave(self._place, rest)
            else:
                self._drop(rest, "not accepted before the stop")
            for batch in rest:
                self._release(batch)

    def _join_behind_queues(self, host: Host) -> None:
        """Let exporters with a queue join what passes here."""
        config = self._config
        if not config.timeout or not (config.send_batch_size or config.send_batch_max_size):
            return
        joins = QueueBatchConfig.model_construct(
            flush_timeout=config.timeout,
            min_size=config.send_batch_size,
            max_size=config.send_batch_max_size,
            partition=PartitionConfig(metadata_keys=self._metadata_keys),
        )
        for exporter in host.leads_to:
            if join := getattr(exporter, "join_behind_queue", None):
                join(joins)

    def _key(self, batch: Batch) -> _Key:
        values = tuple(batch.metadata.get(key, ()) for key in self._metadata_keys)
        return batch.signal, batch.project, values

    def _metadata(self, key: _Key) -> dict[str, tuple[str, ...]]:
        return dict(zip(self._metadata_keys, key[2], strict=True))

    def _admits(self, key: _Key, size_bytes: int) -> bool:
        """Whether there is capacity for a batch now. One that is larger than all of it is alone.

        Raises:
            Retryable: it must be sent again later.
        """
        if self._stopping.is_set():
            raise Retryable(f"{self._id} is shutting down")
        lane = self._lanes.get(key)
        if lane is None:
            limit = self._config.metadata_cardinality_limit
            if self._metadata_keys and limit and len(self._lanes) >= limit:
                raise Retryable(
                    f"{self._id} holds {limit} combinations of metadata values, which is"
                    " metadata_cardinality_limit"
                )
        elif lane.refusal:
            raise Retryable(str(lane.refusal), after_s=lane.refusal.after_s)
        return not self._held_bytes or self._held_bytes + size_bytes <= _MAX_HELD_BYTES

    async def _wait_for_capacity(self, key: _Key, size_bytes: int) -> None:
        self._close_all()
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S), self._changed:
                await self._changed.wait_for(lambda: self._admits(key, size_bytes))
        except TimeoutError:
            raise Retryable(
                f"{self._id} holds {_MAX_HELD_BYTES >> 20} MiB that what follows has not accepted",
                after_s=1,
            ) from None

    def _add(self, key: _Key, batch: Batch) -> None:
        config = self._config
        lane = self._lanes.setdefault(key, _Lane())
        maximum = config.send_batch_max_size
        if lane.parts and maximum and lane.items + batch.items > maximum:
            self._close(key, lane)
        if not lane.parts and not self._passes:
            loop = asyncio.get_running_loop()
            lane.timer = loop.call_later(config.timeout, self._close, key, lane)
        lane.parts.append(batch)
        lane.items += batch.items
        self._held_bytes += len(batch.data)
        UNSENT_ITEMS.labels(self._id, batch.signal).inc(batch.items)
        if lane.items >= config.send_batch_size:
            self._close(key, lane)

    def _close_all(self) -> None:
        for key, lane in list(self._lanes.items()):
            if lane.parts:
                self._close(key, lane)

    def _close(self, key: _Key, lane: _Lane) -> None:
        """Join the parts of a lane, and send them after what is being sent of it."""
        if lane.timer:
            lane.timer.cancel()
            lane.timer = None
        joined = replace(Batch.joined(lane.parts), metadata=self._metadata(key))
        lane.parts, lane.items = [], 0
        maximum = self._config.send_batch_max_size
        pieces = list(split(joined, maximum)) if maximum else [joined]
        self._held_bytes += sum(len(piece.data) for piece in pieces) - len(joined.data)
        lane.closed.extend(pieces)
        if lane.sender is None:
            lane.sender = asyncio.create_task(self._send(key, lane))

    async def _send(self, key: _Key, lane: _Lane) -> None:
        """Send what is closed, one after the other. At a handover the rest stays."""
        while lane.closed and not self._hands_over:
            if await self._deliver(lane, lane.closed[0]):
                self._release(lane.closed.popleft())
                await self._notify()
        lane.sender = None
        if not lane.closed and not lane.parts:
            self._lanes.pop(key, None)

    async def _deliver(self, lane: _Lane, batch: Batch) -> bool:
        """Send a batch until it is accepted or dropped; False if it stays for a successor.

        Where several consumers follow, it is sent again only to those that asked for it.
        """
        consumer: Consumer | None = self._consumer
        retries, pause_s = 0, _FIRST_PAUSE_S
        while consumer:
            error: ConsumeError
            try:
                await consumer.consume(batch)
                break
            except Retryable as refusal:
                error, consumer = refusal, rest_of(refusal, batch) or consumer
            except Permanent as refusal:
                self._drop([batch], str(refusal))
                error, consumer = refusal, rest_of(refusal, batch)
            except Exception as defect:  # noqa: BLE001 - a defect must not end the sender: the lane would fill and stay full
                self._drop([batch], "a defect", defect=defect)
                break
            if consumer is None:
                break
            if self._hands_over:
                return False
            if retries >= _QUICK_RETRIES:
                after_s = error.after_s if isinstance(error, Retryable) else None
                pause_s = max(pause_s, after_s or 0)
                await self._refuse(lane, Retryable(str(error), after_s=pause_s))
            await self._pause(pause_s)
            retries, pause_s = retries + 1, min(2 * pause_s, _LONGEST_PAUSE_S)
        lane.refusal = None
        return True

    async def _refuse(self, lane: _Lane, refusal: Retryable) -> None:
        """Refuse new batches of a lane until its first one is accepted."""
        if lane.refusal is None:
            log.warning("batch_refused_will_retry", component=self._id, error=str(refusal))
        lane.refusal = refusal
        await self._notify()

    async def _pause(self, pause_s: float) -> None:
        """Wait, but not for long once the processor stops."""
        if self._stopping.is_set():
            await asyncio.sleep(_FIRST_PAUSE_S)
            return
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _release(self, batch: Batch) -> None:
        self._held_bytes -= len(batch.data)
        UNSENT_ITEMS.labels(self._id, batch.signal).dec(batch.items)

    def _drop(
        self, batches: Sequence[Batch], error: str, *, defect: Exception | None = None
    ) -> None:
        """Count and log what is lost."""
        for batch in batches:
            PROCESSOR_DROPPED[batch.signal].labels(self._id).inc(batch.items)
        if items := items_by_signal(batches):
            log.error("dropped", component=self._id, error=error, items=items, exc_info=defect)

    async def _pass_on(self, batch: Batch) -> None:
        """Send a batch in pieces of the allowed size.

        A `Retryable` ends it: the sender brings all of it again, and sending the rest now would
        only make more of it arrive twice. After a `Permanent`, nobody brings it again, so the rest
        is still sent.
        """
        maximum = self._config.send_batch_max_size
        refused: Permanent | None = None
        for piece in split(batch, maximum) if maximum else (batch,):
            try:
                await self._consumer.consume(piece)
            except Permanent as error:
                refused = error
        if refused:
            raise refused
