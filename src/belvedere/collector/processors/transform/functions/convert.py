"""Editors that change what a metric is, or copy it."""

from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Sum

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.record import Record, data_points
from belvedere.collector.processors.transform.functions.extract import TEMPORALITIES


def convert_sum_to_gauge() -> Edit:
    """`convert_sum_to_gauge`: other metrics stay as they are."""

    def edit(record: Record) -> bool:
        metric = record.metric
        if not metric.HasField("sum"):
            return False
        metric.gauge.CopyFrom(Gauge(data_points=metric.sum.data_points))
        return True

    return edit


def convert_gauge_to_sum(aggregation_temporality: Value, is_monotonic: Value) -> Edit:
    """`convert_gauge_to_sum`: other metrics stay as they are."""

    def edit(record: Record) -> bool:
        metric = record.metric
        if not metric.HasField("gauge"):
            return False
        new = Sum(data_points=metric.gauge.data_points, is_monotonic=is_monotonic.get(record))
        new.aggregation_temporality = TEMPORALITIES[aggregation_temporality.get(record)]  # type: ignore[assignment]  # an enum's number
        metric.sum.CopyFrom(new)
        return True

    return edit


def copy_metric(
    name: Value | None = None, desc: Value | None = None, unit: Value | None = None
) -> Edit:
    """`copy_metric`: the copy comes last in its scope, and statements see it too.

    A statement that would copy its own copies without end fails after `_MOST_METRICS`.
    """

    def edit(record: Record) -> bool:
        metrics = record.scope.metrics
        if len(metrics) >= _MOST_METRICS:
            raise EvaluationError(
                f"copy_metric has filled a scope with {_MOST_METRICS} metrics: add a where clause"
                " that does not hold for the copies"
            )
        copy = metrics.add()
        copy.CopyFrom(record.metric)
        for field, value in (("name", name), ("description", desc), ("unit", unit)):
            if value is not None:
                setattr(copy, field, value.get(record))
        return True

    return edit


_MOST_METRICS = 100_000
"""The Collector would copy until its memory is full."""


def scale_metric(factor: Value, unit: Value | None = None) -> Edit:
    """`scale_metric`: values, sums, bounds and quantiles times a factor; they become doubles."""

    def edit(record: Record) -> bool:
        metric, by = record.metric, factor.get(record)
        kind = metric.WhichOneof("data") or ""
        if kind not in _SCALED:
            raise EvaluationError(f"scale_metric works on no {kind or 'metric without data'}")
        for point in data_points(metric):
            _SCALED[kind](point, by)
        if unit is not None:
            metric.unit = unit.get(record)
        return True

    return edit


def _scale_number(point: Any, by: float) -> None:
    kind = point.WhichOneof("value")
    if kind:
        point.as_double = getattr(point, kind) * by
    for exemplar in getattr(point, "exemplars", ()):
        _scale_number(exemplar, by)


def _scale_histogram(point: Any, by: float) -> None:
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            setattr(point, name, getattr(point, name) * by)
    point.explicit_bounds[:] = [bound * by for bound in point.explicit_bounds]
    for exemplar in point.exemplars:
        _scale_number(exemplar, by)


def _scale_summary(point: Any, by: float) -> None:
    point.sum *= by
    for quantile in point.quantile_values:
        quantile.value *= by


_SCALED = {
    "gauge": _scale_number,
    "sum": _scale_number,
    "histogram": _scale_histogram,
    "summary": _scale_summary,
}
