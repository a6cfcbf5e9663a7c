"""Pending spans: a run shows while it goes on, not only when it is over.

Logfire's convention. Shortly after a span has started, a copy is exported: of no duration, child of
the real span, `logfire.span_type = pending_span`, the real parent in `logfire.pending_parent_id`. A
back end shows it until the real span comes. Copies of spans that have already ended are left out,
so short spans cost nothing on the wire.
"""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, format_span_id

from belvedere.sdk.agents import faults
from belvedere.sdk.agents.duplicate_calls import is_duplicate

SPAN_TYPE = "logfire.span_type"
PENDING = "pending_span"
PENDING_PARENT_ID = "logfire.pending_parent_id"

DELAY_S = 1.0
"""Spans that end sooner have no pending span."""
_MAX_WAITING = 2048


class _OfRunningSpans(SpanExporter):
    """Exports copies of spans that still run. The exporter is the caller's, who shuts it down."""

    def __init__(self, export: SpanExporter, running: set[int]) -> None:
        self._export = export
        self._running = running

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        copies = [span for span in spans if span.parent and span.parent.span_id in self._running]
        return self._export.export(copies) if copies else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """The exporter goes on."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        del timeout_millis
        return True


class PendingSpanProcessor(SpanProcessor):
    """Exports a pending span of each sampled span that runs for longer than `delay_s`.

    Add it before the processor that exports the spans themselves: at shutdown it flushes while the
    exporter still takes spans.
    """

    def __init__(self, export: SpanExporter, delay_s: float = DELAY_S) -> None:
        self._running: set[int] = set()
        self._ids = RandomIdGenerator()
        self._batch = BatchSpanProcessor(
            _OfRunningSpans(export, self._running),
            max_queue_size=_MAX_WAITING,
            max_export_batch_size=_MAX_WAITING // 4,
            schedule_delay_millis=delay_s * 1000,
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        del parent_context
        try:
            context = span.get_span_context()
            if not (context is not None and context.trace_flags.sampled and span.is_recording()):
                return
            if not is_duplicate(span):  # the real span would never come
                self._running.add(context.span_id)
                self._batch.on_end(self._copy(span, context))
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("a pending span")

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None:
            self._running.discard(context.span_id)

    def shutdown(self) -> None:
        self._batch.shutdown()  # type: ignore[no-untyped-call] # the SDK's

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batch.force_flush(timeout_millis)

    def _copy(self, span: Span, context: SpanContext) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=SpanContext(
                context.trace_id,
                self._ids.generate_span_id(),
                is_remote=False,
                trace_flags=context.trace_flags,
                trace_state=context.trace_state,
            ),
            parent=context,
            resource=span.resource,
            attributes={
                **(span.attributes or {}),
                SPAN_TYPE: PENDING,
                PENDING_PARENT_ID: format_span_id(span.parent.span_id if span.parent else 0),
            },
            links=span.links,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.start_time,
            instrumentation_scope=span.instrumentation_scope,
        )
