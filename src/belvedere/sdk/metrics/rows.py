"""Metrics as rows that processes can write down, add up and subtract.

A row is one series of one metric at one moment, cumulative since its process began.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

COUNTER: Final = "counter"
UP_DOWN_COUNTER: Final = "up_down_counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"


_text: Final = json.JSONEncoder(sort_keys=True, default=str).encode


class Identity(NamedTuple):
    """What two rows of one series have in common, in every process."""

    scope: str
    scope_version: str
    scope_schema_url: str
    metric: str
    unit: str
    description: str
    kind: str
    bounds: tuple[float, ...]
    """Of a histogram: the buckets' upper bounds, inclusive, without +Inf."""
    attributes: str
    """A JSON object with sorted keys."""


Values = tuple[float, ...]
"""The value; of a histogram the sum, then the count of each bucket (one more than bounds)."""

Rows = dict[Identity, Values]


def rows_of(data: MetricsData | None) -> Rows:
    """The rows of a cumulative collection.

    Exponential histograms have none: the text form of `/metrics` cannot show them.
    """
    rows: Rows = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = _kind(metric)
                for point in metric.data.data_points if kind else ():
                    identity = Identity(
                        scope=scope.scope.name,
                        scope_version=scope.scope.version or "",
                        scope_schema_url=scope.scope.schema_url or "",
                        metric=metric.name,
                        unit=metric.unit or "",
                        description=metric.description or "",
                        kind=kind,
                        bounds=tuple(getattr(point, "explicit_bounds", ())),
                        attributes=_text(dict(point.attributes or {})),
                    )
                    rows[identity] = _values(point)
    return rows


def data_of(rows: Mapping[Identity, Values], resource: Resource) -> MetricsData:
    """The rows as the SDK has collected metrics, for the Prometheus exporter to translate."""
    scopes = [
        ScopeMetrics(
            scope=InstrumentationScope(*scope),
            metrics=[
                Metric(
                    name=family[0],
                    unit=family[1],
                    description=family[2],
                    data=_data(family[3], list(points)),
                )
                for family, points in groupby(members, key=lambda row: _family(row[0]))
            ],
            schema_url=scope[2],
        )
        for scope, members in groupby(
            sorted(rows.items(), key=lambda row: (_scope(row[0]), _family(row[0]))),
            key=lambda row: _scope(row[0]),
        )
    ]
    return MetricsData([ResourceMetrics(resource, scopes, resource.schema_url)])


def add(rows: Rows, more: Mapping[Identity, Values]) -> None:
    """Add `more` to `rows`, series by series."""
    for identity, values in more.items():
        mine = rows.get(identity)
        rows[identity] = values if mine is None else _plus(mine, values)


def subtract(rows: Mapping[Identity, Values], baseline: Mapping[Identity, Values]) -> Rows:
    """`rows` without what was there at `baseline`; gauges stay, and zeros that it leaves go."""
    result: Rows = {}
    for identity, values in rows.items():
        before = baseline.get(identity)
        if before is None or identity.kind == GAUGE:
            result[identity] = values
        elif values != before:
            result[identity] = _plus(values, tuple(-value for value in before))
    return result


def with_attribute(identity: Identity, key: str, value: object) -> Identity:
    """The same series with one more attribute."""
    attributes = {**json.loads(identity.attributes), key: value}
    return identity._replace(attributes=_text(attributes))


def dump(rows: Mapping[Identity, Values]) -> list[list[Any]]:
    """The rows as JSON can hold them."""
    return [[*identity, values] for identity, values in rows.items()]


def load(dumped: Iterable[list[Any]]) -> Rows:
    """The inverse of `dump`.

    Raises:
        TypeError, ValueError: It is no result of `dump`.
    """
    rows: Rows = {}
    for *identity, values in dumped:
        identity[7] = tuple(identity[7])
        rows[Identity(*identity)] = tuple(values)
    return rows


def _scope(identity: Identity) -> tuple[str, str, str]:
    return identity.scope, identity.scope_version, identity.scope_schema_url


def _family(identity: Identity) -> tuple[str, str, str, str]:
    return identity.metric, identity.unit, identity.description, identity.kind


def _kind(metric: Metric) -> str:
    match metric.data:
        case Sum(is_monotonic=True):
            return COUNTER
        case Sum():
            return UP_DOWN_COUNTER
        case Gauge():
            return GAUGE
        case Histogram():
            return HISTOGRAM
        case _:
            return ""


def _values(point: Any) -> Values:
    if isinstance(point, HistogramDataPoint):
        return (point.sum, *point.bucket_counts)
    return (point.value,)


def _plus(left: Values, right: Values) -> Values:
    return tuple(a + b for a, b in zip(left, right, strict=True))


def _data(kind: str, points: list[tuple[Identity, Values]]) -> Sum | Gauge | Histogram:
    if kind == HISTOGRAM:
        return Histogram([_bucketed(*point) for point in points], AggregationTemporality.CUMULATIVE)
    numbers = [
        NumberDataPoint(json.loads(identity.attributes), 0, 0, value)
        for identity, (value,) in points
    ]
    if kind == GAUGE:
        return Gauge(numbers)
    return Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=kind == COUNTER)


def _bucketed(identity: Identity, values: Values) -> HistogramDataPoint:
    total, *counts = values
    return HistogramDataPoint(
        attributes=json.loads(identity.attributes),
        start_time_unix_nano=0,
        time_unix_nano=0,
        count=int(sum(counts)),
        sum=total,
        bucket_counts=[int(count) for count in counts],
        explicit_bounds=identity.bounds,
        min=0,
        max=0,
    )
