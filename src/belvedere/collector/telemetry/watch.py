"""What passes a component, counted and traced: put before consumers when a graph is made."""

from collections.abc import Coroutine
from typing import Any

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from prometheus_client import Counter

from belvedere.collector.component import Consumer
from belvedere.collector.errors import ConsumeError
from belvedere.collector.graph import Place, Watch
from belvedere.collector.registry import Kind
from belvedere.internal_telemetry import PROCESSOR_INCOMING_ITEMS, PROCESSOR_OUTGOING_ITEMS
from belvedere.otlp.batch import Batch

_KINDS = {Kind.RECEIVER: SpanKind.SERVER, Kind.EXPORTER: SpanKind.CLIENT}


def watching(tracer: Tracer | None) -> Watch:
    """Counts what goes into and comes out of processors; with a tracer, spans for all components.

    Spans are named as the Collector's: `receiver/otlp/traces`, `exporter/otlp/traces`.
    """

    def watch(place: Place, consumer: Consumer) -> Consumer:
        if tracer and not place.leaves:
            consumer = _Traced(consumer, place, tracer)
        if place.kind is Kind.PROCESSOR:
            if place.leaves:
                counter = PROCESSOR_OUTGOING_ITEMS.labels(place.id, place.signal)
                return _CountedOut(consumer, counter)
            return _Counted(consumer, PROCESSOR_INCOMING_ITEMS.labels(place.id, place.signal))
        return consumer

    return watch


class _Counted:
    def __init__(self, consumer: Consumer, counter: Counter) -> None:
        self.consumer, self._counter = consumer, counter

    def consume(self, batch: Batch) -> Coroutine[Any, Any, None]:
        self._counter.inc(batch.items)
        return self.consumer.consume(batch)


class _CountedOut:
    """Counts what is accepted: a processor that retries hands its items on once."""

    def __init__(self, consumer: Consumer, counter: Counter) -> None:
        self.consumer, self._counter = consumer, counter

    async def consume(self, batch: Batch) -> None:
        items = batch.items
        await self.consumer.consume(batch)
        self._counter.inc(items)


class _Traced:
    def __init__(self, consumer: Consumer, place: Place, tracer: Tracer) -> None:
        self.consumer, self._tracer = consumer, tracer
        self._name = f"{place.kind[:-1]}/{place.id}"
        self._kind = _KINDS.get(place.kind, SpanKind.INTERNAL)

    async def consume(self, batch: Batch) -> None:
        with self._tracer.start_as_current_span(
            f"{self._name}/{batch.signal}",
            kind=self._kind,
            attributes={"items": batch.items, "bytes": len(batch.data)},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self.consumer.consume(batch)
            except ConsumeError as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR, str(error)))
                raise
