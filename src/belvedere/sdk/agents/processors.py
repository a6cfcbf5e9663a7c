"""The span processors of the agent API, for a tracer provider."""

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter

from belvedere.sdk.agents.baggage import BaggageSpanProcessor
from belvedere.sdk.agents.pending import PendingSpanProcessor


def span_processors(*, pending: bool, export: SpanExporter | None) -> list[SpanProcessor]:
    """In the order in which to add them, before the processor that exports the spans.

    Args:
        pending: Export pending spans through `export`, of spans that run for over a second.
        export: The exporter of the spans; it stays the caller's, who shuts it down.
    """
    processors: list[SpanProcessor] = [BaggageSpanProcessor()]
    if pending and export is not None:
        processors.append(PendingSpanProcessor(export))
    return processors
