"""`deltatocumulative`: metrics of delta temporality become cumulative."""

import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from prometheus_client import Counter, Gauge
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.duration import Duration
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.delta import DeltaAccumulator
from belvedere.otlp.signal import Signal

_NO_LIMIT: Final = (1 << 63) - 1

_DATAPOINTS: Final = Counter(
    "otelcol_deltatocumulative_datapoints",
    "Data points of delta temporality that were dropped, by error.",
    ("error",),
    registry=REGISTRY,
)
_TRACKED: Final = Gauge(
    "otelcol_deltatocumulative_streams_tracked", "Number of streams tracked.", registry=REGISTRY
)


class DeltaToCumulativeConfig(ComponentConfig):
    """`processors::deltatocumulative`."""

    max_stale: Duration = Field(
        300.0, description="Time after which a stream without new points is forgotten; 0s: never."
    )
    max_streams: int = Field(
        _NO_LIMIT,
        ge=0,
        description="Streams that are known at most, of each project; points of others are"
        " dropped. 0: no limit.",
    )


class DeltaToCumulativeProcessor(RewritingProcessor):
    """Sums, histograms and exponential histograms: each point gets the total of its stream.

    A total grows when its delta is taken, whether or not what follows accepts the batch. If it
    does not, the points come again, and get the totals that they got before. Totals live in this
    process: after a restart, streams begin anew.
    """

    Config = DeltaToCumulativeConfig
    signals: ClassVar = frozenset({Signal.METRICS})

    def __init__(
        self,
        config: DeltaToCumulativeConfig,
        host: Host,
        consumer: Consumer,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(host, consumer)
        self._max_stale_s, self._now_s = config.max_stale, now_s
        self._max_streams = config.max_streams or _NO_LIMIT
        self._accumulators: dict[str, DeltaAccumulator] = {}

    def rewrite(self, batch: Batch) -> Batch:
        """The batch with totals; as it is, if nothing in it is delta."""
        message: Any = batch.take_message()
        accumulator = self._accumulators.get(batch.project) or DeltaAccumulator(
            self._max_streams, refuse_new_streams=True, repeat_totals=True
        )
        now_s = self._now_s()
        if self._max_stale_s:
            self._forget(now_s - self._max_stale_s)
        conversion = accumulator.convert(message, now_s)
        if not conversion.converted:
            batch.give_back(message)
            return batch
        conversion.commit()
        if len(accumulator):
            self._accumulators[batch.project] = accumulator
        for error, points in conversion.dropped.items():
            _DATAPOINTS.labels(error).inc(points)
        _TRACKED.set(sum(map(len, self._accumulators.values())))
        return rewritten(batch, message)

    def _forget(self, before_s: float) -> None:
        for project, accumulator in list(self._accumulators.items()):
            accumulator.forget(before_s)
            if not len(accumulator):
                del self._accumulators[project]
