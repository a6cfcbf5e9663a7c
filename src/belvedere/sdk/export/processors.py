"""What the OpenTelemetry SDK hands ended spans and log records to."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import TraceFlags

from belvedere.sdk.export.outcome import Outcome
from belvedere.sdk.export.worker import BatchWorker
from belvedere.sdk.settings import Batching
from belvedere.sdk.telemetry import SHUTDOWN_TIMEOUT_S

Item = TypeVar("Item")
Sent_contra = TypeVar("Sent_contra", contravariant=True)


class Delivery(Protocol[Sent_contra]):
    """What a worker delivers through."""

    def __call__(self, batch: Sequence[Sent_contra], timeout_s: float, /) -> Outcome: ...

    def dropped(self, items: int) -> None: ...

    def close(self) -> None: ...


def worker(delivery: Delivery[Item], batching: Batching, timeout_s: float) -> BatchWorker[Item]:
    """A worker for `delivery`, by the settings of its signal."""
    return BatchWorker(
        delivery,
        dropped=delivery.dropped,
        ended=delivery.close,
        queue_size=batching.queue_size,
        batch_size=batching.batch_size,
        delay_s=batching.delay_s,
        timeout_s=timeout_s,
        name=f"belvedere-{batching.signal}",
    )


class QueueingSpanProcessor(SpanProcessor):
    """Queues sampled spans as they end."""

    def __init__(self, spans: BatchWorker[ReadableSpan]) -> None:
        self._put = spans.put
        self._spans = spans

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do at the start."""

    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        if context is not None and context.trace_flags & TraceFlags.SAMPLED:
            self._put(span)

    def shutdown(self) -> None:
        self._spans.shutdown(SHUTDOWN_TIMEOUT_S)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._spans.flush(timeout_millis / 1000)


class QueueingSpanExporter(SpanExporter):
    """An exporter that only queues: for spans that another processor has to send."""

    def __init__(self, spans: BatchWorker[ReadableSpan]) -> None:
        self._put = spans.put

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._put(span)
        return SpanExportResult.SUCCESS


class QueueingLogRecordProcessor(LogRecordProcessor):
    """Queues log records as they are emitted."""

    def __init__(self, records: BatchWorker[ReadWriteLogRecord]) -> None:
        self._put = records.put
        self._records = records

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self._put(log_record)

    def shutdown(self) -> None:
        self._records.shutdown(SHUTDOWN_TIMEOUT_S)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._records.flush(timeout_millis / 1000)
