"""From a batch to the rows of the official tables, each a line of JSON.

Values and their text are those of the official exporter: attributes as `AsString`, ids in
hexadecimal, kinds and status codes by name.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from belvedere.otlp.any_value import text_of
from belvedere.otlp.signal import Signal

_LAST_NS: Final = (1 << 63) - 1
"""In the year 2262: the last time that DateTime64(9) can hold."""

_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_CODES: Final = ("Unset", "Ok", "Error")

Row = tuple[str, dict[str, Any]]
"""What the row is of (traces, logs, gauge, ...), and its columns."""


def rows_of(signal: Signal, message: Any) -> Iterator[Row]:
    """The rows of a request."""
    return _ROWS[signal](message)


def lines(rows: Iterable[Row]) -> dict[str, bytes]:
    """The rows of each table, as JSONEachRow."""
    found: dict[str, list[bytes]] = {}
    for table, columns in rows:
        found.setdefault(table, []).append(orjson.dumps(columns))
    return {table: b"\n".join(each) for table, each in found.items()}


def _traces(message: Any) -> Iterator[Row]:
    for spans, scope_spans in _scopes(message.resource_spans, "scope_spans"):
        scope = scope_spans.scope
        common = spans | {"ScopeName": scope.name, "ScopeVersion": scope.version}
        for span in scope_spans.spans:
            yield (
                "traces",
                common
                | {
                    "Timestamp": _time(span.start_time_unix_nano),
                    "TraceId": _id(span.trace_id),
                    "SpanId": _id(span.span_id),
                    "ParentSpanId": _id(span.parent_span_id),
                    "TraceState": span.trace_state,
                    "SpanName": span.name,
                    "SpanKind": _named(_KINDS, span.kind),
                    "SpanAttributes": _map(span.attributes),
                    "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
                    "StatusCode": _named(_CODES, span.status.code),
                    "StatusMessage": span.status.message,
                    "Events.Timestamp": [_time(each.time_unix_nano) for each in span.events],
                    "Events.Name": [each.name for each in span.events],
                    "Events.Attributes": [_map(each.attributes) for each in span.events],
                    "Links.TraceId": [_id(each.trace_id) for each in span.links],
                    "Links.SpanId": [_id(each.span_id) for each in span.links],
                    "Links.TraceState": [each.trace_state for each in span.links],
                    "Links.Attributes": [_map(each.attributes) for each in span.links],
                },
            )


def _logs(message: Any) -> Iterator[Row]:
    for resource, scope_logs in _scopes(message.resource_logs, "scope_logs", schema=True):
        common = resource | _scope(scope_logs)
        for record in scope_logs.log_records:
            yield (
                "logs",
                common
                | {
                    "Timestamp": _time(record.time_unix_nano or record.observed_time_unix_nano),
                    "TraceId": _id(record.trace_id),
                    "SpanId": _id(record.span_id),
                    "TraceFlags": record.flags & 0xFF,
                    "SeverityText": record.severity_text,
                    "SeverityNumber": min(max(record.severity_number, 0), 255),
                    "Body": text_of(record.body),
                    "LogAttributes": _map(record.attributes),
                    "EventName": record.event_name,
                },
            )


def _metrics(message: Any) -> Iterator[Row]:
    for resource, scope_metrics in _scopes(message.resource_metrics, "scope_metrics", schema=True):
        dropped = scope_metrics.scope.dropped_attributes_count
        common = resource | _scope(scope_metrics) | {"ScopeDroppedAttrCount": dropped}
        for metric in scope_metrics.metrics:
            kind = metric.WhichOneof("data")
            if kind is None:
                continue
            data = getattr(metric, kind)
            named = common | {
                "MetricName": metric.name,
                "MetricDescription": metric.description,
                "MetricUnit": metric.unit,
            }
            for point in data.data_points:
                own = {
                    "Attributes": _map(point.attributes),
                    "StartTimeUnix": _time(point.start_time_unix_nano),
                    "TimeUnix": _time(point.time_unix_nano),
                    "Flags": point.flags,
                }
                yield kind, named | own | _POINTS[kind](data, point)


def _number(_data: Any, point: Any) -> dict[str, Any]:
    value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
    return {"Value": _float(value)} | _exemplars(point)


def _sum(data: Any, point: Any) -> dict[str, Any]:
    return _number(data, point) | {
        "AggregationTemporality": data.aggregation_temporality,
        "IsMonotonic": data.is_monotonic,
    }


def _summary(_data: Any, point: Any) -> dict[str, Any]:
    return {
        "Count": point.count,
        "Sum": _float(point.sum),
        "ValueAtQuantiles.Quantile": [_float(each.quantile) for each in point.quantile_values],
        "ValueAtQuantiles.Value": [_float(each.value) for each in point.quantile_values],
    }


def _distribution(data: Any, point: Any) -> dict[str, Any]:
    return {
        "Count": point.count,
        "Sum": _float(point.sum),
        "Min": _float(point.min),
        "Max": _float(point.max),
        "AggregationTemporality": data.aggregation_temporality,
    } | _exemplars(point)


def _histogram(data: Any, point: Any) -> dict[str, Any]:
    return _distribution(data, point) | {
        "BucketCounts": list(point.bucket_counts),
        "ExplicitBounds": [_float(bound) for bound in point.explicit_bounds],
    }


def _exponential(data: Any, point: Any) -> dict[str, Any]:
    return _distribution(data, point) | {
        "Scale": point.scale,
        "ZeroCount": point.zero_count,
        "PositiveOffset": point.positive.offset,
        "PositiveBucketCounts": list(point.positive.bucket_counts),
        "NegativeOffset": point.negative.offset,
        "NegativeBucketCounts": list(point.negative.bucket_counts),
    }


_POINTS: Final[Mapping[str, Callable[[Any, Any], dict[str, Any]]]] = {
    "gauge": _number,
    "sum": _sum,
    "summary": _summary,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
}
_ROWS: Final[Mapping[Signal, Callable[[Any], Iterator[Row]]]] = {
    Signal.TRACES: _traces,
    Signal.LOGS: _logs,
    Signal.METRICS: _metrics,
}


def _exemplars(point: Any) -> dict[str, Any]:
    each = point.exemplars
    return {
        "Exemplars.FilteredAttributes": [_map(one.filtered_attributes) for one in each],
        "Exemplars.TimeUnix": [_time(one.time_unix_nano) for one in each],
        "Exemplars.Value": [
            _float(one.as_int if one.WhichOneof("value") == "as_int" else one.as_double)
            for one in each
        ],
        "Exemplars.SpanId": [_id(one.span_id) for one in each],
        "Exemplars.TraceId": [_id(one.trace_id) for one in each],
    }


def _scopes(
    resources: Iterable[Any], scopes: str, *, schema: bool = False
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each scope with the columns of its resource, whose attributes are written once."""
    for each in resources:
        attributes = _map(each.resource.attributes)
        columns = {
            "ServiceName": attributes.get("service.name", ""),
            "ResourceAttributes": orjson.Fragment(orjson.dumps(attributes)),
        }
        if schema:
            columns["ResourceSchemaUrl"] = each.schema_url
        for scope in getattr(each, scopes):
            yield columns, scope


def _scope(each: Any) -> dict[str, Any]:
    return {
        "ScopeName": each.scope.name,
        "ScopeVersion": each.scope.version,
        "ScopeAttributes": orjson.Fragment(orjson.dumps(_map(each.scope.attributes))),
        "ScopeSchemaUrl": each.schema_url,
    }


def _map(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: text_of(pair.value) for pair in attributes}


def _id(octets: bytes) -> str:
    return octets.hex() if any(octets) else ""


def _time(unix_nano: int) -> str:
    """Ten digits of seconds, as ClickHouse knows a Unix time by, and nine of its fraction."""
    seconds, rest = divmod(min(unix_nano, _LAST_NS), 1_000_000_000)
    return f"{seconds:010d}.{rest:09d}"


def _float(number: float) -> float | str:
    return number if math.isfinite(number) else str(float(number))


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0]
