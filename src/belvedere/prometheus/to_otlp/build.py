"""Samples gathered into points, and these into one OTLP message."""

import math
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
)

from belvedere import __version__
from belvedere.otlp.prometheus import UNIT_WORDS
from belvedere.prometheus.model import Exemplar, Labels, MetricType
from belvedere.prometheus.to_otlp.parts import POINTS, Parts, number_point, set_start
from belvedere.prometheus.to_otlp.place import MetricKey, Place, Role, Scope, Stream, Target

SCOPE_NAME: Final = (
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"
)
"""Of metrics without labels `otel_scope_…`: the official receiver's, which dashboards know."""

_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_UCUM: Final = {word: symbol for symbol, word in UNIT_WORDS.items() if word and symbol != "KBy"}


class Builder:
    """Gathers the samples of one scrape."""

    def __init__(
        self,
        resource: Callable[[Target], Mapping[str, str]],
        *,
        trim_suffixes: bool = False,
    ) -> None:
        """`resource` gives the attributes of a target's resource."""
        self._resource, self._trim = resource, trim_suffixes
        self._parts: dict[Stream, Parts] = {}
        self._others: dict[tuple[Stream, int], Parts] = {}
        """Further points of a stream: few scrapes have samples of one series at several times."""
        self._target_info: dict[Target, Labels] = {}
        self._scope_info: dict[tuple[Target, Scope], Labels] = {}
        self.malformed = 0
        """Points that were left out: buckets that fall, counts that are no numbers."""

    def add(self, place: Place, value: float, time_ms: int, exemplar: Exemplar | None) -> None:
        """Take a sample in."""
        stream, role = place.stream, place.role
        if role is Role.TARGET_INFO:
            self._target_info[stream.metric.target] = stream.attributes
            return
        if role is Role.SCOPE_INFO:
            self._scope_info[stream.metric.target, stream.metric.scope] = stream.attributes
            return
        parts = self._at(stream, time_ms)
        if role is Role.VALUE:
            parts.value = value
        elif role is Role.BUCKET:
            parts.buckets += ((place.bound, value),)
        elif role is Role.SUM:
            parts.sum = value
        elif role is Role.COUNT:
            parts.count = value
        elif math.isfinite(value):
            parts.created_s = value
        if exemplar is not None:
            parts.exemplars += (exemplar,)

    def add_stale(self, place: Place, time_ms: int) -> None:
        """Take in that a series ended. Its point ends, unless other parts of it go on."""
        if place.role in (Role.TARGET_INFO, Role.SCOPE_INFO, Role.CREATED):
            return
        parts = self._at(place.stream, time_ms)
        parts.stale = True
        if place.role is Role.BUCKET:
            parts.buckets += ((place.bound, 0.0),)

    def build(self, process_start_ns: int = 0) -> ExportMetricsServiceRequest:
        """The message. Start times are `process_start_ns`, if given, or what is known."""
        request = ExportMetricsServiceRequest()
        resources: dict[Target, Any] = {}
        scopes: dict[tuple[Target, Scope], Any] = {}
        metrics: dict[MetricKey, Metric] = {}
        for parts in chain(self._parts.values(), self._others.values()):
            key = parts.stream.metric
            point = POINTS.get(key.type, number_point)(parts)
            if point is None:
                self.malformed += not parts.stale and parts.created_s == 0
                continue
            metric = metrics.get(key)
            if metric is None:
                scope = scopes.get((key.target, key.scope))
                if scope is None:
                    if key.target not in resources:
                        resources[key.target] = self._add_resource(request, key.target)
                    scope = self._add_scope(resources[key.target], key.target, key.scope)
                    scopes[key.target, key.scope] = scope
                metric = metrics[key] = self._add_metric(scope, key)
            set_start(parts, point, process_start_ns)
            point.time_unix_nano = parts.time_ms * 1_000_000
            _points(metric).append(point)
        return request

    def _at(self, stream: Stream, time_ms: int) -> Parts:
        parts = self._parts.get(stream)
        if parts is None:
            parts = self._parts[stream] = Parts(stream, time_ms)
        elif parts.time_ms != time_ms:
            return self._others.setdefault((stream, time_ms), Parts(stream, time_ms))
        return parts

    def _add_resource(self, request: ExportMetricsServiceRequest, target: Target) -> Any:
        message = request.resource_metrics.add()
        attributes = dict(self._resource(target))
        attributes |= dict(self._target_info.get(target, ()))
        _add_attributes(message.resource.attributes, attributes)
        return message

    def _add_scope(self, resource: Any, target: Target, scope: Scope) -> Any:
        message = resource.scope_metrics.add()
        if scope == Scope():
            message.scope.name, message.scope.version = SCOPE_NAME, __version__
            return message
        message.scope.name, message.scope.version = scope.name, scope.version
        message.schema_url = scope.schema_url
        _add_attributes(message.scope.attributes, dict(scope.attributes))
        if not scope.attributes:
            _add_attributes(
                message.scope.attributes, dict(self._scope_info.get((target, scope), ()))
            )
        return message

    def _add_metric(self, scope: Any, key: MetricKey) -> Metric:
        metadata = key.metadata
        metric: Metric = scope.metrics.add(
            name=_trimmed(key) if self._trim else key.name,
            description=metadata.help,
            unit=_UCUM.get(metadata.unit, metadata.unit),
        )
        _add_attributes(metric.metadata, {"prometheus.type": key.type})
        if key.type is MetricType.HISTOGRAM:
            metric.histogram.aggregation_temporality = _CUMULATIVE
        elif key.type is MetricType.SUMMARY:
            metric.summary.SetInParent()
        elif key.type in _SUMS:
            metric.sum.aggregation_temporality = _CUMULATIVE
            metric.sum.is_monotonic = key.type is MetricType.COUNTER
        else:
            metric.gauge.SetInParent()
        return metric


_SUMS: Final = frozenset({MetricType.COUNTER, MetricType.INFO, MetricType.STATESET})


def _points(metric: Metric) -> Any:
    return getattr(metric, metric.WhichOneof("data") or "gauge").data_points


def _add_attributes(messages: Any, attributes: Mapping[str, str]) -> None:
    for key, value in attributes.items():
        messages.add(key=key).value.string_value = value


def _trimmed(key: MetricKey) -> str:
    """The name without the words of type and unit that OTLP has fields for.

    A name of one word stays.
    """
    words = key.name.split("_")
    if len(words) > 1 and key.type is MetricType.COUNTER and words[-1] == "total":
        words.pop()
    unit = key.metadata.unit.split("_") if key.metadata.unit else []
    if unit and len(words) > len(unit) and words[-len(unit) :] == unit:
        del words[-len(unit) :]
    return "_".join(words)
