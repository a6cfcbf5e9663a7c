"""Series into metrics."""

from collections import OrderedDict
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from belvedere.collector.connectors.spanmetrics.aggregator import Aggregator, Group
from belvedere.collector.connectors.spanmetrics.config import SpanMetricsConfig
from belvedere.collector.connectors.spanmetrics.dimensions import Key
from belvedere.collector.connectors.spanmetrics.series import Series

_SCOPE: Final = "spanmetricsconnector"


class Output:
    """Writes what an aggregator holds, and makes it ready for the next flush.

    A counter's first point is 0, as the Collector's: Prometheus sees no increase in a series
    that begins with its first value. What ends with this flush has its value at once.
    """

    def __init__(self, config: SpanMetricsConfig) -> None:
        self._config = config
        self._last_ns: OrderedDict[tuple[bytes, str, Key], int] = OrderedDict()
        """Of delta temporality: when a series was last written."""
        names, before = config.metric_names, f"{config.namespace}." if config.namespace else ""
        self._names = (before + names.calls, before + names.duration, before + names.events)
        self._temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            if config.is_delta
            else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        self._exponential = config.histogram.exponential is not None

    def write(
        self, aggregator: Aggregator, now_ns: int, now_s: float, *, last: bool
    ) -> ExportMetricsServiceRequest:
        """All metrics of now; those of delta temporality, and what expires, are forgotten."""
        request = ExportMetricsServiceRequest()
        for key, group in aggregator.evicted:
            self._write_group(request, key, group, now_ns, last=True)
        aggregator.evicted.clear()
        for key, group in aggregator.groups.items():
            self._write_group(request, key, group, now_ns, last=last)
        if self._config.is_delta:
            aggregator.groups.clear()
        else:
            self._tidy(aggregator, now_s)
        return request

    def _tidy(self, aggregator: Aggregator, now_s: float) -> None:
        expiration_s, series_s = self._config.metrics_expiration, self._config.series_expiration
        for key, group in list(aggregator.groups.items()):
            for table in group.tables:
                table.forget_exemplars()
                if series_s:
                    table.expire(now_s - series_s)
            stale = expiration_s and now_s - group.seen_s >= expiration_s
            if stale and all(table.is_told for table in group.tables):
                del aggregator.groups[key]

    def _write_group(
        self,
        request: ExportMetricsServiceRequest,
        key: bytes,
        group: Group,
        now_ns: int,
        *,
        last: bool,
    ) -> None:
        entry = request.resource_metrics.add(resource=group.resource)
        scope = entry.scope_metrics.add()
        scope.scope.name = _SCOPE
        for name, table in zip(self._names, group.tables, strict=True):
            if not table.series:
                continue
            metric = scope.metrics.add(name=name)
            points = self._begin(metric, durations=table is group.durations)
            for series_key, series in table.series.items():
                point = points.add(start_time_unix_nano=series.start_ns, time_unix_nano=now_ns)
                if self._config.is_delta:
                    self._continue((key, name, series_key), point)
                point.attributes.extend(series.attributes)
                self._fill(point, series, last=last)
                series.write_exemplars(point, now_ns)
                series.flushes += 1

    def _begin(self, metric: Metric, *, durations: bool) -> Any:
        """The points of a metric, whose type is set."""
        data: Any = metric.sum
        if durations:
            metric.unit = self._config.histogram.unit
            data = metric.exponential_histogram if self._exponential else metric.histogram
        else:
            metric.sum.is_monotonic = True
        data.aggregation_temporality = self._temporality
        return data.data_points

    def _fill(self, point: Any, series: Series, *, last: bool) -> None:
        if series.histogram:
            series.histogram.write(point)
        elif series.flushes or last or self._config.is_delta:
            point.as_int = series.count
        else:
            point.as_int = 0

    def _continue(self, stream: tuple[bytes, str, Key], point: Any) -> None:
        """Begin where the last point of the stream ended."""
        point.start_time_unix_nano = self._last_ns.pop(stream, point.start_time_unix_nano)
        self._last_ns[stream] = point.time_unix_nano
        if len(self._last_ns) > self._config.metric_timestamp_cache_size:
            self._last_ns.popitem(last=False)
