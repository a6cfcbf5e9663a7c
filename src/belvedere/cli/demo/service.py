"""`Service`: an application with its own OpenTelemetry SDK, and a clock that it is told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, use_span
from opentelemetry.util.types import AttributeValue

import belvedere
from belvedere.cli.demo.delivery import Delivery

Attributes = Mapping[str, AttributeValue]

_QUEUE: Final = 100_000
_FLUSH_MS: Final = 10_000
_SCOPE: Final = "belvedere.demo"


@dataclass
class Clock:
    """The time in the story that is told, which passes faster than ours."""

    now_ns: int

    def advance_ms(self, duration_ms: float) -> None:
        """Let time pass."""
        self.now_ns += round(duration_ms * 10**6)


class Service:
    """An application: its tracer, logger and meter."""

    def __init__(self, name: str, instance: str, delivery: Delivery) -> None:
        resource = Resource.create(
            {
                "service.name": name,
                "service.namespace": "demo",
                "service.version": "1.4.2",
                "service.instance.id": instance,
                "deployment.environment.name": "demo",
            }
        )
        version = belvedere.__version__
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracing.add_span_processor(BatchSpanProcessor(delivery.spans, max_queue_size=_QUEUE))
        self._logging = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._logging.add_log_record_processor(
            BatchLogRecordProcessor(delivery.logs, max_queue_size=_QUEUE)
        )
        reader = PeriodicExportingMetricReader(delivery.metrics, export_interval_millis=60_000)
        self._metering = MeterProvider([reader], resource, shutdown_on_exit=False)
        self.meter = self._metering.get_meter(_SCOPE, version)
        self._tracer = self._tracing.get_tracer(_SCOPE, version)
        self._logger = self._logging.get_logger(_SCOPE, version)

    @contextmanager
    def span(
        self,
        clock: Clock,
        name: str,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        links: tuple[Link, ...] = (),
    ) -> Iterator[Span]:
        """A span that lasts as long as the clock says, and is current meanwhile."""
        span = self._tracer.start_span(
            name, kind=kind, attributes=attributes, links=links, start_time=clock.now_ns
        )
        try:
            with use_span(span):
                yield span
        finally:
            span.end(clock.now_ns)

    def log(
        self, clock: Clock, level: str, body: str, attributes: Attributes | None = None
    ) -> None:
        """A log record, which belongs to the current span."""
        self._logger.emit(
            LogRecord(
                timestamp=clock.now_ns,
                observed_timestamp=clock.now_ns,
                severity_text=level,
                severity_number=SeverityNumber[level],
                body=body,
                attributes=attributes,
            )
        )

    def flush(self) -> None:
        """Send what is held."""
        self._tracing.force_flush(_FLUSH_MS)
        self._logging.force_flush(_FLUSH_MS)
        self._metering.force_flush(_FLUSH_MS)

    def close(self) -> None:
        """Send what is held, and stop."""
        self._tracing.shutdown()
        self._logging.shutdown()
        self._metering.shutdown()


def fail(span: Span, clock: Clock, error: Exception, message: str) -> None:
    """Record that `span` failed by `error`."""
    span.record_exception(error, timestamp=clock.now_ns)
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, message))
