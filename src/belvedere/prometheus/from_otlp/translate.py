"""OTLP metrics to points as Prometheus has them: names, labels, types, values.

After Prometheus's own OTLP receiver and the Collector's exporters; the store does the same in SQL.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    Metric,
    ResourceMetrics,
)

from belvedere.otlp.any_value import text_of
from belvedere.otlp.prometheus import (
    TARGET_ATTRIBUTES,
    Kind,
    Strategy,
    float_text,
    label_name,
    labels,
    metric_name,
    scope_labels,
    target_labels,
    unit_name,
)
from belvedere.prometheus.from_otlp.histograms import MIN_SCHEMA, bucket_lines, native_histogram
from belvedere.prometheus.from_otlp.point import Line, Point
from belvedere.prometheus.model import (
    STALE,
    Exemplar,
    Labels,
    Metadata,
    MetricType,
    labels_of,
)

_NO_VALUE: Final = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_UNSPECIFIED: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_UNSPECIFIED
_MAX_EXEMPLAR_CHARS: Final = 128
"""OpenMetrics: of all names and values of an exemplar's labels together."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What may be chosen."""

    namespace: str = ""
    strategy: Strategy = Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES
    scope_labels: bool = True
    """Whether `otel_scope_…` labels are added."""
    included: tuple[str, ...] = ()
    """Patterns (`*`) of the resource attributes that become labels of all its points."""
    excluded: tuple[str, ...] = ()
    """Patterns of those that do not, whatever `included` says."""
    constant_labels: Mapping[str, str] = field(default_factory=dict)
    """Of all points. They give way to a label that is there already."""
    target_info: bool = True


@dataclass(frozen=True, slots=True)
class Translated:
    """What a request became."""

    points: list[Point]
    """In the order of the request; `target_info` after the points of its resource."""
    dropped: Mapping[str, int]
    """Data points that Prometheus has no form for, by reason: `scale`, `temporality`, `name`."""


def translate(message: ExportMetricsServiceRequest, chosen: Translation) -> Translated:
    """The points of a request."""
    points: list[Point] = []
    dropped: Counter[str] = Counter()
    for resource_metrics in message.resource_metrics:
        points += _Resource(resource_metrics, chosen, dropped).points()
    return Translated(points, dropped)


class _Resource:
    """The points of one resource."""

    def __init__(
        self, resource_metrics: ResourceMetrics, chosen: Translation, dropped: Counter[str]
    ) -> None:
        self._metrics, self._chosen, self._dropped = resource_metrics, chosen, dropped
        self._attributes = {
            each.key: text_of(each.value) for each in resource_metrics.resource.attributes
        }
        self._hash = hash(frozenset(self._attributes.items()))
        self._target = target_labels(self._attributes)
        promoted = [
            (key, text) for key, text in self._attributes.items() if _is_chosen(key, chosen)
        ]
        constant = {
            label_name(key) if chosen.strategy.escapes else key: value
            for key, value in chosen.constant_labels.items()
        }
        # The later ones win.
        self._below_attributes = {**constant, **labels(promoted, chosen.strategy)}

    def points(self) -> Iterator[Point]:
        newest_ms = 0
        for scope_metrics in self._metrics.scope_metrics:
            above = dict(self._target)
            if self._chosen.scope_labels:
                scope = scope_metrics.scope
                above |= scope_labels(
                    scope.name,
                    scope.version,
                    scope_metrics.schema_url,
                    ((each.key, text_of(each.value)) for each in scope.attributes),
                    self._chosen.strategy,
                )
            for metric in scope_metrics.metrics:
                for point in self._metric(metric, above):
                    newest_ms = max(newest_ms, point.time_ms)
                    yield point
        if newest_ms and self._chosen.target_info:
            yield from self._target_info(newest_ms)

    def _target_info(self, time_ms: int) -> Iterator[Point]:
        """One, if there is something to tell, and somebody to tell it of."""
        others = labels(
            ((key, text) for key, text in self._attributes.items() if key not in TARGET_ATTRIBUTES),
            self._chosen.strategy,
        )
        if not others or not self._target:
            return
        name = metric_name(
            "target_info", "", Kind.GAUGE, self._chosen.strategy, namespace=self._chosen.namespace
        )
        yield Point(
            Metadata(name, MetricType.GAUGE, "Target metadata"),
            labels_of({**self._below_attributes, **others, **self._target}),
            time_ms,
            0,
            (Line("", None, 1.0),),
            is_target_info=True,
            resource=self._hash,
        )

    def _metric(self, metric: Metric, above: Mapping[str, str]) -> Iterator[Point]:
        field_name = metric.WhichOneof("data")
        if field_name is None:
            return
        data = getattr(metric, field_name)
        kind, metric_type = _kind(metric, field_name)
        temporality = getattr(data, "aggregation_temporality", None)
        if temporality == _UNSPECIFIED:
            self._dropped["temporality"] += len(data.data_points)
            return
        chosen = self._chosen
        name = metric_name(
            metric.name, metric.unit, kind, chosen.strategy, namespace=chosen.namespace
        )
        if not name:
            self._dropped["name"] += len(data.data_points)
            return
        metadata = Metadata(name, metric_type, metric.description, unit_name(metric.unit))
        make = _MAKERS[field_name]
        taken = _TAKEN.get(field_name, "")
        is_delta = temporality == _DELTA
        for point in data.data_points:
            if field_name == "exponential_histogram" and point.scale < MIN_SCHEMA:
                self._dropped["scale"] += 1
                continue
            own = labels(
                ((each.key, text_of(each.value)) for each in point.attributes), chosen.strategy
            )
            pairs = {**self._below_attributes, **own, **above}
            pairs.pop(taken, None)
            yield make(
                point,
                metadata=metadata,
                labels=tuple(sorted(pairs.items())),
                time_ms=point.time_unix_nano // 1_000_000,
                created_ms=point.start_time_unix_nano // 1_000_000 if kind in _HAVE_START else 0,
                is_stale=bool(point.flags & _NO_VALUE),
                is_delta=is_delta,
                resource=self._hash,
            )


def _number(point: Any, *, is_stale: bool, **of: Any) -> Point:
    value = float(getattr(point, point.WhichOneof("value") or "as_double"))
    exemplars = () if of["metadata"].type is not MetricType.COUNTER else _exemplars(point)
    line = Line("", None, STALE if is_stale else value, exemplars)
    return Point(lines=(line,), is_stale=is_stale, **of)


def _histogram(point: Any, *, is_stale: bool, **of: Any) -> Point:
    lines = bucket_lines(point, _exemplars(point), stale=is_stale)
    return Point(lines=lines, is_stale=is_stale, **of)


def _exponential(point: Any, *, is_stale: bool, **of: Any) -> Point:
    return Point(
        histogram=native_histogram(point, stale=is_stale),
        exemplars=_exemplars(point),
        is_stale=is_stale,
        **of,
    )


def _summary(point: Any, *, is_stale: bool, **of: Any) -> Point:
    lines = [
        Line("", ("quantile", float_text(each.quantile)), STALE if is_stale else each.value)
        for each in point.quantile_values
    ]
    lines.append(Line("_sum", None, STALE if is_stale else point.sum))
    lines.append(Line("_count", None, STALE if is_stale else float(point.count)))
    return Point(lines=tuple(lines), is_stale=is_stale, **of)


def _exemplars(point: Any) -> tuple[Exemplar, ...]:
    """By time. Filtered attributes come along as far as there is room for them."""
    if not point.exemplars:
        return ()
    found = []
    for each in point.exemplars:
        ids = {"trace_id": each.trace_id.hex(), "span_id": each.span_id.hex()}
        pairs = labels_of({**_filtered(each.filtered_attributes), **ids})
        if _chars(pairs) > _MAX_EXEMPLAR_CHARS:
            pairs = labels_of(ids)
        value = float(getattr(each, each.WhichOneof("value") or "as_double"))
        time_ns = each.time_unix_nano or point.time_unix_nano
        found.append(Exemplar(pairs, value, time_ns // 1_000_000))
    return tuple(sorted(found, key=lambda exemplar: exemplar.time_ms))


def _filtered(attributes: Iterable[Any]) -> dict[str, str]:
    return labels((each.key, text_of(each.value)) for each in attributes)


def _chars(pairs: Labels) -> int:
    return sum(len(name) + len(value) for name, value in pairs)


def _is_chosen(key: str, chosen: Translation) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in chosen.included) and not any(
        fnmatchcase(key, pattern) for pattern in chosen.excluded
    )


def _kind(metric: Metric, field_name: str) -> tuple[Kind, MetricType]:
    """What the metric is; its own metadata may know better where it came from Prometheus."""
    said = next((text_of(m.value) for m in metric.metadata if m.key == "prometheus.type"), "")
    if field_name == "gauge":
        return Kind.GAUGE, MetricType.UNKNOWN if said == "unknown" else MetricType.GAUGE
    if field_name != "sum":
        return _KINDS[field_name]
    if metric.sum.is_monotonic:
        return Kind.COUNTER, MetricType.COUNTER
    is_state = said in (MetricType.INFO, MetricType.STATESET)
    return Kind.UP_DOWN_COUNTER, MetricType(said) if is_state else MetricType.GAUGE


_KINDS: Final[Mapping[str, tuple[Kind, MetricType]]] = {
    "histogram": (Kind.HISTOGRAM, MetricType.HISTOGRAM),
    "exponential_histogram": (Kind.HISTOGRAM, MetricType.HISTOGRAM),
    "summary": (Kind.SUMMARY, MetricType.SUMMARY),
}
_HAVE_START: Final = frozenset({Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY})
_TAKEN: Final[Mapping[str, str]] = {"histogram": "le", "summary": "quantile"}
"""Labels that samples of the kind have of their own, which are not an attribute's to give."""
_MAKERS: Final[Mapping[str, Callable[..., Point]]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
