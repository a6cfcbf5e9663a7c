"""Editors that make metrics of a histogram's or summary's parts. They come last in their scope.

`convert_summary_{count,sum}_val_to_sum` work on data points, as upstream, where each point that
meets the condition becomes one of the new metric (upstream's gets all points for each); and on
whole metrics.
"""

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.record import Record, data_points
from belvedere.collector.ottl.values import wrapped

TEMPORALITIES: Final = {"delta": 1, "cumulative": 2}
_LOOKED_BACK: Final = 8
"""Metrics that the statements of one group may be making of one summary at the same time."""
_HISTOGRAMS: Final = ("histogram", "exponential_histogram", "summary")


def extract_count_metric(is_monotonic: Value, suffix: Value | None = None) -> Edit:
    """`extract_count_metric`: the counts of a histogram or summary as a sum."""
    return _extracted(is_monotonic, suffix, "_count", _count, unit="1")


def extract_sum_metric(is_monotonic: Value, suffix: Value | None = None) -> Edit:
    """`extract_sum_metric`: the sums of a histogram or summary as a sum."""
    return _extracted(is_monotonic, suffix, "_sum", _sum)


def convert_summary_count_val_to_sum(
    aggregation_temporality: Value, is_monotonic: Value, suffix: Value | None = None
) -> Edit:
    """`convert_summary_count_val_to_sum`: other metrics stay as they are."""
    return _of_summary(aggregation_temporality, is_monotonic, suffix, "_count", _count)


def convert_summary_sum_val_to_sum(
    aggregation_temporality: Value, is_monotonic: Value, suffix: Value | None = None
) -> Edit:
    """`convert_summary_sum_val_to_sum`: other metrics stay as they are."""
    return _of_summary(aggregation_temporality, is_monotonic, suffix, "_sum", _sum)


def convert_summary_quantile_val_to_gauge(
    attribute_key: Value | None = None, suffix: Value | None = None
) -> Edit:
    """`convert_summary_quantile_val_to_gauge`: a point for each quantile, which is an attribute."""

    def edit(record: Record) -> bool:
        metric = record.metric
        if not metric.HasField("summary"):
            return False
        new = Metric(description=metric.description, unit=metric.unit)
        new.name = metric.name + (suffix.get(record) if suffix else ".quantiles")
        key = attribute_key.get(record) if attribute_key else "quantile"
        for point in metric.summary.data_points:
            for quantile in point.quantile_values:
                made = _beside(point, new.gauge.data_points)
                made.as_double = quantile.value
                made.attributes.add(key=key).value.double_value = quantile.quantile
        return _added(record, new)

    return edit


def _extracted(
    is_monotonic: Value,
    suffix: Value | None,
    default: str,
    read: Callable[[Any, NumberDataPoint], bool],
    *,
    unit: str | None = None,
) -> Edit:
    def edit(record: Record) -> bool:
        kind = record.metric.WhichOneof("data")
        if kind not in _HISTOGRAMS:
            raise EvaluationError(f"a histogram or summary is expected, not {kind or 'no data'}")
        data = getattr(record.metric, kind)
        temporality = getattr(data, "aggregation_temporality", TEMPORALITIES["cumulative"])
        name = suffix.get(record) if suffix else default
        return _add_sum(record, name, temporality, is_monotonic.get(record), read, unit=unit)

    return edit


def _of_summary(
    aggregation_temporality: Value,
    is_monotonic: Value,
    suffix: Value | None,
    default: str,
    read: Callable[[Any, NumberDataPoint], bool],
) -> Edit:
    def edit(record: Record) -> bool:
        if not record.metric.HasField("summary"):
            return False
        temporality = TEMPORALITIES[aggregation_temporality.get(record)]
        name = suffix.get(record) if suffix else default
        return _add_sum(record, name, temporality, is_monotonic.get(record), read)

    return edit


def _add_sum(
    record: Record,
    suffix: str,
    temporality: int,
    monotonic: bool,  # noqa: FBT001 - the field's value
    read: Callable[[Any, NumberDataPoint], bool],
    *,
    unit: str | None = None,
) -> bool:
    """Add the sum to the scope.

    Args:
        record: the metric, or one of its data points.
        suffix: what is appended to the metric's name.
        temporality: of the sum.
        monotonic: of the sum.
        read: writes the value of a data point.
        unit: of the sum; None: that of the metric.
    """
    metric = record.metric
    new = Metric(name=metric.name + suffix, description=metric.description)
    new.unit = metric.unit if unit is None else unit
    new.sum.aggregation_temporality = temporality  # type: ignore[assignment]  # an enum's number
    new.sum.is_monotonic = monotonic
    points = data_points(metric) if record.datapoint is None else [record.datapoint]
    for point in points:
        made = NumberDataPoint()
        if read(point, made):
            _beside(point, new.sum.data_points).MergeFrom(made)
    if record.datapoint is not None and (begun := _begun(record, new)):
        begun.sum.data_points.MergeFrom(new.sum.data_points)
        return True
    return _added(record, new)


def _begun(record: Record, new: Metric) -> Metric | None:
    """The same metric, which an earlier data point began."""
    metrics = record.scope.metrics
    for index in range(len(metrics) - 1, max(len(metrics) - 1 - _LOOKED_BACK, -1), -1):
        metric: Metric = metrics[index]
        if metric.name == new.name and _kind_of_sum(metric) == _kind_of_sum(new):
            return metric
    return None


def _kind_of_sum(metric: Metric) -> tuple[int, bool]:
    return metric.sum.aggregation_temporality, metric.sum.is_monotonic


def _count(point: Any, made: NumberDataPoint) -> bool:
    made.as_int = wrapped(point.count)
    return True


def _sum(point: Any, made: NumberDataPoint) -> bool:
    if point.DESCRIPTOR.fields_by_name["sum"].has_presence and not point.HasField("sum"):
        return False
    made.as_double = point.sum
    return True


def _beside(point: Any, points: Any) -> Any:
    """A new number data point with the attributes and times of `point`."""
    made = points.add(
        start_time_unix_nano=point.start_time_unix_nano, time_unix_nano=point.time_unix_nano
    )
    made.attributes.MergeFrom(point.attributes)
    return made


def _added(record: Record, new: Metric) -> bool:
    if not data_points(new):
        return False
    record.scope.metrics.add().CopyFrom(new)
    return True
