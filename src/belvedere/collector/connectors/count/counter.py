"""Counts of one kind of item, in one resource of one batch."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from belvedere.collector import ottl
from belvedere.collector.connectors.aggregation.attributes import by_key
from belvedere.collector.connectors.count.config import AttributeConfig, MetricConfig
from belvedere.collector.ottl import Context, Record
from belvedere.otlp.any_value import any_value, text_of

_NUMBERS: Final = ("int_value", "double_value")


class Metric:
    """One metric that is made: what is counted, and by what."""

    def __init__(self, name: str, config: MetricConfig, context: Context) -> None:
        self.name, self.description = name, config.description
        self._holds = ottl.condition(config.conditions, context) if config.conditions else None
        self._attributes = config.attributes

    @property
    def counts_all(self) -> bool:
        """Whether each item counts, in one series."""
        return self._holds is None and not self._attributes

    def key(self, record: Record, item: Any) -> tuple[bytes, ...] | None:
        """The serialized attributes that an item counts under; None: it does not count.

        Raises:
            EvaluationError: a value is not what a condition takes.
        """
        key = tuple(self._pairs(record, item)) if self._attributes else ()
        if len(key) < len(self._attributes):
            return None
        return key if self._holds is None or self._holds(record) else None

    def _pairs(self, record: Record, item: Any) -> Iterable[bytes]:
        places = [
            by_key(item.attributes),
            by_key(record.scope.scope.attributes),
            by_key(record.resource.resource.attributes),
        ]
        for attribute in self._attributes:
            value = _found(attribute, places)
            if value is not None:
                yield KeyValue(key=attribute.key, value=value).SerializeToString()


def _found(attribute: AttributeConfig, places: Sequence[Mapping[str, AnyValue]]) -> AnyValue | None:
    for place in places:
        if (value := place.get(attribute.key)) is not None:
            if value.WhichOneof("value") in _NUMBERS:
                return value
            return AnyValue(string_value=text_of(value))
    return any_value(attribute.default_value) if attribute.default_value else None


class Counts:
    """What the metrics of one kind come to."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics
        self._counts: list[Counter[tuple[bytes, ...]]] = [Counter() for _ in metrics]

    def add(self, record: Record, item: Any) -> None:
        """Count one item.

        Raises:
            EvaluationError: a value is not what a condition takes.
        """
        for metric, counts in zip(self._metrics, self._counts, strict=True):
            key = metric.key(record, item)
            if key is not None:
                counts[key] += 1

    def add_all(self, count: int) -> None:
        """Count so many items of which each counts for each metric."""
        for counts in self._counts:
            if count:
                counts[()] += count

    def write(self, scope: Any, start_ns: int, end_ns: int) -> None:
        """Add the metrics to a `ScopeMetrics`: those that counted something."""
        for metric, counts in zip(self._metrics, self._counts, strict=True):
            if not counts:
                continue
            written = scope.metrics.add(name=metric.name, description=metric.description)
            written.sum.is_monotonic = True
            written.sum.aggregation_temporality = (
                AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            )
            for key, count in counts.items():
                written.sum.data_points.add(
                    attributes=[KeyValue.FromString(each) for each in key],
                    start_time_unix_nano=start_ns,
                    time_unix_nano=end_ns,
                    as_int=count,
                )
