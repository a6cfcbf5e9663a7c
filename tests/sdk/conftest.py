"""A real OTLP receiver over HTTP and gRPC, that remembers what it got."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import serving

REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}


class Receiver:
    """What was received, and how to answer next."""

    def __init__(self) -> None:
        self.requests: dict[str, list[Any]] = {signal: [] for signal in REQUESTS}
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.endpoint = ""
        self.grpc_endpoint = ""
        self.lock = threading.Lock()

    def take(self, signal: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, dict]:
        with self.lock:
            self.headers.append({name.lower(): value for name, value in headers.items()})
            if self.answers:
                answer = self.answers.pop(0)
                if answer[0] != 200:
                    return answer
            else:
                answer = (200, b"", {})
            self.requests[signal].append(REQUESTS[signal].FromString(body))
            return answer

    @property
    def spans(self) -> list[str]:
        return [
            span.name
            for request in list(self.requests["traces"])
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def bodies(self) -> list[str]:
        return [
            record.body.string_value
            for request in list(self.requests["logs"])
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def metric_names(self) -> set[str]:
        return {
            metric.name
            for request in list(self.requests["metrics"])
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def resource(self, signal: str = "traces") -> dict[str, str]:
        resource = getattr(self.requests[signal][-1], f"resource_{_FIELDS[signal]}")[0].resource
        return {item.key: item.value.string_value for item in resource.attributes}


_FIELDS = {"traces": "spans", "metrics": "metrics", "logs": "logs"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An OTLP receiver at `receiver.endpoint` (HTTP) and `receiver.grpc_endpoint`."""
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signal = self.path.rpartition("/")[2]
            status, answer, headers = received.take(signal, body, dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        received.endpoint = url
        yield received


@pytest.fixture
def grpc_receiver(receiver: Receiver) -> Iterator[Receiver]:
    """The same receiver, also over gRPC."""

    def handle(signal: str) -> Any:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            headers = dict(context.invocation_metadata())
            status, answer, _ = receiver.take(signal, body, headers)
            if status != 200:
                context.abort(grpc.StatusCode[answer.decode()], "as the test asked")
            return answer

        return grpc.method_handlers_generic_handler(
            f"opentelemetry.proto.collector.{_SERVICES[signal]}",
            {"Export": grpc.unary_unary_rpc_method_handler(export)},
        )

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([handle(signal) for signal in REQUESTS])
    receiver.grpc_endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield receiver
    server.stop(None).wait()


_SERVICES = {
    "traces": "trace.v1.TraceService",
    "metrics": "metrics.v1.MetricsService",
    "logs": "logs.v1.LogsService",
}
