"""The spans of one trace, as they are held and as policies see them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.otlp.batch import Batch


@dataclass(slots=True)
class Part:
    """Some spans of one trace: a serialized request."""

    data: bytes
    spans: int


def parts_of(batch: Batch) -> dict[bytes, Part]:
    """A batch of spans, by trace id. A batch of one trace is not written anew."""
    requests: dict[bytes, ExportTraceServiceRequest] = {}
    counts: dict[bytes, int] = {}
    message: Any = batch.message
    for entry in message.resource_spans:
        in_entry: dict[bytes, Any] = {}
        for scope in entry.scope_spans:
            by_trace: dict[bytes, list[Any]] = {}
            for span in scope.spans:
                by_trace.setdefault(span.trace_id, []).append(span)
            for trace_id, spans in by_trace.items():
                target = in_entry.get(trace_id)
                if target is None:
                    request = requests.setdefault(trace_id, ExportTraceServiceRequest())
                    target = request.resource_spans.add(schema_url=entry.schema_url)
                    if entry.HasField("resource"):
                        target.resource.CopyFrom(entry.resource)
                    in_entry[trace_id] = target
                inner = target.scope_spans.add(schema_url=scope.schema_url, spans=spans)
                if scope.HasField("scope"):
                    inner.scope.CopyFrom(scope.scope)
                counts[trace_id] = counts.get(trace_id, 0) + len(spans)
    if len(requests) == 1:
        return {trace_id: Part(batch.data, batch.items) for trace_id in requests}
    return {
        trace_id: Part(request.SerializeToString(), counts[trace_id])
        for trace_id, request in requests.items()
    }


@dataclass
class Trace:
    """A trace that is held until its decision."""

    trace_id: bytes
    arrival_s: float
    """When its first span came, by the processor's clock."""
    data: list[bytes] = field(default_factory=list)
    span_count: int = 0

    def add(self, part: Part) -> None:
        self.data.append(part.data)
        self.span_count += part.spans

    @cached_property
    def request(self) -> ExportTraceServiceRequest:
        """All of it, parsed for the policies. Nothing is added after that."""
        return ExportTraceServiceRequest.FromString(b"".join(self.data))

    @property
    def size_bytes(self) -> int:
        """As a serialized request."""
        return sum(map(len, self.data))

    @property
    def resources(self) -> Iterator[Any]:
        return (entry.resource for entry in self.request.resource_spans)

    @property
    def spans(self) -> Iterator[Any]:
        for entry in self.request.resource_spans:
            for scope in entry.scope_spans:
                yield from scope.spans
