"""The processor: holds spans by trace, lets policies vote, and sends on what is sampled."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

import structlog

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import Retryable
from belvedere.collector.processors.tail_sampling import telemetry
from belvedere.collector.processors.tail_sampling.config import TailSamplingConfig
from belvedere.collector.processors.tail_sampling.decision_cache import Decision, DecisionCache
from belvedere.collector.processors.tail_sampling.outbox import Outbox
from belvedere.collector.processors.tail_sampling.trace import Part, Trace, parts_of
from belvedere.collector.processors.tail_sampling.voting import Voting
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_TICK_S: Final = 1.0
"""Decisions are due so often, as in the Collector."""
_FLUSH_S: Final = 10.0
"""How long `shutdown` waits for what follows."""
_AT_ONCE: Final = 256
"""Traces that are decided before others get a turn."""

log = structlog.get_logger(__name__)

_Key = tuple[str, bytes]
"""Project and trace id."""


class TailSampling:
    """Decides about each trace `decision_wait` after its first span came.

    A decision about a whole trace needs its spans in memory, so `consume` acknowledges what is
    nowhere but here. What of that can be kept is kept:

    - Traces that are still waiting at shutdown are decided then, with the spans that came, and
      sent on (unless `drop_pending_traces_on_shutdown`).
    - When there are more than `num_traces`, the oldest one is decided early. (The Collector
      drops it.)
    - What is sampled is sent until it is accepted; meanwhile, new spans are refused.
    - A killed process loses the spans that it holds. To keep them, have a tail sampler behind a
      Collector with a persistent queue whose spans are sent again.

    Late spans follow the decision about their trace as long as it is remembered: they are sent on
    at once, or dropped. Metadata of the requests does not stay with the spans.
    """

    Config = TailSamplingConfig
    signals: ClassVar = frozenset({Signal.TRACES})
    acknowledges_early: ClassVar = True

    def __init__(
        self,
        config: TailSamplingConfig,
        host: Host,
        consumer: Consumer,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._id = config, host.component_id
        self._consumer, self._now_s = consumer, now_s
        self._voting = Voting(config, host.component_id, now_s)
        self._pending: OrderedDict[_Key, Trace] = OrderedDict()
        """Traces without a decision, in the order of their arrival."""
        self._sampled: dict[str, list[Part]] = {}
        """Of each project, what was sampled since the last tick."""
        cache = config.decision_cache
        self._decisions = DecisionCache(
            config.num_traces, cache.sampled_cache_size, cache.non_sampled_cache_size
        )
        self._outbox = Outbox(host.component_id, consumer)
        self._ticks: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Decide every second about the traces whose time has come."""
        self._ticks = asyncio.create_task(self._tick_forever())

    async def consume(self, batch: Batch) -> None:
        """Hold the batch's spans; those of traces that were sampled go on at once.

        Raises:
            Retryable: what follows does not accept what was sampled, or is not asked any more.
            Permanent: what follows will never accept the late spans.
        """
        if self._stopped:
            raise Retryable(f"{self._id} is shutting down")
        if self._outbox.is_full:
            raise Retryable(
                f"{self._id}: sampled traces wait to be accepted by what follows", after_s=1
            )
        parts = {(batch.project, each): part for each, part in parts_of(batch).items()}
        late = [part for key, part in parts.items() if self._is_sampled(key)]
        if late:
            # First, as all of the batch comes again if this is refused.
            await self._consumer.consume(_batch(batch.project, late))
        for key, part in parts.items():
            self._take(key, part, sent=any(part is each for each in late))
        while len(self._pending) > self._config.num_traces:
            telemetry.DROPPED_TOO_EARLY.inc()
            self._decide_oldest()
        telemetry.TRACES_ON_MEMORY.set(len(self._pending))

    async def shutdown(self) -> None:
        """Decide about all that waits, send it on, and wait for its end, within a bound."""
        self._stopped = True
        if self._ticks:
            self._ticks.cancel()
            await asyncio.wait([self._ticks])
            self._ticks = None
        if self._pending and self._config.drop_pending_traces_on_shutdown:
            telemetry.DROPPED_TOO_EARLY.inc(len(self._pending))
            log.warning("pending_traces_dropped", component=self._id, traces=len(self._pending))
            self._pending.clear()
        while self._pending:
            self._decide_oldest()
        self._send_sampled()
        await self._outbox.empty(_FLUSH_S)

    async def tick(self) -> None:
        """Decide about the traces whose time has come, and send on what is sampled of them."""
        due_s = self._now_s() - self._config.decision_wait
        decided = 0
        while self._pending and next(iter(self._pending.values())).arrival_s <= due_s:
            self._decide_oldest()
            decided += 1
            if decided % _AT_ONCE == 0:
                await asyncio.sleep(0)
        self._send_sampled()
        telemetry.TRACES_ON_MEMORY.set(len(self._pending))

    def _is_sampled(self, key: _Key) -> bool:
        decision = None if key in self._pending else self._decisions.get(key)
        return decision is not None and decision.sampled

    def _take(self, key: _Key, part: Part, *, sent: bool) -> None:
        """Hold a part, unless its trace has been decided about; `sent`: it has gone on."""
        trace = self._pending.get(key)
        decision = None if trace else self._decisions.get(key)
        if decision is not None:
            sampled = "true" if decision.sampled else "false"
            telemetry.EARLY_RELEASES.labels(sampled).inc(part.spans)
            telemetry.LATE_SPAN_AGE.observe(self._now_s() - decision.at_s)
            if decision.sampled and not sent:  # decided while others of the batch were sent
                self._sampled.setdefault(key[0], []).append(part)
        elif not sent:
            if trace is None:
                telemetry.NEW_TRACE_ID_RECEIVED.inc()
                trace = self._pending[key] = Trace(key[1], self._now_s())
            trace.add(part)

    def _decide_oldest(self) -> None:
        key, trace = self._pending.popitem(last=False)
        now_s = self._now_s()
        sampled = self._voting.is_sampled(trace)
        self._decisions.note(key, Decision(sampled, now_s))
        telemetry.TRACE_REMOVAL_AGE.observe(now_s - trace.arrival_s)
        if sampled:
            part = Part(b"".join(trace.data), trace.span_count)
            self._sampled.setdefault(key[0], []).append(part)

    def _send_sampled(self) -> None:
        sampled, self._sampled = self._sampled, {}
        for project, parts in sampled.items():
            self._outbox.put(_batch(project, parts))

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(min(_TICK_S, self._config.decision_wait))
            await self.tick()


def _batch(project: str, parts: Iterable[Part]) -> Batch:
    held = list(parts)
    data = b"".join(part.data for part in held)
    return Batch(Signal.TRACES, data, sum(part.spans for part in held), project)
