"""`batch`: many small batches to few large ones.

As the Collector's processor of that name, but for one difference: `consume` returns when the
batch that the data became part of was accepted downstream, and its error reaches every caller.
The Collector's acknowledges at once, and loses what it holds when it is killed or what follows
refuses; here nothing that was acknowledged is lost. The price is that a client with one request
at a time waits up to `timeout` for each.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Self

import structlog
from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.processors.split import split
from belvedere.collector.status import ServiceStatus
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_FLUSH_S = 10.0
"""How long `shutdown` waits for what follows."""

log = structlog.get_logger(__name__)

_Key = tuple[Signal, str, tuple[tuple[str, ...], ...]]
"""What batches must have in common to be joined: signal, project, values of `metadata_keys`."""


class BatchConfig(ComponentConfig):
    """`processors::batch`."""

    send_batch_size: int = Field(
        8192, ge=0, description="Items after which a batch is sent; 0: each is sent at once."
    )
    timeout: Duration = Field(
        0.2, description="How long a batch waits for more items; 0s: each is sent at once."
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
class _Group:
    """Batches that wait to become one."""

    sent: asyncio.Future[None]
    timer: asyncio.TimerHandle | None = None
    parts: list[Batch] = field(default_factory=list)
    items: int = 0

    def add(self, batch: Batch) -> None:
        self.parts.append(batch)
        self.items += batch.items


class BatchProcessor:
    """Joins the batches of a project and of the same metadata, by size and by time."""

    Config = BatchConfig

    def __init__(self, config: BatchConfig, host: Host, consumer: Consumer) -> None:
        self._config, self._id, self._consumer = config, host.component_id, consumer
        self._metadata_keys = tuple(key.lower() for key in config.metadata_keys)
        self._waiting: dict[_Key, _Group] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._hurries = self._stopped = False
        if status := host.services.get(ServiceStatus):
            status.before_stop.append(self._hurry)

    async def start(self) -> None:
        """Nothing to do: timers begin with the first batch."""

    async def consume(self, batch: Batch) -> None:
        """Returns when what follows has accepted the batch that this one became part of.

        Raises:
            Retryable: what follows asks for a retry; or there are too many combinations of
                metadata values, or the processor has stopped.
            Permanent: what follows will never accept a part of it.
        """
        if self._stopped:
            raise Retryable(f"{self._id} is shutting down")
        config = self._config
        values = tuple(batch.metadata.get(key, ()) for key in self._metadata_keys)
        key: _Key = (batch.signal, batch.project, values)
        group = self._waiting.get(key)
        maximum = config.send_batch_max_size
        if group and maximum and group.items + batch.items > maximum:
            self._send(key)
            group = None
        if group is None:
            group = self._open(key)
        group.add(batch)
        if group.items >= config.send_batch_size or not config.timeout or self._hurries:
            self._send(key)
        await asyncio.shield(group.sent)

    async def shutdown(self) -> None:
        """Send everything that waits, and wait for its end, within a bound.

        What is not accepted by then was not acknowledged either: its senders still have it.
        """
        self._stopped = True
        self._hurry()
        if not self._sending:
            return
        _, late = await asyncio.wait(self._sending, timeout=_FLUSH_S)
        for task in late:
            task.cancel()
        if late:
            log.warning("batches_not_accepted_before_stop", component=self._id, batches=len(late))
            await asyncio.wait(late)

    def _hurry(self) -> None:
        """Send what waits, and from now on everything at once: receivers stop when it is sent."""
        self._hurries = True
        for key in list(self._waiting):
            self._send(key)

    def _open(self, key: _Key) -> _Group:
        limit = self._config.metadata_cardinality_limit
        if self._metadata_keys and limit and len(self._waiting) >= limit:
            raise Retryable(
                f"{self._id} holds {limit} combinations of metadata values, which is"
                " metadata_cardinality_limit"
            )
        loop = asyncio.get_running_loop()
        group = self._waiting[key] = _Group(loop.create_future())
        group.timer = loop.call_later(self._config.timeout, self._send, key)
        return group

    def _send(self, key: _Key) -> None:
        """Close the group that waits under `key`, and send it in a task of its own."""
        group = self._waiting.pop(key)
        if group.timer:
            group.timer.cancel()
        task = asyncio.create_task(self._deliver(group, key))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, group: _Group, key: _Key) -> None:
        try:
            metadata = dict(zip(self._metadata_keys, key[2], strict=True))
            await self._hand_on(replace(Batch.joined(group.parts), metadata=metadata))
        except asyncio.CancelledError:
            group.sent.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - each caller gets it from the future
            group.sent.set_exception(error)
            group.sent.exception()  # if every caller went away, nobody else retrieves it
        else:
            group.sent.set_result(None)

    async def _hand_on(self, batch: Batch) -> None:
        """Send a batch in pieces of the allowed size.

        A `Retryable` ends it: the senders will bring all of it again, and sending the rest now
        would only make more of it arrive twice. After a `Permanent`, nobody brings it again, so
        the rest is still sent.
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
