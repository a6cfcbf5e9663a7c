"""OTLP metrics for tests of Prometheus's formats, with all kinds of metrics."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from belvedere.otlp.any_value import any_value

CUMULATIVE, DELTA = 2, 1
STALE_FLAG = 1


def attributes(of: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in of.items()]


class Metrics:
    """One resource and scope; each method adds a metric with one point."""

    def __init__(
        self, resource: Mapping[str, Any] | None = None, *, scope: str = "", time_ms: int = 0
    ) -> None:
        self.request = ExportMetricsServiceRequest()
        self.time_ms = time_ms or 1_700_000_000_000
        resource_metrics = self.request.resource_metrics.add()
        resource_metrics.resource.attributes.extend(
            attributes(
                {"service.name": "api", "service.instance.id": "i-1"}
                if resource is None
                else resource
            )
        )
        self.scope = resource_metrics.scope_metrics.add()
        self.scope.scope.name = scope

    def gauge(self, name: str, value: float, unit: str = "", **of: Any) -> Any:
        metric = self.scope.metrics.add(name=name, unit=unit, description=f"help of {name}")
        return self._number(metric.gauge.data_points.add(), value, of)

    def sum(
        self,
        name: str,
        value: float,
        unit: str = "",
        *,
        monotonic: bool = True,
        temporality: int = CUMULATIVE,
        **of: Any,
    ) -> Any:
        metric = self.scope.metrics.add(name=name, unit=unit, description=f"help of {name}")
        metric.sum.is_monotonic = monotonic
        metric.sum.aggregation_temporality = temporality
        return self._number(metric.sum.data_points.add(), value, of)

    def histogram(
        self,
        name: str,
        counts: list[int],
        bounds: list[float],
        total: float | None,
        unit: str = "",
        *,
        temporality: int = CUMULATIVE,
        **of: Any,
    ) -> Any:
        metric = self.scope.metrics.add(name=name, unit=unit, description=f"help of {name}")
        metric.histogram.aggregation_temporality = temporality
        point = self._times(metric.histogram.data_points.add(), of)
        point.bucket_counts.extend(counts)
        point.explicit_bounds.extend(bounds)
        point.count = sum(counts)
        if total is not None:
            point.sum = total
        return point

    def exponential(
        self,
        name: str,
        scale: int,
        offset: int,
        counts: list[int],
        total: float,
        *,
        zero: int = 0,
        temporality: int = CUMULATIVE,
        **of: Any,
    ) -> Any:
        metric = self.scope.metrics.add(name=name, description=f"help of {name}")
        metric.exponential_histogram.aggregation_temporality = temporality
        point = self._times(metric.exponential_histogram.data_points.add(), of)
        point.scale, point.sum, point.zero_count = scale, total, zero
        point.positive.offset = offset
        point.positive.bucket_counts.extend(counts)
        point.count = sum(counts) + zero
        return point

    def summary(
        self, name: str, count: int, total: float, quantiles: dict[float, float], **of: Any
    ) -> Any:
        metric = self.scope.metrics.add(name=name, description=f"help of {name}")
        point = self._times(metric.summary.data_points.add(), of)
        point.count, point.sum = count, total
        for quantile, value in quantiles.items():
            point.quantile_values.add(quantile=quantile, value=value)
        return point

    def _number(self, point: Any, value: float, of: Mapping[str, Any]) -> Any:
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
        return self._times(point, of)

    def _times(self, point: Any, of: Mapping[str, Any]) -> Any:
        point.attributes.extend(attributes(of))
        point.time_unix_nano = self.time_ms * 1_000_000
        point.start_time_unix_nano = max(self.time_ms - 60_000, 0) * 1_000_000
        return point


def all_kinds(time_ms: int = 0) -> Metrics:
    """A metric of each kind."""
    metrics = Metrics(
        {
            "service.name": "api",
            "service.namespace": "shop",
            "service.instance.id": "i-1",
            "host.name": "h1",
        },
        scope="lib",
        time_ms=time_ms,
    )
    metrics.gauge("queue.depth", 3, queue="a")
    metrics.gauge("temperature", -15.0, "Cel", text='qu"ote\\ and\nline')
    metrics.sum("requests", 7, **{"http.method": "GET"})
    metrics.sum("inflight", 2.5, monotonic=False)
    metrics.histogram("latency", [1, 0, 2, 1], [0.1, 0.5, 1.0], 3.5, "s", route="/")
    metrics.exponential("size", 1, -2, [1, 2, 0, 0, 0, 4], 12.5, zero=3)
    metrics.summary("rpc", 10, 5.5, {0.5: 0.2, 0.99: 0.9})
    return metrics
