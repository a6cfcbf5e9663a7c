"""Says in the log, once a metric, that it has more attribute sets than its limit allows."""

import logging
import threading
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

OVERFLOW_ATTRIBUTE: Final = "otel.metric.overflow"

_log: Final = logging.getLogger(__name__)
_announced: Final[set[tuple[str, str]]] = set()
_lock: Final = threading.Lock()


def announce_overflow(data: MetricsData) -> None:
    """Warn of each metric in `data` that reached its limit and was not warned of before."""
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = metric.data.data_points
                if any(OVERFLOW_ATTRIBUTE in (point.attributes or ()) for point in points):
                    _announce(scope.scope.name, metric.name, len(points) - 1)


def _announce(scope: str, metric: str, limit: int) -> None:
    with _lock:
        if (scope, metric) in _announced:
            return
        _announced.add((scope, metric))
    _log.warning(
        "Metric %s (of %s) has reached its limit of %d attribute sets: what has further ones is "
        "counted in one series with %s=true. Use attributes of few values (a route, not a path; "
        "a model, not a user), or raise the cardinality limit. Said once.",
        metric,
        scope,
        limit,
        OVERFLOW_ATTRIBUTE,
    )


class AnnouncedOverflow(MetricExporter):
    """An exporter that announces overflow in what it exports through `exporter`."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(
            # The reader asks the exporter for these two before anything else.
            preferred_temporality=exporter._preferred_temporality,  # noqa: SLF001
            preferred_aggregation=exporter._preferred_aggregation,  # noqa: SLF001
        )
        self._exporter = exporter

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        announce_overflow(metrics_data)
        return self._exporter.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)
