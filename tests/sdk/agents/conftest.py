"""A real OpenTelemetry SDK in memory, bound to the agent API for one test."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from belvedere.sdk.agents import content, faults, providers
from belvedere.sdk.agents.processors import span_processors


@dataclass
class Recorded:
    """What the agent API has recorded so far."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    logger_provider: LoggerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    logs: InMemoryLogRecordExporter
    faults_before: dict[str, int] = field(default_factory=faults.counts)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Ended spans, in the order in which they ended."""
        return list(self.exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        (only,) = self.spans
        return only

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.span.attributes or {})

    @property
    def events(self) -> list[Any]:
        return [each.log_record for each in self.logs.get_finished_logs()]

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    @property
    def faults(self) -> int:
        """Faults of our own since the test began."""
        return sum(faults.counts().values()) - sum(self.faults_before.values())


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    exporter, reader, logs = (
        InMemorySpanExporter(),
        InMemoryMetricReader(),
        InMemoryLogRecordExporter(),
    )
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    for processor in span_processors(pending=False, export=None):
        tracer_provider.add_span_processor(processor)
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    logger_provider = LoggerProvider(shutdown_on_exit=False)
    logger_provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    undo = providers.bind(tracer_provider, meter_provider, logger_provider)
    yield Recorded(tracer_provider, meter_provider, logger_provider, exporter, reader, logs)
    undo()
    tracer_provider.shutdown()
    meter_provider.shutdown()
    logger_provider.shutdown()


@pytest.fixture
def captured() -> Iterator[None]:
    """Content is recorded."""
    undo = content.configure(capture_content=True)
    yield
    undo()
