"""`groupbyattrs`: records with the same values of some attributes come under one resource."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from prometheus_client import Counter, Histogram
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS, points_of
from belvedere.otlp.signal import Signal

_ITEMS: Final = {Signal.TRACES: "span", Signal.METRICS: "metric", Signal.LOGS: "log"}
_PREFIX: Final = "otelcol_processor_groupbyattrs_"
_GROUPED: Final = {
    signal: Counter(
        f"{_PREFIX}num_grouped_{item}s",
        f"Number of {item}s that had attributes grouped.",
        registry=REGISTRY,
    )
    for signal, item in _ITEMS.items()
}
_NOT_GROUPED: Final = {
    signal: Counter(
        f"{_PREFIX}num_non_grouped_{item}s",
        f"Number of {item}s that did not have attributes grouped.",
        registry=REGISTRY,
    )
    for signal, item in _ITEMS.items()
}
_GROUPS: Final = {
    signal: Histogram(
        f"{_PREFIX}{item}_groups",
        f"Distribution of groups extracted for {item}s.",
        registry=REGISTRY,
        buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
    )
    for signal, item in _ITEMS.items()
}


class GroupByAttrsConfig(ComponentConfig):
    """`processors::groupbyattrs`."""

    keys: tuple[str, ...] = Field(
        (),
        description="Attributes that move from records to their resources; without any, entries"
        " of the same resource and scope become one (compaction).",
    )


class GroupByAttrsProcessor(RewritingProcessor):
    """Moves attributes to resources, and joins what has the same resource, scope and metric.

    A record without any of the keys stays under its resource. The record's value replaces that of
    the resource.
    """

    Config = GroupByAttrsConfig

    def __init__(self, config: GroupByAttrsConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(host, consumer)
        self._keys = tuple(dict.fromkeys(config.keys))

    def rewrite(self, batch: Batch) -> Batch:
        """The batch in groups."""
        message: Any = batch.take_message()
        grouping = _Grouping(batch.signal, self._keys)
        for entry in getattr(message, grouping.levels.resources):
            grouping.add(entry)
        _GROUPED[batch.signal].inc(grouping.grouped)
        _NOT_GROUPED[batch.signal].inc(batch.items - grouping.grouped)
        _GROUPS[batch.signal].observe(len(grouping.groups))
        return rewritten(batch, grouping.message)


@dataclass(slots=True)
class _Group:
    """One resource of the result."""

    entry: Any
    scopes: dict[bytes, Any] = field(default_factory=dict)
    """By what makes a scope the same one."""
    metrics: dict[tuple[bytes, bytes], Any] = field(default_factory=dict)
    """By scope and by what makes a metric the same one."""


class _Grouping:
    def __init__(self, signal: Signal, keys: Sequence[str]) -> None:
        self.message: Any = signal.request_type()
        self.levels = LEVELS[signal]
        self.groups: dict[bytes, _Group] = {}
        """By what makes a resource the same one."""
        self.grouped = 0
        self._keys = frozenset(keys)
        self._is_metrics = signal is Signal.METRICS

    def add(self, entry: Any) -> None:
        """Put all records of a resource's entry where they belong."""
        known: dict[bytes, _Group] = {}
        for scope in getattr(entry, self.levels.scopes):
            scope_key = _scope_key(scope)
            for record in getattr(scope, self.levels.records):
                if self._is_metrics:
                    self._add_points(entry, known, scope, scope_key, record)
                else:
                    group = self._group(entry, known, record.attributes)
                    self._scope_records(group, scope, scope_key).append(record)

    def _add_points(
        self, entry: Any, known: dict[bytes, _Group], scope: Any, scope_key: bytes, metric: Any
    ) -> None:
        envelope = _without_points(metric)
        metric_key = envelope.SerializeToString(deterministic=True)
        for point in points_of(metric):
            group = self._group(entry, known, point.attributes)
            into = group.metrics.get((scope_key, metric_key))
            if into is None:
                into = self._scope_records(group, scope, scope_key).add()
                into.CopyFrom(envelope)
                group.metrics[scope_key, metric_key] = into
            points_of(into).append(point)

    def _scope_records(self, group: _Group, scope: Any, scope_key: bytes) -> Any:
        into = group.scopes.get(scope_key)
        if into is None:
            into = getattr(group.entry, self.levels.scopes).add(schema_url=scope.schema_url)
            if scope.HasField("scope"):
                into.scope.CopyFrom(scope.scope)
            group.scopes[scope_key] = into
        return getattr(into, self.levels.records)

    def _group(self, entry: Any, known: dict[bytes, _Group], attributes: Any) -> _Group:
        """The group of a record, whose attributes lose the keys.

        `known` are the groups of the same entry, by the attributes that were taken.
        """
        taken: dict[str, KeyValue] = {}
        if self._keys:
            for index in range(len(attributes) - 1, -1, -1):
                attribute = attributes[index]
                if attribute.key in self._keys:
                    taken[attribute.key] = attribute
                    del attributes[index]
        if taken:
            self.grouped += 1
        key = b"".join(taken[each].SerializeToString() for each in sorted(taken))
        group = known.get(key)
        if group is None:
            group = known[key] = self._group_of(entry, taken)
        return group

    def _group_of(self, entry: Any, taken: dict[str, KeyValue]) -> _Group:
        made = type(entry)(schema_url=entry.schema_url)
        if entry.HasField("resource"):
            made.resource.CopyFrom(entry.resource)
        if taken:
            kept = [each for each in entry.resource.attributes if each.key not in taken]
            del made.resource.attributes[:]
            made.resource.attributes.extend(kept)
            made.resource.attributes.extend(taken[key] for key in sorted(taken))
        key = _resource_key(made)
        group = self.groups.get(key)
        if group is None:
            into = getattr(self.message, self.levels.resources).add()
            into.CopyFrom(made)
            group = self.groups[key] = _Group(into)
        return group


def _resource_key(entry: Any) -> bytes:
    """What makes a resource the same one: the order of its attributes does not matter."""
    attributes = sorted(each.SerializeToString() for each in entry.resource.attributes)
    rest = type(entry.resource)(
        dropped_attributes_count=entry.resource.dropped_attributes_count,
        entity_refs=entry.resource.entity_refs,
    )
    parts = [entry.schema_url.encode(), rest.SerializeToString(), *attributes]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _scope_key(scope: Any) -> bytes:
    return bytes(scope.scope.SerializeToString(deterministic=True) + scope.schema_url.encode())


def _without_points(metric: Any) -> Metric:
    """What makes a metric the same one, and no points."""
    envelope = Metric(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        metadata=metric.metadata,
    )
    if kind := metric.WhichOneof("data"):
        data, made = getattr(metric, kind), getattr(envelope, kind)
        made.SetInParent()
        for setting in ("aggregation_temporality", "is_monotonic"):
            if hasattr(data, setting):
                setattr(made, setting, getattr(data, setting))
    return envelope
