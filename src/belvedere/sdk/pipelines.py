"""What is added to the providers: the way of each signal from a record to the wire."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from belvedere.sdk.entry_points import load
from belvedere.sdk.errors import MissingExtraError, SettingError
from belvedere.sdk.export.destination import Destination, Signal, check, destination
from belvedere.sdk.export.log_records import encode_log_records
from belvedere.sdk.export.metrics import OtlpMetricExporter, PushMetricReader
from belvedere.sdk.export.otlp import OtlpDelivery
from belvedere.sdk.export.processors import (
    QueueingLogRecordProcessor,
    QueueingSpanExporter,
    QueueingSpanProcessor,
    worker,
)
from belvedere.sdk.export.spans import encode_spans
from belvedere.sdk.providers import (
    Providers,
    remove_log_record_processor,
    remove_span_processor,
)
from belvedere.sdk.settings import Batching, exporters
from belvedere.sdk.telemetry import Part

_log = logging.getLogger("belvedere.sdk")

_OTLP: Final = frozenset({"otlp", "otlp_proto_http", "otlp_proto_grpc"})


@dataclass(frozen=True, slots=True)
class Where:
    """Where the application asked to send to; what it left open is in variables."""

    endpoint: str | None
    protocol: str | None
    headers: Mapping[str, str] | None

    def check(self) -> None:
        """Raise SettingError if an argument cannot be used. Variables are not judged here."""
        check(self.endpoint, self.protocol)

    def of(self, signal: Signal, exporter: str = "otlp") -> Destination:
        """The destination of `signal`; `otlp_proto_grpc` and `_http` name the protocol."""
        named = exporter.removeprefix("otlp").removeprefix("_proto_")
        return destination(
            signal,
            endpoint=self.endpoint,
            protocol=self.protocol or named or None,
            headers=self.headers,
        )


@dataclass(slots=True)
class Added:
    """What `init` has added so far, and how it is taken away again."""

    parts: list[Part] = field(default_factory=list)
    undo: list[Callable[[], None]] = field(default_factory=list)

    def attempt(self, what: str, step: Callable[[], "Added"]) -> None:
        """Take in what `step` adds. If it fails the application goes on without it."""
        try:
            added = step()
        except (MissingExtraError, SettingError) as error:
            _log.warning("%s: %s. Without it, %s is off.", what, error, what)
        except Exception:  # noqa: BLE001 - an application must start without its telemetry
            _log.warning("%s could not be set up and is off", what, exc_info=True)
        else:
            self.parts += added.parts
            self.undo += added.undo


def add_spans(to: Providers, where: Where, batching: Batching, *, pending: bool) -> Added:
    """Spans: each model call once, baggage and pending spans, a queue for each exporter."""
    from belvedere.sdk.agents import content  # noqa: PLC0415 - the API it serves
    from belvedere.sdk.agents.duplicate_calls import DuplicateCallProcessor  # noqa: PLC0415 - as
    from belvedere.sdk.agents.processors import span_processors  # noqa: PLC0415 - above
    from belvedere.sdk.export.cleaning import Cleaner, CleaningSpanExporter  # noqa: PLC0415

    settings = content.current()
    cleaner = Cleaner(settings, capture=settings.capture)
    added = Added()
    ends: list[SpanProcessor] = []
    early: SpanExporter | None = None
    for name in exporters("traces", "otlp"):
        if name in _OTLP:
            target = where.of("traces", name)
            delivery = OtlpDelivery(target, encode_spans, cleaner.span)
            spans = worker(delivery, batching, target.timeout_s)
            early = QueueingSpanExporter(spans)
            ends.append(QueueingSpanProcessor(spans))
            added.parts.append(Part(spans.flush, spans.shutdown))
        elif (exporter := _load("traces", name)) is not None:
            processor = BatchSpanProcessor(
                CleaningSpanExporter(exporter, cleaner),
                max_queue_size=batching.queue_size,
                schedule_delay_millis=batching.delay_s * 1000,
                max_export_batch_size=batching.batch_size,
            )
            ends.append(processor)
            added.parts.append(_foreign(processor))
    begins = span_processors(pending=pending, export=early)
    # Before the queues: what they hold back goes there at the end.
    added.parts[:0] = [_foreign(each) for each in begins]
    for each in (DuplicateCallProcessor(ends), *begins):
        to.tracer.add_span_processor(each)
        added.undo.append(partial(remove_span_processor, to.tracer, each))
    return added


def add_logs(to: Providers, where: Where, batching: Batching) -> Added:
    """Log records: a queue for each exporter."""
    from belvedere.sdk.agents import content  # noqa: PLC0415 - as above
    from belvedere.sdk.export.cleaning import (  # noqa: PLC0415 - as above
        Cleaner,
        CleaningLogRecordExporter,
    )

    settings = content.current()
    cleaner = Cleaner(settings, capture=settings.on_logs)
    added = Added()
    ends: list[LogRecordProcessor] = []
    for name in exporters("logs", "otlp"):
        if name in _OTLP:
            target = where.of("logs", name)
            delivery = OtlpDelivery(target, encode_log_records, cleaner.log_record)
            records = worker(delivery, batching, target.timeout_s)
            ends.append(QueueingLogRecordProcessor(records))
            added.parts.append(Part(records.flush, records.shutdown))
        elif (exporter := _load("logs", name)) is not None:
            processor = BatchLogRecordProcessor(
                CleaningLogRecordExporter(exporter, cleaner),
                max_queue_size=batching.queue_size,
                schedule_delay_millis=batching.delay_s * 1000,
                max_export_batch_size=batching.batch_size,
            )
            ends.append(processor)
            added.parts.append(_foreign(processor))
    for each in ends:
        to.logger.add_log_record_processor(each)
        added.undo.append(partial(remove_log_record_processor, to.logger, each))
    return added


def add_metrics(
    to: Providers, where: Where, names: Sequence[str], interval_s: float | None
) -> Added:
    """Metrics: a reader for each exporter."""
    added = Added()
    for name in names:
        step = partial(_add_reader, to, where, name, interval_s)
        added.attempt("metrics" if name in _OTLP else f"metrics by {name}", step)
    return added


def serve_metrics() -> Added:
    """`/metrics` on a port of its own, as OpenTelemetry has it where a variable asks for it.

    Raises:
        SettingError: the port cannot be listened on.
    """
    from belvedere.sdk.metrics.exposition import serve  # noqa: PLC0415 - an extra

    try:
        return Added(undo=[serve().close])
    except (OSError, ValueError) as error:
        raise SettingError(str(error)) from error


def _add_reader(to: Providers, where: Where, name: str, interval_s: float | None) -> Added:
    from belvedere.sdk.agents import content  # noqa: PLC0415 - as above
    from belvedere.sdk.export.cleaning import Cleaner  # noqa: PLC0415 - as above
    from belvedere.sdk.metrics.cleaning import clean_metrics  # noqa: PLC0415 - as above
    from belvedere.sdk.metrics.duplicate_measurements import drop_duplicates  # noqa: PLC0415

    added = Added()
    reader = _reader(name, where, interval_s)
    if reader is not None:
        settings = content.current()
        to.meter.add_metric_reader(reader)
        drop_duplicates(to.meter, reader)
        clean_metrics(to.meter, reader, Cleaner(settings, capture=settings.capture))
        added.parts.append(_part_of(to.meter, reader))
    return added


def _reader(name: str, where: Where, interval_s: float | None) -> MetricReader | None:
    if name == "prometheus":
        from belvedere.sdk.metrics.prometheus import reader  # noqa: PLC0415 - an extra

        return reader()
    interval_ms = interval_s * 1000 if interval_s is not None else None
    if name in _OTLP:
        from belvedere.sdk.metrics.overflow import AnnouncedOverflow  # noqa: PLC0415 - as above

        exporter = OtlpMetricExporter(where.of("metrics", name))
        return PushMetricReader(AnnouncedOverflow(exporter), export_interval_millis=interval_ms)
    made = _load("metrics", name)
    if isinstance(made, MetricExporter):
        return PushMetricReader(made, export_interval_millis=interval_ms)
    return made if isinstance(made, MetricReader) else None


def _part_of(provider: MeterProvider, reader: MetricReader) -> Part:
    def flush(timeout_s: float) -> bool:
        return reader.force_flush(timeout_millis=timeout_s * 1000)

    def shutdown(timeout_s: float) -> bool:
        reader.shutdown(timeout_millis=timeout_s * 1000)
        if not isinstance(reader, PushMetricReader):
            provider.remove_metric_reader(reader)
            return True
        if reader.is_collecting:  # it would miss its provider, and say so
            return False
        provider.remove_metric_reader(reader)
        return reader.delivered

    return Part(flush, shutdown)


def _foreign(processor: SpanProcessor | LogRecordProcessor) -> Part:
    """The stock SDK's processor of somebody else's exporter."""

    def shutdown(timeout_s: float) -> bool:
        done = processor.force_flush(int(timeout_s * 1000))
        processor.shutdown()
        return done

    return Part(lambda timeout_s: processor.force_flush(int(timeout_s * 1000)), shutdown)


def _load(signal: Signal, name: str) -> Any:
    """An exporter that another package offers, such as `console`; None if there is none."""
    exporter = load(f"opentelemetry_{signal}_exporter", name)
    return exporter() if exporter is not None else None
