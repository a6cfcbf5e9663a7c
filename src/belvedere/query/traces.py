"""A trace by its id, as OTLP: from rows of `otel_traces` back to resources, scopes and spans.

The table holds attribute values as text, as the official ClickHouse exporter does, so they come
back as strings. Columns that only Belvedere's table has (see `store/migrations`) may be missing:
another Collector may have made the table.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import (
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
    TracesData,
)

from belvedere.query.rows import rows
from belvedere.store.database import Database, QueryLimits

_LIMITS: Final = QueryLimits(result_rows=200_000, result_bytes=256 << 20)
_TRACE_ID: Final = re.compile(r"[0-9a-f]{1,32}")

_KINDS: Final = {
    "Internal": Span.SPAN_KIND_INTERNAL,
    "Server": Span.SPAN_KIND_SERVER,
    "Client": Span.SPAN_KIND_CLIENT,
    "Producer": Span.SPAN_KIND_PRODUCER,
    "Consumer": Span.SPAN_KIND_CONSUMER,
}
_STATUSES: Final = {"Ok": Status.STATUS_CODE_OK, "Error": Status.STATUS_CODE_ERROR}
_DEFAULTS: Final[Mapping[str, Any]] = {
    "SpanFlags": 0,
    "ScopeAttributes": {},
    "ResourceSchemaUrl": "",
    "ScopeSchemaUrl": "",
    "DroppedAttributesCount": 0,
    "DroppedEventsCount": 0,
    "DroppedLinksCount": 0,
}
"""Columns that a table made by another Collector has not."""

_BOUNDS: Final = """
SELECT min(Start) AS start_s, max(End) AS end_s, count() AS entries
FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String}
"""
_SPANS: Final = """
SELECT * REPLACE (
    toUnixTimestamp64Nano(spans.Timestamp) AS Timestamp,
    arrayMap(time -> toUnixTimestamp64Nano(time), spans.Events.Timestamp) AS `Events.Timestamp`)
FROM otel_traces AS spans
WHERE spans.TraceId = {trace_id:String}
"""
_FROM: Final = " AND spans.Timestamp >= toDateTime64({start_s:Int64}, 9)"
_TO: Final = " AND spans.Timestamp < toDateTime64({end_s:Int64} + 1, 9)"
_IN_ORDER: Final = " ORDER BY spans.Timestamp"
_MAX_UINT64: Final = (1 << 64) - 1


def normalized_trace_id(text: str) -> str:
    """A trace id as it is stored: 32 lower-case hexadecimal digits, padded with zeros.

    Raises:
        ValueError: it is none; the message is fit for a user.
    """
    trace_id = text.strip().lower()
    if not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"{text!r} is no trace id: it takes 1 to 32 hexadecimal digits")
    return trace_id.zfill(32)


def trace_by_id(
    db: Database,
    trace_id: str,
    *,
    project: str = "default",
    start_s: int | None = None,
    end_s: int | None = None,
) -> TracesData | None:
    """All spans of a trace, by resource and scope, in the order of their start.

    Args:
        db: the store.
        trace_id: 32 lower-case hexadecimal digits.
        project: whose trace.
        start_s: look only at spans that began then or later, in seconds since 1970.
        end_s: look only at spans that began then or earlier, in seconds since 1970.

    Returns:
        None: there is no such trace.

    Raises:
        QueryTooLarge: it has more spans than an answer may hold.
        QueryError: the project has no tables.
        StoreUnavailable: the database cannot be reached.
    """
    bounds = db.query(_BOUNDS, {"trace_id": trace_id}, database=project).to_pylist()[0]
    if not bounds["entries"]:
        return None
    first_s, last_s = bounds["start_s"], bounds["end_s"]
    close = (max(first_s, start_s or first_s), min(last_s, end_s or last_s))
    # A DateTime ends in 2106: the bounds of a trace with absurd times are wrong.
    for begin_s, finish_s in (close, (start_s, end_s)):
        sql = _SPANS + (begin_s is not None) * _FROM + (finish_s is not None) * _TO + _IN_ORDER
        params = {"trace_id": trace_id, "start_s": begin_s, "end_s": finish_s}
        table = db.query(sql, params, database=project, limits=_LIMITS)
        if table.num_rows:
            return _traces_data(rows(table))
    return None


def _traces_data(spans: Iterable[Mapping[str, Any]]) -> TracesData:
    data = TracesData()
    resources: dict[Any, ResourceSpans] = {}
    scopes: dict[Any, ScopeSpans] = {}
    for row in spans:
        span = {**_DEFAULTS, **row}
        resource_key = (span["ResourceSchemaUrl"], *span["ResourceAttributes"].items())
        resource = resources.get(resource_key)
        if resource is None:
            resource = resources[resource_key] = data.resource_spans.add(
                schema_url=span["ResourceSchemaUrl"]
            )
            resource.resource.attributes.extend(_attributes(span["ResourceAttributes"]))
        identity = (span["ScopeName"], span["ScopeVersion"], span["ScopeSchemaUrl"])
        scope_key = (resource_key, identity, *span["ScopeAttributes"].items())
        scope = scopes.get(scope_key)
        if scope is None:
            scope = scopes[scope_key] = resource.scope_spans.add(schema_url=identity[2])
            if any(identity[:2]) or span["ScopeAttributes"]:
                scope.scope.name, scope.scope.version = identity[:2]
                scope.scope.attributes.extend(_attributes(span["ScopeAttributes"]))
        _fill(scope.spans.add(), span)
    return data


def _fill(span: Span, row: Mapping[str, Any]) -> None:
    span.trace_id = bytes.fromhex(row["TraceId"])
    span.span_id = bytes.fromhex(row["SpanId"])
    span.parent_span_id = bytes.fromhex(row["ParentSpanId"])
    span.trace_state = row["TraceState"]
    span.flags = row["SpanFlags"]
    span.name = row["SpanName"]
    span.kind = _KINDS.get(row["SpanKind"], Span.SPAN_KIND_UNSPECIFIED)
    span.start_time_unix_nano = max(0, row["Timestamp"])
    span.end_time_unix_nano = min(max(0, row["Timestamp"]) + row["Duration"], _MAX_UINT64)
    span.attributes.extend(_attributes(row["SpanAttributes"]))
    span.dropped_attributes_count = row["DroppedAttributesCount"]
    span.dropped_events_count = row["DroppedEventsCount"]
    span.dropped_links_count = row["DroppedLinksCount"]
    if row["StatusCode"] != "Unset" or row["StatusMessage"]:
        span.status.code = _STATUSES.get(row["StatusCode"], Status.STATUS_CODE_UNSET)
        span.status.message = row["StatusMessage"]
    for time_ns, name, attributes in zip(
        row["Events.Timestamp"], row["Events.Name"], row["Events.Attributes"], strict=True
    ):
        span.events.add(time_unix_nano=time_ns, name=name, attributes=_attributes(attributes))
    for trace_id, span_id, trace_state, attributes in zip(
        row["Links.TraceId"],
        row["Links.SpanId"],
        row["Links.TraceState"],
        row["Links.Attributes"],
        strict=True,
    ):
        span.links.add(
            trace_id=bytes.fromhex(trace_id),
            span_id=bytes.fromhex(span_id),
            trace_state=trace_state,
            attributes=_attributes(attributes),
        )


def _attributes(texts: Mapping[str, str]) -> list[KeyValue]:
    attributes = []
    for key, value in texts.items():
        attribute = KeyValue(key=key)
        attribute.value.string_value = value
        attributes.append(attribute)
    return attributes
