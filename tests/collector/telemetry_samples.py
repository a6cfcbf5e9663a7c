"""Requests written as plain values, and read back as such. Imported by the tests here."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import points_of, scopes_of
from belvedere.otlp.signal import Signal


def put(attributes: Any, values: Mapping[str, Any]) -> None:
    """Add plain values as attributes."""
    for key, value in values.items():
        attributes.add(key=key, value=any_value(value))


def plain(value: AnyValue) -> Any:
    """The plain Python value of an attribute."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return plain_attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def plain_attributes(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary; no key is there twice."""
    keys = [each.key for each in attributes]
    assert len(set(keys)) == len(keys), keys
    return {each.key: plain(each.value) for each in attributes}


def span(attributes: Mapping[str, Any] | None = None, **fields: Any) -> Any:
    """A span in a request of its own, to be put into `traces`."""
    request = ExportTraceServiceRequest()
    ids = {"trace_id": b"t" * 16, "span_id": b"s" * 8}
    made = request.resource_spans.add().scope_spans.add().spans.add(**(ids | fields))
    put(made.attributes, attributes or {})
    return made


def traces(
    *spans: Any,
    resource: Mapping[str, Any] | None = None,
    scope: tuple[str, str] = ("", ""),
    **of: Any,
) -> Batch:
    """A batch of these spans, in one scope; a mapping stands for a span with these attributes."""
    request = ExportTraceServiceRequest()
    entry = request.resource_spans.add()
    put(entry.resource.attributes, resource or {})
    inner = entry.scope_spans.add()
    inner.scope.name, inner.scope.version = scope
    inner.spans.extend(span(each) if isinstance(each, Mapping) else each for each in spans)
    return Batch.of(Signal.TRACES, request, **of)


def logs(
    *records: Mapping[str, Any],
    resource: Mapping[str, Any] | None = None,
    bodies: tuple[Any, ...] = (),
    **fields: Any,
) -> Batch:
    """A batch of log records with these attributes, in one scope."""
    request = ExportLogsServiceRequest()
    entry = request.resource_logs.add()
    put(entry.resource.attributes, resource or {})
    inner = entry.scope_logs.add()
    for index, attributes in enumerate(records):
        record = inner.log_records.add(**fields)
        put(record.attributes, attributes)
        if index < len(bodies):
            record.body.CopyFrom(any_value(bodies[index]))
    return Batch.of(Signal.LOGS, request)


def gauges(
    *points: Mapping[str, Any], name: str = "m", resource: Mapping[str, Any] | None = None
) -> Batch:
    """A batch of one gauge with points of these attributes."""
    request = ExportMetricsServiceRequest()
    entry = request.resource_metrics.add()
    put(entry.resource.attributes, resource or {})
    metric = entry.scope_metrics.add().metrics.add(name=name)
    for attributes in points:
        put(metric.gauge.data_points.add(as_int=1).attributes, attributes)
    return Batch.of(Signal.METRICS, request)


def items_of(batch: Batch) -> list[Any]:
    """The spans, data points or log records in a batch's bytes."""
    message = batch.signal.request_type.FromString(batch.data)
    records = [each for _, _, records in scopes_of(batch.signal, message) for each in records]
    if batch.signal is Signal.METRICS:
        return [point for metric in records for point in points_of(metric)]
    return records


def attributes_of(batch: Batch) -> list[dict[str, Any]]:
    """The attributes of each item."""
    return [plain_attributes(item.attributes) for item in items_of(batch)]


def resources_of(batch: Batch) -> list[dict[str, Any]]:
    """The attributes of each scope's resource."""
    message = batch.signal.request_type.FromString(batch.data)
    scopes = scopes_of(batch.signal, message)
    return [plain_attributes(entry.resource.attributes) for entry, _, _ in scopes]
