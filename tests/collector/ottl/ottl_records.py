"""Records for the tests of OTTL, and short ways to run texts on them."""

from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from belvedere.collector import ottl
from belvedere.collector.ottl import Context, Record
from belvedere.collector.ottl.compile import Compiler
from belvedere.collector.ottl.functions.editors import EDITORS
from belvedere.collector.ottl.parse import parse_condition
from belvedere.collector.ottl.program import _all_converters
from belvedere.collector.ottl.values import write, write_map

ATTRIBUTES = {
    "text": "value",
    "int": 5,
    "double": 1.5,
    "bool": True,
    "bytes": b"\x01\xff",
    "list": ["a", 2, {"k": "v"}],
    "map": {"inner": {"deep": "down"}, "n": 1},
    "empty": None,
}


def span_record(**attributes: Any) -> Record:
    resource, scope = ResourceSpans(schema_url="r-url"), ScopeSpans(schema_url="s-url")
    write_map(resource.resource.attributes, {"service.name": "shop"})
    scope.scope.name, scope.scope.version = "lib", "1.2"
    span = Span(
        name="GET /",
        kind=Span.SPAN_KIND_SERVER,
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        trace_state="a=1,b=2",
        start_time_unix_nano=1_000_000_000,
        end_time_unix_nano=3_500_000_000,
    )
    span.status.code, span.status.message = 2, "broken"
    write_map(span.attributes, attributes or ATTRIBUTES)
    event = span.events.add(name="exception", time_unix_nano=2_000_000_000)
    write_map(event.attributes, {"e": 1})
    return Record(resource=resource, scope=scope, span=span, spanevent=event)


def log_record(body: Any = "line", **attributes: Any) -> Record:
    record = Record(resource=ResourceLogs(), scope=ScopeLogs(), log=LogRecord())
    record.log.severity_number, record.log.severity_text = 9, "INFO"
    write_map(record.log.attributes, attributes)
    write(record.log.body, body)
    return record


def metric_record(kind: str = "sum") -> Record:
    metric = Metric(name="requests", unit="1", description="all")
    data = getattr(metric, kind)
    data.SetInParent()
    point = data.data_points.add(time_unix_nano=7)
    write_map(point.attributes, {"host": "a"})
    if kind in {"gauge", "sum"}:
        point.as_int = 3
    if hasattr(data, "aggregation_temporality"):
        data.aggregation_temporality = 2
    return Record(
        resource=ResourceMetrics(),
        scope=ScopeMetrics(metrics=[metric]),
        metric=metric,
        datapoint=point,
    )


def value_of(text: str, record: Record, context: Context = Context.SPAN) -> Any:
    """What an expression gives for a record."""
    compiler = Compiler(text, context, EDITORS, _all_converters(None))
    return compiler.value(parse_condition(text)).get(record)


def run(text: str, record: Record, context: Context = Context.SPAN) -> bool:
    return ottl.statement(text, context)(record)
