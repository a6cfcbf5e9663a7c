"""The SDK's OTLP exporters, and what became of what they sent."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

TIMEOUT_S: Final = 5.0


class Protocol(StrEnum):
    """How OTLP travels."""

    GRPC = "grpc"
    HTTP = "http"


@dataclass
class Tally:
    """What became of the items of one signal."""

    accepted: int = 0
    lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, items: int, *, accepted: bool) -> None:
        """Count the items of one export. Exports run in threads of their own."""
        with self._lock:
            if accepted:
                self.accepted += items
            else:
                self.lost += items


class Delivery:
    """One exporter a signal, shared by all simulated services."""

    def __init__(self, protocol: Protocol, endpoint: str, headers: dict[str, str]) -> None:
        spans, logs, metrics = _exporters(protocol, endpoint, headers)
        self.tallies = {name: Tally() for name in ("spans", "log records", "metric points")}
        self.spans = _CountedSpans(spans, self.tallies["spans"], self)
        self.logs = _CountedLogs(logs, self.tallies["log records"], self)
        self.metrics = _CountedMetrics(metrics, self.tallies["metric points"], self)
        self.complaints = _Complaints()
        self._exporters: tuple[Any, ...] = (spans, logs, metrics)

    @property
    def hopeless(self) -> bool:
        """Whether something was lost and nothing accepted: then the rest need not be tried."""
        tallies = self.tallies.values()
        return any(tally.lost for tally in tallies) and not any(t.accepted for t in tallies)

    def close(self) -> None:
        """Close the connections."""
        for exporter in self._exporters:
            exporter.shutdown()
        self.complaints.close()


class _CountedSpans(SpanExporter):
    def __init__(self, exporter: SpanExporter, tally: Tally, delivery: Delivery) -> None:
        self._exporter, self._tally, self._delivery = exporter, tally, delivery

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        hopeless = self._delivery.hopeless
        result = SpanExportResult.FAILURE if hopeless else self._exporter.export(spans)
        self._tally.count(len(spans), accepted=result is SpanExportResult.SUCCESS)
        return result


class _CountedLogs(LogRecordExporter):
    def __init__(self, exporter: LogRecordExporter, tally: Tally, delivery: Delivery) -> None:
        self._exporter, self._tally, self._delivery = exporter, tally, delivery

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        hopeless = self._delivery.hopeless
        result = LogRecordExportResult.FAILURE if hopeless else self._exporter.export(batch)
        self._tally.count(len(batch), accepted=result is LogRecordExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """The exporter is shared: `Delivery.close` shuts it down."""


class _CountedMetrics(MetricExporter):
    def __init__(self, exporter: MetricExporter, tally: Tally, delivery: Delivery) -> None:
        super().__init__()
        self._exporter, self._tally, self._delivery = exporter, tally, delivery

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> MetricExportResult:
        result = MetricExportResult.FAILURE
        if not self._delivery.hopeless:
            result = self._exporter.export(metrics_data, timeout_millis)
        points = sum(
            len(metric.data.data_points)
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        self._tally.count(points, accepted=result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """The exporter is shared: `Delivery.close` shuts it down."""


class _Complaints(logging.Handler):
    """What the SDK logs about failed exports, kept from the terminal for one sentence."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logging.getLogger("opentelemetry")
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().splitlines()[0]

    def close(self) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
        super().close()


def _exporters(
    protocol: Protocol, endpoint: str, headers: dict[str, str]
) -> tuple[SpanExporter, LogRecordExporter, MetricExporter]:
    """The OpenTelemetry SDK's own exporters."""
    options: dict[str, Any] = {"headers": headers, "timeout": TIMEOUT_S}
    if protocol is Protocol.GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import (  # noqa: PLC0415 - one of two is used
            _log_exporter,
            metric_exporter,
            trace_exporter,
        )

        return (
            trace_exporter.OTLPSpanExporter(endpoint, **options),
            _log_exporter.OTLPLogExporter(endpoint, **options),
            metric_exporter.OTLPMetricExporter(endpoint, **options),
        )
    from opentelemetry.exporter.otlp.proto import http  # noqa: PLC0415 - see above
    from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415 - see above
        OTLPLogExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - see above
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - see above
        OTLPSpanExporter,
    )

    options["compression"] = http.Compression.Gzip
    base = endpoint.rstrip("/")
    return (
        OTLPSpanExporter(f"{base}/v1/traces", **options),
        OTLPLogExporter(f"{base}/v1/logs", **options),
        OTLPMetricExporter(f"{base}/v1/metrics", **options),
    )
