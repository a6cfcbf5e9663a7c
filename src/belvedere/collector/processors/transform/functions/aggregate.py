"""Editors that make one data point of several, by their attributes."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any, Final

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import find
from belvedere.collector.ottl.record import Record, data_points
from belvedere.collector.ottl.values import wrapped

AGGREGATIONS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "mean": statistics.fmean,
    "median": statistics.median,
    "count": len,
}


def aggregate_on_attributes(function: Value, attributes: Value | None = None) -> Edit:
    """`aggregate_on_attributes`: points that have the same values of `attributes` become one."""

    def edit(record: Record) -> bool:
        points = _points(record, function)
        if attributes is not None:
            kept = frozenset(attributes.get(record))
            for point in points:
                for index in range(len(point.attributes) - 1, -1, -1):
                    if point.attributes[index].key not in kept:
                        del point.attributes[index]
        return _aggregated(record, points, function) or attributes is not None

    return edit


def aggregate_on_attribute_value(
    function: Value, attribute: Value, values: Value, new_value: Value
) -> Edit:
    """`aggregate_on_attribute_value`: `values` become `new_value`, and equal points one."""

    def edit(record: Record) -> bool:
        points = _points(record, function)
        key, old = attribute.get(record), frozenset(values.get(record))
        changed = False
        for point in points:
            pair = find(point.attributes, key)
            if pair is not None and pair.value.string_value in old:
                pair.value.string_value = new_value.get(record)
                changed = True
        return (_aggregated(record, points, function) or changed) if changed else False

    return edit


def _points(record: Record, function: Value) -> Any:
    kind = record.metric.WhichOneof("data")
    if kind in {"gauge", "sum"}:
        return data_points(record.metric)
    if kind == "histogram":
        if (name := function.get(record)) != "sum":
            raise EvaluationError(f"histograms are aggregated by sum, not by {name}")
        return data_points(record.metric)
    raise EvaluationError(f"a gauge, sum or histogram is expected, not {kind or 'no data'}")


def _aggregated(record: Record, points: Any, function: Value) -> bool:
    """Make one of the points that are alike, in the place of the first; whether there were any."""
    kind = record.metric.WhichOneof("data")
    delta = getattr(getattr(record.metric, kind), "aggregation_temporality", 0) == 1
    groups: dict[Any, list[Any]] = {}
    for point in points:
        groups.setdefault(_identity(point, delta=delta), []).append(point)
    if len(groups) == len(points) and function.get(record) != "count":
        return False
    merged = [_merged(kind, group, function.get(record)) for group in groups.values()]
    del points[:]
    points.extend(merged)
    return True


def _identity(point: Any, *, delta: bool) -> tuple[Any, ...]:
    """What points must have in common: attributes, time, flags; deltas also the start."""
    attributes = sorted((pair.key, pair.value.SerializeToString()) for pair in point.attributes)
    return (
        tuple(attributes),
        point.time_unix_nano,
        point.start_time_unix_nano if delta else 0,
        point.flags,
        tuple(getattr(point, "explicit_bounds", ())),
    )


def _merged(kind: str, group: list[Any], function: str) -> Any:
    result = type(group[0])()
    result.CopyFrom(group[0])
    result.start_time_unix_nano = min(point.start_time_unix_nano for point in group)
    if kind == "histogram":
        _merge_histograms(result, group)
    else:
        value = AGGREGATIONS[function](
            [getattr(p, p.WhichOneof("value") or "as_int") for p in group]
        )
        if isinstance(value, float):
            result.as_double = value
        else:
            result.as_int = wrapped(value)
    for point in group[1:]:
        result.exemplars.MergeFrom(point.exemplars)
    return result


def _merge_histograms(result: Any, group: list[Any]) -> None:
    result.count = sum(point.count for point in group) & _UINT64
    for name, function in (("sum", sum), ("min", min), ("max", max)):
        result.ClearField(name)
        if all(point.HasField(name) for point in group):
            values: Iterable[float] = [getattr(point, name) for point in group]
            setattr(result, name, function(values))
    size = max(len(point.bucket_counts) for point in group)
    counts = [0] * size
    for point in group:
        for index, count in enumerate(point.bucket_counts):
            counts[index] += count
    result.bucket_counts[:] = [count & _UINT64 for count in counts]


_UINT64: Final = (1 << 64) - 1
