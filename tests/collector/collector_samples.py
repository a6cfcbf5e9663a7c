"""Numbered telemetry, and components that show what happens to them. Imported by the tests here."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import Field
from structlog.typing import EventDict

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.errors import ConfigError
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


def batch_of(signal: Signal, numbers: Iterable[int] = (1,), **of: Any) -> Batch:
    """A batch with an item for each number."""
    return Batch.of(signal, _MAKERS[signal](list(numbers)), **of)


def numbers_in(batch: Batch) -> list[int]:
    """The numbers of a batch's items, read from its bytes."""
    return _READERS[batch.signal](batch.signal.request_type.FromString(batch.data))


def _traces(numbers: list[int]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in numbers:
        scope.spans.add(name=str(number), trace_id=b"t" * 16, span_id=b"s" * 8)
    return request


def _logs(numbers: list[int]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number in numbers:
        scope.log_records.add().body.int_value = number
    return request


def _metrics(numbers: list[int]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for number in numbers:
        metric.gauge.data_points.add(as_int=number)
    return request


_MAKERS = {Signal.TRACES: _traces, Signal.LOGS: _logs, Signal.METRICS: _metrics}
_READERS: dict[Signal, Any] = {
    Signal.TRACES: lambda request: [
        int(span.name)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ],
    Signal.LOGS: lambda request: [
        record.body.int_value
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ],
    Signal.METRICS: lambda request: [
        point.as_int
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data") or "gauge").data_points
    ],
}


class Recorder:
    """A consumer that keeps what it gets, or raises what it was told to."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.batches: list[Batch] = []
        self.outcomes = list(outcomes)
        """Of the next calls, in order; None: accept. After them, all is accepted."""
        self.gate = asyncio.Event()
        """Calls wait for it."""
        self.gate.set()
        self.arrived = asyncio.Semaphore(0)
        """Released by each call."""

    async def consume(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.arrived.release()
        await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome:
            raise outcome

    @property
    def numbers(self) -> list[int]:
        return [number for batch in self.batches for number in numbers_in(batch)]


JOURNAL: list[str] = []
"""What the components below did, in order; the `journal` fixture empties it."""


class SampleConfig(ComponentConfig):
    fail_start: str = Field("", description="Message of the ConfigError that start raises.")
    fail_key: str = Field("", description="Key of the ConfigError that start raises.")
    fail_make: str = Field("", description="Message of the ConfigError that the class raises.")
    fail_shutdown: bool = Field(False, description="Whether shutdown raises.")
    size: int = Field(1, description="A number.")


class _Sample:
    Config = SampleConfig

    def __init__(self, config: SampleConfig, host: Host) -> None:
        self.config, self.host = config, host
        if config.fail_make:
            raise ConfigError(config.fail_make)

    async def start(self) -> None:
        JOURNAL.append(f"start {self.host.component_id}")
        if self.config.fail_start:
            raise ConfigError(self.config.fail_start, key=self.config.fail_key, hint="another one")

    async def shutdown(self) -> None:
        JOURNAL.append(f"stop {self.host.component_id}")
        if self.config.fail_shutdown:
            raise RuntimeError("cannot stop")


class SampleReceiver(_Sample):
    def __init__(
        self, config: SampleConfig, host: Host, consumers: Mapping[Signal, Consumer]
    ) -> None:
        super().__init__(config, host)
        self.consumers = consumers


class TracesReceiver(SampleReceiver):
    signals: ClassVar = frozenset({Signal.TRACES})


class SampleProcessor(_Sample):
    def __init__(self, config: SampleConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(config, host)
        self.consumer = consumer

    async def consume(self, batch: Batch) -> None:
        JOURNAL.append(f"{self.host.component_id} {batch.signal}")
        await self.consumer.consume(batch)


class SampleExporter(_Sample):
    def __init__(self, config: SampleConfig, host: Host) -> None:
        super().__init__(config, host)
        self.recorder = Recorder()

    async def consume(self, batch: Batch) -> None:
        JOURNAL.append(f"{self.host.component_id} {batch.signal}")
        await self.recorder.consume(batch)


class SampleExtension(_Sample):
    pass


class CountingConnector(_Sample):
    """Hands a metric on for each batch of traces or logs."""

    connects: ClassVar = {
        Signal.TRACES: frozenset({Signal.METRICS}),
        Signal.LOGS: frozenset({Signal.METRICS}),
    }

    def __init__(
        self, config: SampleConfig, host: Host, consumers: Mapping[Signal, Mapping[str, Consumer]]
    ) -> None:
        super().__init__(config, host)
        self.consumers = consumers

    async def consume(self, batch: Batch) -> None:
        JOURNAL.append(f"{self.host.component_id} {batch.signal}")
        for consumer in self.consumers[Signal.METRICS].values():
            await consumer.consume(batch_of(Signal.METRICS, [batch.items]))


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds. The limit is for a test that fails."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - a condition of any kind, which tells nobody
            await asyncio.sleep(0.002)


def events(logs: list[EventDict], level: str) -> list[str]:
    """The messages of one level that structlog captured."""
    return [str(entry["event"]) for entry in logs if entry["log_level"] == level]
