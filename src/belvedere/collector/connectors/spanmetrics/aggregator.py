"""The sums of one project: spans into series."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from belvedere.collector.connectors.aggregation.attributes import SERVICE_NAME, service_name
from belvedere.collector.connectors.aggregation.histograms import (
    DEFAULT_BOUNDS_S,
    ExplicitHistogram,
    ExponentialHistogram,
    MakeHistogram,
)
from belvedere.collector.connectors.spanmetrics.config import (
    SPAN_KIND,
    SPAN_NAME,
    STATUS_CODE,
    SpanMetricsConfig,
)
from belvedere.collector.connectors.spanmetrics.dimensions import Chosen, Key, Known, Scope, Writer
from belvedere.collector.connectors.spanmetrics.series import Table
from belvedere.collector.connectors.spanmetrics.weights import Weights

UNITS_NS: Final = {"ms": 1e6, "s": 1e9}
_NO_SCOPE: Final[Scope] = ("", "")


@dataclass(slots=True)
class Group:
    """One resource, or all that are told apart by nothing."""

    resource: Resource
    calls: Table
    durations: Table
    events: Table
    seen_s: float = 0.0

    @property
    def tables(self) -> tuple[Table, Table, Table]:
        """All of its metrics."""
        return self.calls, self.durations, self.events


@dataclass(frozen=True, slots=True)
class _Moment:
    """When a batch is looked at."""

    ns: int
    """Since 1970."""
    s: float
    """Of the clock that only goes forward."""


class Aggregator:
    """Groups of series; the one without spans for longest comes first."""

    def __init__(self, config: SpanMetricsConfig, weights: Weights, writer: Writer) -> None:
        self.groups: OrderedDict[bytes, Group] = OrderedDict()
        self.evicted: list[tuple[bytes, Group]] = []
        """Those that went beyond the limit of groups since the last flush."""
        self._config, self._weights, self._writer = config, weights, writer
        self._calls = Chosen((*config.dimensions, *config.calls_dimensions))
        self._durations = Chosen((*config.dimensions, *config.histogram.dimensions))
        self._events = Chosen((*config.dimensions, *config.events.dimensions))
        self._same_keys = config.calls_dimensions == config.histogram.dimensions
        excluded = config.exclude_dimensions
        self._with_name, self._with_kind = SPAN_NAME not in excluded, SPAN_KIND not in excluded
        self._with_code = STATUS_CODE not in excluded
        self._with_service = SERVICE_NAME not in excluded
        self._unit_ns = UNITS_NS[config.histogram.unit]
        self._make_histogram = _histograms(config)

    def add(self, message: Any, now_ns: int, now_s: float) -> int:
        """Count the spans of a request.

        Returns:
            How many were passed over, since their resource has no service.name.
        """
        moment, skipped = _Moment(now_ns, now_s), 0
        scopes = self._config.include_instrumentation_scope
        for entry in message.resource_spans:
            service = service_name(entry.resource)
            if service is None:
                skipped += sum(len(scope.spans) for scope in entry.scope_spans)
                continue
            group = self._group(entry.resource, service, now_s)
            for scope in entry.scope_spans:
                name = scope.scope.name
                version = (name, scope.scope.version) if name and name in scopes else _NO_SCOPE
                self._add_spans(group, entry.resource, scope.spans, version, moment)
        return skipped

    def _add_spans(
        self, group: Group, resource: Resource, spans: Any, scope: Scope, moment: _Moment
    ) -> None:
        """Count the spans of a scope. The one loop over all spans: written for speed."""
        config, unit_ns, now_ns, now_s = self._config, self._unit_ns, moment.ns, moment.s
        calls, durations = group.calls.series, group.durations.series
        chosen, other = self._calls, self._durations
        known = chosen.known(resource.attributes)
        other_known = known if self._same_keys else other.known(resource.attributes)
        has_chosen, same_keys = bool(chosen), self._same_keys
        with_name, with_kind, with_code = self._with_name, self._with_kind, self._with_code
        histograms, with_events = not config.histogram.disable, config.events.enabled
        most = config.exemplars.max_per_data_point if config.exemplars.enabled else 0
        methods = config.enable_metrics_sampling_method
        for span in spans:
            start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
            duration = (end_ns - start_ns) / unit_ns if end_ns > start_ns else 0.0
            weight, adjusted = 1, False
            if state := span.trace_state:
                weight, adjusted = self._weights.of(state)
            name = span.name if with_name else ""
            kind = span.kind if with_kind else 0
            code = span.status.code if with_code else 0
            method = ("extrapolated" if adjusted else "counted") if methods else ""
            values = chosen.of_span(span.attributes, known) if has_chosen else ()
            key: Key = (name, kind, code, scope, method, values)
            series = calls.get(key) or group.calls.make(key, now_ns)
            series.count += weight
            series.seen_s = now_s
            if most:
                series.add_exemplar(span, duration, most)
            if histograms:
                if not same_keys:
                    key = (*key[:-1], other.of_span(span.attributes, other_known))
                series = durations.get(key) or group.durations.make(key, now_ns)
                series.histogram.observe(duration, weight)  # type: ignore[union-attr] # its table makes one
                series.seen_s = now_s
                if most:
                    series.add_exemplar(span, duration, most)
            if with_events and span.events:
                for event_key in self._event_keys(span, resource, key):
                    series = group.events.series.get(event_key) or group.events.make(
                        event_key, now_ns
                    )
                    series.count += weight
                    series.seen_s = now_s
                    if most:
                        series.add_exemplar(span, duration, most)

    def _event_keys(self, span: Any, resource: Resource, key: Key) -> Iterator[Key]:
        for event in span.events:
            known: Known = self._events.known(resource.attributes, event.attributes)
            yield (*key[:-1], self._events.of_span(span.attributes, known))

    def _group(self, resource: Resource, service: str, now_s: float) -> Group:
        key = self._identity(resource, service)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = self._new_group(resource, service)
            if len(self.groups) > self._config.resource_metrics_cache_size:
                self.evicted.append(self.groups.popitem(last=False))
        else:
            self.groups.move_to_end(key)
        group.seen_s = now_s
        return group

    def _identity(self, resource: Resource, service: str) -> bytes:
        """What makes a resource's points those of one stream: what is written with them."""
        if not self._config.add_resource_attributes:
            return service.encode() if self._with_service else b""
        wanted = self._config.resource_metrics_key_attributes
        return b"\0".join(
            sorted(
                pair.SerializeToString()
                for pair in resource.attributes
                if not wanted or pair.key in wanted
            )
        )

    def _new_group(self, resource: Resource, service: str) -> Group:
        config, own = self._config, Resource()
        if config.add_resource_attributes:
            own.CopyFrom(resource)
        named = not config.add_resource_attributes and self._with_service
        make = partial(
            Table,
            limit=config.aggregation_cardinality_limit,
            attributes=partial(self._writer.attributes, service),
            overflow=partial(self._writer.overflow, service if named else ""),
            exemplars=config.exemplars.enabled,
        )
        return Group(
            own,
            make(self._calls),
            make(self._durations, histogram=self._make_histogram),
            make(self._events),
        )


def _histograms(config: SpanMetricsConfig) -> MakeHistogram:
    histogram = config.histogram
    if histogram.exponential is not None:
        return partial(ExponentialHistogram, histogram.exponential.max_size)
    bounds_s = histogram.explicit.buckets if histogram.explicit else None
    per_second = 1e9 / UNITS_NS[histogram.unit]
    scaled = [_exact(bound * per_second) for bound in bounds_s or DEFAULT_BOUNDS_S]
    return partial(ExplicitHistogram, tuple(scaled))


def _exact(bound: float) -> float:
    """Without the noise that binary fractions get by multiplying: 4.0, not 4.000000000000001."""
    return float(f"{bound:.12g}")
