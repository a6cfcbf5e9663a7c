"""The exporters of the OpenTelemetry SDK, as applications use them."""

import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_doors import Doors

from belvedere.otlp.signal import Signal

RESOURCE = Resource.create({"service.name": "shop"})

Exporters = Callable[[str], Any]


@pytest.fixture(params=["grpc", "grpc-gzip", "grpc-deflate", "http", "http-gzip", "http-deflate"])
def exporter(request: pytest.FixtureRequest, doors: Doors) -> Exporters:
    """Makes exporters of one transport and compression."""
    transport, _, compression = str(request.param).partition("-")
    if transport == "grpc":
        options = {
            "endpoint": f"localhost:{doors.grpc_port}",
            "insecure": True,
            "compression": {
                "": grpc.Compression.NoCompression,
                "gzip": grpc.Compression.Gzip,
                "deflate": grpc.Compression.Deflate,
            }[compression],
        }
        types: dict[str, Any] = {"traces": GrpcSpans, "metrics": GrpcMetrics, "logs": GrpcLogs}
        return lambda signal: types[signal](**options, headers={"x-scope-orgid": "shop"})
    types = {"traces": HttpSpans, "metrics": HttpMetrics, "logs": HttpLogs}
    return lambda signal: types[signal](
        endpoint=f"http://localhost:{doors.http_port}/v1/{signal}",
        compression=Compression(compression or "none"),
        headers={"X-Scope-OrgID": "shop"},
    )


@pytest.mark.usefixtures("no_complaints")
def test_traces(doors: Doors, exporter: Exporters) -> None:
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter("traces")))
    with provider.get_tracer("checkout").start_as_current_span("pay") as span:
        span.set_attribute("items", ["a", "b"])
        span.add_event("charged", {"amount": 5})
    provider.shutdown()
    (batch,) = doors.batches
    assert (batch.signal, batch.items, batch.project) == (Signal.TRACES, 1, "shop")
    message: Any = batch.message
    sent = message.resource_spans[0].scope_spans[0].spans[0]
    assert (sent.name, sent.events[0].name) == ("pay", "charged")
    assert len(sent.attributes[0].value.array_value.values) == 2


@pytest.mark.usefixtures("no_complaints")
def test_metrics(doors: Doors, exporter: Exporters) -> None:
    reader = PeriodicExportingMetricReader(exporter("metrics"), export_interval_millis=1e9)
    provider = MeterProvider([reader], resource=RESOURCE)
    meter = provider.get_meter("checkout")
    meter.create_counter("orders").add(3, {"country": "fr"})
    meter.create_histogram("latency", unit="s").record(0.2)
    provider.shutdown()
    (batch,) = doors.batches
    assert (batch.signal, batch.items, batch.project) == (Signal.METRICS, 2, "shop")
    message: Any = batch.message
    names = [metric.name for metric in message.resource_metrics[0].scope_metrics[0].metrics]
    assert names == ["orders", "latency"]


@pytest.mark.usefixtures("no_complaints")
def test_logs(doors: Doors, exporter: Exporters) -> None:
    provider = LoggerProvider(RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter("logs")))
    provider.get_logger("checkout").emit(
        LogRecord(
            timestamp=5,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body={"what": "refused", "why": ["limit"]},
            attributes={"card": "visa"},
        )
    )
    provider.shutdown()
    (batch,) = doors.batches
    assert (batch.signal, batch.items, batch.project) == (Signal.LOGS, 1, "shop")
    message: Any = batch.message
    sent = message.resource_logs[0].scope_logs[0].log_records[0]
    assert (sent.severity_number, len(sent.body.kvlist_value.values)) == (13, 2)


def test_a_refusal_reaches_the_exporter(
    open_doors: Callable[..., Doors], caplog: pytest.LogCaptureFixture
) -> None:
    doors = open_doors(tokens={"s3cret": "shop"})
    url = f"http://localhost:{doors.http_port}/v1/traces"
    for headers in ({}, {"Authorization": "Bearer s3cret"}):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(HttpSpans(url, headers=headers)))
        provider.get_tracer("t").start_span("s").end()
        provider.shutdown()
    assert [batch.project for batch in doors.batches] == ["shop"]
    assert [each.levelno for each in caplog.records if "401" in each.getMessage()] == [
        logging.ERROR
    ]
