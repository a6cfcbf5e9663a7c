"""What a scraper can measure, and what it measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    ScopeMetrics,
)

_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric, as the official `metadata.yaml` describes it."""

    name: str
    description: str
    unit: str
    is_sum: bool
    is_monotonic: bool = False
    is_enabled: bool = True
    """Whether it is measured where the configuration does not say."""


def counter(name: str, description: str, unit: str, *, enabled: bool = True) -> Definition:
    """A cumulative, monotonic sum."""
    return Definition(name, description, unit, is_sum=True, is_monotonic=True, is_enabled=enabled)


def up_down(name: str, description: str, unit: str, *, enabled: bool = True) -> Definition:
    """A cumulative sum that may fall."""
    return Definition(name, description, unit, is_sum=True, is_enabled=enabled)


def gauge(name: str, description: str, unit: str, *, enabled: bool = True) -> Definition:
    """A gauge."""
    return Definition(name, description, unit, is_sum=False, is_enabled=enabled)


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value."""

    name: str
    value: float
    """Integers stay integers."""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of one resource."""

    values: Iterable[Value]
    resource: Mapping[str, Any] = field(default_factory=dict)
    start_s: float | None = None
    """Since when sums count; None: since the machine started."""


def fill(
    scope: ScopeMetrics,
    values: Iterable[Value],
    definitions: Mapping[str, Definition],
    *,
    start_ns: int,
    now_ns: int,
) -> int:
    """Add the values that are in `definitions` to `scope`; returns how many."""
    metrics: dict[str, Any] = {}
    count = 0
    for value in values:
        definition = definitions.get(value.name)
        if definition is None:
            continue
        data = metrics.get(value.name)
        if data is None:
            data = metrics[value.name] = _data(scope.metrics.add(), definition)
        point = data.data_points.add(time_unix_nano=now_ns)
        if definition.is_sum:
            point.start_time_unix_nano = start_ns
        if type(value.value) is int:
            point.as_int = value.value
        else:
            point.as_double = value.value
        for key, text in value.attributes.items():
            point.attributes.add(key=key).value.string_value = text
        count += 1
    return count


def _data(metric: Metric, definition: Definition) -> Any:
    metric.name, metric.unit = definition.name, definition.unit
    metric.description = definition.description
    if not definition.is_sum:
        metric.gauge.SetInParent()
        return metric.gauge
    metric.sum.aggregation_temporality = _CUMULATIVE
    metric.sum.is_monotonic = definition.is_monotonic
    return metric.sum
