"""The processor: it decides about each item by itself, and remembers none."""

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from belvedere.collector.component import Consumer, Host
from belvedere.collector.processors.probabilistic_sampler.carrier import (
    Carrier,
    RecordCarrier,
    SpanCarrier,
)
from belvedere.collector.processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from belvedere.collector.processors.probabilistic_sampler.mode import MISSING, Mode, mode_of
from belvedere.collector.processors.probabilistic_sampler.priority import (
    record_priority,
    span_priority,
)
from belvedere.collector.processors.probabilistic_sampler.telemetry import SAMPLED
from belvedere.collector.processors.probabilistic_sampler.threshold import ALWAYS, NEVER
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import retain
from belvedere.otlp.signal import Signal

_CARRIERS: dict[Signal, Callable[[Any], Carrier]] = {
    Signal.TRACES: SpanCarrier,
    Signal.LOGS: RecordCarrier,
}


class ProbabilisticSampler(RewritingProcessor):
    """Keeps the items whose randomness reaches the threshold.

    Decisions are those of the Collector's `probabilistic_sampler` with the same configuration
    (FNV-1a of seed and trace id; in the other modes, OpenTelemetry's consistent sampling), and
    so is what it writes into the items that it keeps: `ot=rv:…;th:…` in the trace state of spans,
    `sampling.randomness` and `sampling.threshold` in the attributes of log records.
    """

    Config = ProbabilisticSamplerConfig
    signals: ClassVar = frozenset(_CARRIERS)

    def __init__(self, config: ProbabilisticSamplerConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(host, consumer)
        self._config = config
        self._modes = {signal: mode_of(config, signal) for signal in _CARRIERS}
        self._on_failure = NEVER if config.fail_closed else ALWAYS

    def rewrite(self, batch: Batch) -> Batch:
        """The batch with what is kept of it."""
        message = batch.take_message()
        counts: Counter[tuple[str, bool]] = Counter()
        mode, carrier_of = self._modes[batch.signal], _CARRIERS[batch.signal]
        priority = self._priority_of(batch.signal)

        def keep(item: Any) -> bool:
            policy, kept = self._decide(item, mode, carrier_of, priority)
            counts[policy, kept] += 1
            return kept

        retain(batch.signal, message, keep)
        for (policy, kept), count in counts.items():
            sampled = "true" if kept else "false"
            SAMPLED[batch.signal].labels(policy, sampled).inc(count)
        return rewritten(batch, message)

    def _decide(
        self,
        item: Any,
        mode: Mode,
        carrier_of: Callable[[Any], Carrier],
        priority: Callable[[Any], int | None],
    ) -> tuple[str, bool]:
        """The policy that decided, and whether the item is kept."""
        carrier: Carrier | None
        try:
            carrier = carrier_of(item)
        except ValueError:
            carrier = None
        randomness = mode.randomness(item, carrier)
        if carrier is not None and not mode.can_use(carrier, randomness):
            carrier = None
        threshold = self._on_failure
        if carrier is not None and randomness is not MISSING:
            if (carrier.threshold or ALWAYS) > randomness.value:
                carrier.threshold = None  # it should not have come this far
            else:
                threshold = mode.threshold(carrier)
        policy = randomness.policy
        wanted = priority(item)
        if wanted is not None:
            policy, threshold = "sampling_priority", wanted
        kept = randomness.value >= threshold
        if kept and carrier is not None:
            carrier.raise_threshold(threshold)
            carrier.save()
        return policy, kept

    def _priority_of(self, signal: Signal) -> Callable[[Any], int | None]:
        """The threshold that an item asks for; None if it does not."""
        if signal is Signal.TRACES:
            return span_priority
        key, precision = self._config.sampling_priority, self._config.sampling_precision
        return lambda record: record_priority(record, key, precision) if key else None
