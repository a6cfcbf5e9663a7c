"""The stock OpenTelemetry SDK exports to a real `belvedere up`; every field is read back."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from running_server import RunningServer

RESOURCE = Resource(
    {"service.name": "shop", "service.namespace": "ns", "service.instance.id": "i-1", "cpus": 4},
    schema_url="https://example.org/resource",
)
NOW_NS = time.time_ns()
DELTA = dict.fromkeys((Counter, UpDownCounter, Histogram), AggregationTemporality.DELTA)


@pytest.fixture(scope="module", params=["grpc", "http", "http with gzip"])
def exporters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A server, and exporters to it; one server for the tests of a protocol."""
    server = RunningServer(tmp_path_factory.mktemp("e2e") / "data")
    if request.param == "grpc":
        options = {"endpoint": f"http://{server.grpc}", "insecure": True}
        kinds = {"traces": GrpcSpans, "metrics": GrpcMetrics, "logs": GrpcLogs}
        made = {signal: lambda c=c, **o: c(**options, **o) for signal, c in kinds.items()}
    else:
        gzip = Compression.Gzip if "gzip" in request.param else Compression.NoCompression
        kinds = {"traces": HttpSpans, "metrics": HttpMetrics, "logs": HttpLogs}
        made = {
            signal: lambda c=c, signal=signal, **o: c(
                endpoint=f"{server.http}/v1/{signal}", compression=gzip, **o
            )
            for signal, c in kinds.items()
        }
    yield {"server": server, **made}
    server.kill()


def arrived(count: int) -> Callable[[list], bool]:
    return lambda rows: len(rows) >= count


def test_a_trace(exporters: dict[str, Any]) -> None:
    server = exporters["server"]
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporters["traces"]()))
    tracer = provider.get_tracer("lib", "1.0", "https://example.org/scope", {"scope.key": "s"})
    with tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER) as parent:
        link = Link(parent.get_span_context(), {"why": "cause"})
        with tracer.start_as_current_span("query", kind=SpanKind.CLIENT, links=[link]) as child:
            child.set_attributes(
                {
                    "text": "ünï",
                    "flag": True,
                    "n": -7,
                    "f": 0.25,
                    "list": ["a", "b"],
                    "nums": [1, 2],
                }
            )
            child.add_event("retry", {"attempt": 2})
            child.set_status(Status(StatusCode.ERROR, "timeout"))
    provider.shutdown()

    trace_id = format(parent.get_span_context().trace_id, "032x")
    query, get = server.rows_when(
        "SELECT * FROM otel_traces WHERE TraceId = {trace:String} ORDER BY SpanKind",
        arrived(2),
        trace=trace_id,
    )
    assert get["SpanName"] == "GET /cart"
    assert query["ParentSpanId"] == get["SpanId"]
    assert query["SpanId"] == format(child.get_span_context().span_id, "016x")
    assert (query["SpanKind"], get["SpanKind"]) == ("Client", "Server")
    assert (query["StatusCode"], query["StatusMessage"]) == ("Error", "timeout")
    assert query["SpanAttributes"] == {
        "text": "ünï",
        "flag": "true",
        "n": "-7",
        "f": "0.25",
        "list": '["a","b"]',
        "nums": "[1,2]",
    }
    assert query["Duration"] == child.end_time - child.start_time
    assert (query["Events.Name"], query["Events.Attributes"]) == (["retry"], [{"attempt": "2"}])
    assert query["Links.SpanId"] == [get["SpanId"]]
    assert query["Links.Attributes"] == [{"why": "cause"}]
    assert query["ServiceName"] == "shop"
    assert query["ResourceAttributes"]["cpus"] == "4"
    assert query["ResourceSchemaUrl"] == "https://example.org/resource"
    assert (query["ScopeName"], query["ScopeVersion"]) == ("lib", "1.0")
    assert query["ScopeSchemaUrl"] == "https://example.org/scope"
    assert query["ScopeAttributes"] == {"scope.key": "s"}


def test_log_records(exporters: dict[str, Any]) -> None:
    server = exporters["server"]
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporters["logs"]()))
    logger = provider.get_logger("loglib", "2.0", "https://example.org/logs", {"l": "m"})
    record = LogRecord(
        timestamp=NOW_NS,
        observed_timestamp=NOW_NS + 1,
        severity_text="WARN",
        severity_number=SeverityNumber.WARN,
        body={"order": 7, "items": ["a"]},
        attributes={"k": "v", "n": 1},
        event_name="order.late",
    )
    logger.emit(record)
    provider.shutdown()

    (row,) = server.rows_when(
        "SELECT *, toUnixTimestamp64Nano(Timestamp) AS ns,"
        " toUnixTimestamp64Nano(ObservedTimestamp) AS observed_ns"
        " FROM otel_logs WHERE EventName = 'order.late'",
        arrived(1),
    )
    assert (int(row["ns"]), int(row["observed_ns"])) == (NOW_NS, NOW_NS + 1)
    assert (row["SeverityText"], row["SeverityNumber"]) == ("WARN", 13)
    assert row["Body"] == '{"items":["a"],"order":7}'
    assert row["LogAttributes"] == {"k": "v", "n": "1"}
    assert (row["ServiceName"], row["ScopeName"], row["ScopeVersion"]) == ("shop", "loglib", "2.0")
    assert row["ScopeAttributes"] == {"l": "m"}


@pytest.mark.parametrize("temporality", [{}, DELTA], ids=["cumulative", "delta"])
def test_metrics(exporters: dict[str, Any], temporality: dict, request: Any) -> None:
    server = exporters["server"]
    suffix = request.node.callspec.id.rpartition("-")[2]
    exporter = exporters["metrics"](preferred_temporality=temporality)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    views = [
        View(
            instrument_name=f"sizes.{suffix}",
            aggregation=ExponentialBucketHistogramAggregation(max_scale=3),
        )
    ]
    provider = MeterProvider([reader], resource=RESOURCE, views=views)
    meter = provider.get_meter("meterlib", "3.0")
    requests = meter.create_counter(f"http.requests.{suffix}", unit="{request}", description="Help")
    active = meter.create_up_down_counter(f"active.{suffix}")
    seconds = meter.create_histogram(
        f"http.duration.{suffix}", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
    )
    sizes = meter.create_histogram(f"sizes.{suffix}", unit="By")
    meter.create_observable_gauge(f"load.{suffix}", [lambda _: [_observation(0.5)]])
    for _ in range(2):  # two exports: sums go on, whatever the temporality
        requests.add(3, {"http.method": "GET"})
        active.add(2)
        for value in (0.05, 0.5, 5):
            seconds.record(value)
            sizes.record(value)
        assert provider.force_flush()
    provider.shutdown()

    rows = server.rows_when(
        "SELECT any(s.name) AS name, any(s.labels) AS labels, any(s.type) AS type,"
        " argMax(p.value, p.timestamp) AS value"
        " FROM metric_samples AS p ANY LEFT JOIN metric_series AS s USING fingerprint"
        " WHERE s.name LIKE {like:String} GROUP BY fingerprint",
        lambda rows: (
            {f"http_requests_{suffix}_total", f"load_{suffix}"} <= {r["name"] for r in rows}
            and any(r["value"] == 6 for r in rows if r["name"] == f"http_requests_{suffix}_total")
        ),
        like=f"%{suffix}%",
    )
    values = {
        (row["name"].replace(f"_{suffix}", ""), row["labels"].get("le", "")): row["value"]
        for row in rows
    }
    assert values == {
        ("http_requests_total", ""): 6,
        ("active", ""): 4,
        ("load", ""): 0.5,
        ("http_duration_seconds_bucket", "0.1"): 2,
        ("http_duration_seconds_bucket", "1"): 4,
        ("http_duration_seconds_bucket", "+Inf"): 6,
        ("http_duration_seconds_sum", ""): pytest.approx(11.1),
        ("http_duration_seconds_count", ""): 6,
    }
    labels = next(r["labels"] for r in rows if r["name"].startswith("http_requests"))
    assert labels["http_method"] == "GET"
    assert (labels["job"], labels["instance"]) == ("ns/shop", "i-1")
    assert (labels["otel_scope_name"], labels["otel_scope_version"]) == ("meterlib", "3.0")
    (native,) = server.sql(
        "SELECT argMax(h.count, h.timestamp) AS count, argMax(h.sum, h.timestamp) AS sum"
        " FROM metric_histograms AS h ANY LEFT JOIN metric_series AS s USING fingerprint"
        " WHERE s.name = {name:String}",
        name=f"sizes_{suffix}_bytes",
    )
    assert (native["count"], native["sum"]) == (6, pytest.approx(11.1))
    (info,) = server.sql(
        "SELECT any(labels) AS labels FROM metric_series WHERE name = 'target_info'"
    )
    assert info["labels"]["cpus"] == "4"


def _observation(value: float) -> Any:
    from opentelemetry.metrics import Observation

    return Observation(value)


def test_nothing_was_said_on_standard_error(exporters: dict[str, Any]) -> None:
    """Runs last: all of the above went through without a warning of the server's."""
    logging.shutdown()
    code, errors = exporters["server"].stop()
    assert (code, errors) == (0, "")
