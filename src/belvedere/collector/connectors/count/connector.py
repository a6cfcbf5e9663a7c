"""The connector `count`.

After the Collector's. Each batch becomes, for each of its resources, points of delta temporality.
What is different: their times are those of counting, one after the other, as points of a stream
that overlap would be refused downstream. (The Collector writes the times of what is counted.)
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from belvedere.collector.component import Consumer, Host
from belvedere.collector.connectors.count.config import CountConfig
from belvedere.collector.connectors.count.counter import Counts, Metric
from belvedere.collector.errors import Permanent
from belvedere.collector.fan_out import fan_out
from belvedere.collector.ottl import Context, EvaluationError, Record
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS, points_of
from belvedere.otlp.signal import Signal

_SCOPE: Final = "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector"
_MILLISECOND_NS: Final = 1_000_000

_ITEMS: Final[Mapping[Signal, tuple[Context, Context | None]]] = {
    Signal.TRACES: (Context.SPAN, Context.SPANEVENT),
    Signal.METRICS: (Context.METRIC, Context.DATAPOINT),
    Signal.LOGS: (Context.LOG, None),
}
"""What a signal's records are, and what these hold."""
_INNER: Final[Mapping[Signal, Callable[[Any], Sequence[Any]]]] = {
    Signal.TRACES: lambda span: span.events,
    Signal.METRICS: points_of,
    Signal.LOGS: lambda _: (),
}


class Count:
    """Counts each batch as it comes, and hands the counts on."""

    Config = CountConfig
    connects: ClassVar[Mapping[Signal, frozenset[Signal]]] = {
        signal: frozenset({Signal.METRICS}) for signal in Signal
    }

    def __init__(
        self,
        config: CountConfig,
        host: Host,
        consumers: Mapping[Signal, Mapping[str, Consumer]],
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._id, self._now_ns = host.component_id, now_ns
        self._consumer = fan_out(list(consumers[Signal.METRICS].values()))
        self._metrics = {
            context: [Metric(name, metric, context) for name, metric in metrics.items()]
            for context, metrics in config.by_context.items()
        }
        self._last_ns = 0

    async def start(self) -> None:
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Returns when the counts are accepted.

        Raises:
            Retryable: what follows asks for a retry. Nothing is counted then.
            Permanent: what follows will never accept it, or a value is not what a condition takes.
        """
        try:
            request = self._count(batch, batch.message)
        except EvaluationError as error:
            raise Permanent(f"{self._id}: {error}") from None
        counts = Batch.of(Signal.METRICS, request, project=batch.project, metadata=batch.metadata)
        if counts.items:
            await self._consumer.consume(counts)

    async def shutdown(self) -> None:
        """Nothing is held."""

    def _count(self, batch: Batch, message: Any) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        start_ns, end_ns = self._interval()
        signal, record = batch.signal, Record(metadata=batch.metadata)
        levels = LEVELS[signal]
        for resource in getattr(message, levels.resources):
            record.resource = resource
            counts = self._counts(signal, record)
            entry = request.resource_metrics.add(resource=resource.resource)
            scope = entry.scope_metrics.add()
            scope.scope.name = _SCOPE
            for each in counts:
                each.write(scope, start_ns, end_ns)
            if not scope.metrics:
                del request.resource_metrics[-1]
        return request

    def _counts(self, signal: Signal, record: Record) -> list[Counts]:
        """The counts of one resource's records, and of what these hold."""
        levels, (outer, inner) = LEVELS[signal], _ITEMS[signal]
        outers, inners = self._metrics[outer], self._metrics[inner] if inner else []
        counted, counted_inner = Counts(outers), Counts(inners)
        every = all(each.counts_all for each in outers)
        every_inner = all(each.counts_all for each in inners)
        inner_of = _INNER[signal]
        for scope in getattr(record.resource, levels.scopes):
            record.scope = scope
            items = getattr(scope, levels.records)
            if every:
                counted.add_all(len(items))
            if every_inner and inners:
                counted_inner.add_all(sum(len(inner_of(item)) for item in items))
            if every and every_inner:
                continue
            for item in items:
                setattr(record, outer, item)
                if not every:
                    record.cache = None
                    counted.add(record, item)
                if not every_inner and inner:
                    for held in inner_of(item):
                        setattr(record, inner, held)
                        record.cache = None
                        counted_inner.add(record, held)
        return [counted, counted_inner]

    def _interval(self) -> tuple[int, int]:
        """Since the last count, until now; at least a millisecond, Prometheus's smallest step."""
        start_ns = self._last_ns
        self._last_ns = max(self._now_ns(), start_ns + _MILLISECOND_NS)
        return start_ns or self._last_ns - _MILLISECOND_NS, self._last_ns
