"""The metrics of one project's service graph."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from belvedere.collector.connectors.aggregation.attributes import text_pair
from belvedere.collector.connectors.aggregation.histograms import (
    DEFAULT_BOUNDS_S,
    ExplicitHistogram,
    ExponentialHistogram,
    Histogram,
)
from belvedere.collector.connectors.servicegraph.config import ServiceGraphConfig
from belvedere.collector.connectors.servicegraph.edges import Edge

_SCOPE: Final = "traces_service_graph"
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

_Key: TypeAlias = tuple[str, str, str, bool, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class _Line:
    """All requests from one service to another that are alike."""

    labels: list[KeyValue]
    start_ns: int
    server: Histogram
    client: Histogram
    seen_s: float = 0.0
    requests: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Loss:
    """Spans that are no part of an edge."""

    labels: list[KeyValue]
    start_ns: int
    spans: int = 0


@dataclass(slots=True)
class _Losses:
    by_labels: dict[tuple[str, str, str], _Loss] = field(default_factory=dict)


class Graph:
    """Counts and durations of edges, from the start of the first one on."""

    def __init__(self, config: ServiceGraphConfig, now_ns: Callable[[], int]) -> None:
        self._config, self._now_ns = config, now_ns
        self._lines: dict[_Key, _Line] = {}
        self._unpaired, self._dropped = _Losses(), _Losses()
        size = config.exponential_histogram_max_size
        bounds = config.latency_histogram_buckets or DEFAULT_BOUNDS_S
        self._histogram: Callable[[], Histogram] = (
            partial(ExponentialHistogram, size) if size else partial(ExplicitHistogram, bounds)
        )

    def add(self, edge: Edge, now_s: float) -> None:
        """Count a complete edge."""
        dimensions = tuple(sorted(edge.dimensions.items()))
        key = (edge.client, edge.server, edge.connection, edge.failed, edge.virtual, dimensions)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(
                self._labels(edge), self._now_ns(), self._histogram(), self._histogram()
            )
        line.seen_s = now_s
        line.requests += 1
        line.failed += edge.failed
        line.server.observe(edge.server_s)
        line.client.observe(edge.client_s)

    def unpaired(self, edge: Edge) -> None:
        """Count a span whose other side did not come."""
        self._lose(self._unpaired, edge)

    def dropped(self, edge: Edge) -> None:
        """Count a span that could not wait for its other side."""
        self._lose(self._dropped, edge)

    def forget(self, before_s: float) -> None:
        """Forget the edges without requests since then."""
        self._lines = {key: line for key, line in self._lines.items() if line.seen_s >= before_s}

    def write(self) -> ExportMetricsServiceRequest:
        """All metrics of now."""
        request = ExportMetricsServiceRequest()
        scope = request.resource_metrics.add().scope_metrics.add()
        scope.scope.name = _SCOPE
        names, lines = self._config.metric_names, list(self._lines.values())
        failing = [line for line in lines if line.failed]
        self._write_counts(scope, names.request_total, lines, lambda line: line.requests)
        self._write_counts(scope, names.request_failed_total, failing, lambda line: line.failed)
        self._write_durations(scope, names.request_server, lines, lambda line: line.server)
        self._write_durations(scope, names.request_client, lines, lambda line: line.client)
        for name, losses in (
            (names.unpaired_spans_total, self._unpaired),
            (names.dropped_spans_total, self._dropped),
        ):
            self._write_counts(scope, name, losses.by_labels.values(), lambda loss: loss.spans)
        return request

    def _write_counts(
        self, scope: Any, name: str, each: Iterable[Any], count: Callable[[Any], int]
    ) -> None:
        counted = list(each)
        if not counted:
            return
        metric = self._metric(scope, name)
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = _CUMULATIVE
        for line in counted:
            self._point(metric.sum, line).as_int = count(line)

    def _write_durations(
        self, scope: Any, name: str, lines: Iterable[_Line], of: Callable[[_Line], Histogram]
    ) -> None:
        if not self._lines:
            return
        metric = self._metric(scope, name)
        metric.unit = "s"
        exponential = self._config.exponential_histogram_max_size
        data: Any = metric.exponential_histogram if exponential else metric.histogram
        data.aggregation_temporality = _CUMULATIVE
        for line in lines:
            of(line).write(self._point(data, line))

    def _metric(self, scope: Any, name: str) -> Metric:
        metric: Metric = scope.metrics.add(name=f"{self._config.namespace}_{name}")
        return metric

    def _point(self, data: Any, line: _Line | _Loss) -> Any:
        offset_ns = round(self._config.metrics_timestamp_offset * 1e9)
        return data.data_points.add(
            start_time_unix_nano=line.start_ns - offset_ns,
            time_unix_nano=self._now_ns() - offset_ns,
            attributes=line.labels,
        )

    def _lose(self, losses: _Losses, edge: Edge) -> None:
        key = (edge.client, edge.server, edge.connection.value)
        loss = losses.by_labels.get(key)
        if loss is None:
            labels = {"client": edge.client, "server": edge.server}
            labels["connection_type"] = edge.connection.value
            loss = losses.by_labels[key] = _Loss(self._pairs(labels), self._now_ns())
        loss.spans += 1

    def _labels(self, edge: Edge) -> list[KeyValue]:
        labels = {"client": edge.client, "server": edge.server}
        labels["connection_type"] = edge.connection.value
        pairs = self._pairs(labels)
        failed = AnyValue(bool_value=edge.failed)
        pairs.append(KeyValue(key=self._named("failed"), value=failed))
        pairs += self._pairs(edge.dimensions)
        if self._config.virtual_node_extra_label:
            pairs += self._pairs({"virtual_node": edge.virtual})
        return pairs

    def _pairs(self, labels: Mapping[str, str]) -> list[KeyValue]:
        return [text_pair(self._named(key), value) for key, value in labels.items()]

    def _named(self, label: str) -> str:
        return self._config.label_names.get(label, label)
