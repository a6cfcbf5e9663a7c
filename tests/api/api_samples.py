"""A little telemetry, and a client of the API in this process."""

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.api.app import create_app
from belvedere.api.state import AppState

TRACE_ID = "00000000000000000af7651916cd43dd"
T0_NS = 1_760_000_000_000_000_000


def trace_request(body: str = "GET /") -> ExportTraceServiceRequest:
    """One server span with a child."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "gateway"
    spans = resource.scope_spans.add().spans
    spans.add(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=b"\1" * 8,
        name=body,
        kind=2,
        start_time_unix_nano=T0_NS,
        end_time_unix_nano=T0_NS + 5_000_000,
    )
    spans.add(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=b"\2" * 8,
        parent_span_id=b"\1" * 8,
        name="child",
        start_time_unix_nano=T0_NS + 1_000_000,
        end_time_unix_nano=T0_NS + 2_000_000,
    )
    return request


def log_request(body: str) -> ExportLogsServiceRequest:
    """One log line."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(
        time_unix_nano=T0_NS, severity_text="INFO", severity_number=9
    ).body.string_value = body
    return request


def client(state: AppState) -> httpx.AsyncClient:
    """A client that calls the application in this process."""
    transport = httpx.ASGITransport(create_app(state), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://belvedere")
