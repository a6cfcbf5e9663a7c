"""An entry: a log record while operators work on it, as plain Python values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


@dataclass(slots=True)
class Entry:
    """What one part of a file says. Values are those of JSON, and bytes."""

    body: Any
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    time_ns: int = 0
    """0: not known."""
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str = ""
    scope_name: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    trace_flags: int = 0
    source: str = ""
    """The file that it comes from, for operators that join entries."""
    offset: int = 0
    """Where in the file its first byte stands."""


def batch_of(entries: Iterable[Entry]) -> Batch:
    """Entries as a batch, in their order within each resource and scope."""
    request = ExportLogsServiceRequest()
    scopes: dict[bytes, Any] = {}
    for entry in entries:
        key = orjson.dumps([entry.resource, entry.scope_name], default=repr)
        scope = scopes.get(key)
        if scope is None:
            resource_logs = request.resource_logs.add()
            _fill(resource_logs.resource.attributes, entry.resource)
            scope = scopes[key] = resource_logs.scope_logs.add()
            scope.scope.name = entry.scope_name
        record = scope.log_records.add(
            time_unix_nano=entry.time_ns,
            observed_time_unix_nano=entry.observed_ns,
            severity_number=entry.severity_number,
            severity_text=entry.severity_text,
            trace_id=entry.trace_id,
            span_id=entry.span_id,
            flags=entry.trace_flags,
        )
        if type(entry.body) is str:
            record.body.string_value = entry.body
        elif entry.body is not None:
            record.body.CopyFrom(any_value(entry.body))
        _fill(record.attributes, entry.attributes)
    return Batch.of(Signal.LOGS, request)


def _fill(into: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if type(value) is str:
            into.add(key=key).value.string_value = value
        else:
            into.add(key=key, value=any_value(value))
