"""`clickhouse` against chDB's HTTP front, which stands in for a ClickHouse server."""

import json
import math
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from collector_samples import batch_of, until
from loki_peer import logs
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_peers import HttpAnswer, HttpPeer, InstantTime, Received
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.clickhouse import ClickHouseExporter
from belvedere.collector.exporters.clickhouse.config import ClickHouseConfig
from belvedere.collector.exporters.clickhouse.schema import statements
from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

DIRECT = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


class Server:
    """A ClickHouse that runs, with a database for each test."""

    def __init__(self, url: str) -> None:
        self.url, self.database = url, ""

    def execute(self, sql: str) -> None:
        httpx.post(self.url, content=sql.format(self.database)).raise_for_status()

    def query(self, sql: str) -> list[dict[str, Any]]:
        text = f"{sql} SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSONEachRow"
        answer = httpx.post(self.url, params={"database": self.database}, content=text)
        assert answer.is_success, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    front = Path(__file__).parents[2] / "store" / "chdb_http.py"
    folder = tmp_path_factory.mktemp("clickhouse")
    with subprocess.Popen(
        [sys.executable, str(front), str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield Server(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        process.kill()


@pytest.fixture
def server(running: Server, request: pytest.FixtureRequest) -> Server:
    running.database = f"otel_{abs(hash(request.node.name))}"
    return running


@asynccontextmanager
async def exporter(
    server: Server, clock: InstantTime | None = None, name: str = "clickhouse", **config: Any
) -> AsyncIterator[ClickHouseExporter]:
    settings = ClickHouseConfig.model_validate(
        {"endpoint": server.url, "database": server.database, "async_insert": False} | config
    )
    sending = ClickHouseExporter(settings, Host(name), clock=clock.clock if clock else None)
    await sending.start()
    try:
        yield sending
    finally:
        await sending.shutdown()


START_NS = 1_700_000_000_123_456_789


def attribute(message: Any, **values: Any) -> None:
    for key, value in values.items():
        message.attributes.add(key=key.replace("_", "."), value=any_value(value))


def spans() -> Batch:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute(resource.resource, service_name="checkout", host=["a", 1])
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "lib", "1.2"
    span = scope.spans.add(
        trace_id=bytes(range(16)), span_id=bytes(range(1, 9)), parent_span_id=b"\xff" * 8,
        trace_state="a=b", name="GET /", kind=2, start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 1_500_000, flags=1,
    )  # fmt: skip
    span.status.code, span.status.message = 2, "it broke"
    attribute(span, ok=True, n=7, ratio=0.5, text='quo"te\n', none=None)
    event = span.events.add(name="exception", time_unix_nano=START_NS + 5)
    attribute(event, x="y")
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="c=d")
    attribute(link, l=1)
    scope.spans.add(name="bare", kind=99, start_time_unix_nano=2**64 - 1)
    return Batch.of(Signal.TRACES, request)


async def test_spans(server: Server) -> None:
    async with exporter(server, **DIRECT) as sending:
        await sending.consume(spans())
    full, bare = server.query("SELECT * FROM otel_traces ORDER BY Timestamp")
    assert full == {
        "Timestamp": "2023-11-14 22:13:20.123456789",
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "0102030405060708",
        "ParentSpanId": "ffffffffffffffff",
        "TraceState": "a=b",
        "SpanName": "GET /",
        "SpanKind": "Server",
        "ServiceName": "checkout",
        "ResourceAttributes": {"service.name": "checkout", "host": '["a",1]'},
        "ScopeName": "lib",
        "ScopeVersion": "1.2",
        "SpanAttributes": {
            "ok": "true", "n": "7", "ratio": "0.5", "text": 'quo"te\n', "none": "",
        },
        "Duration": 1_500_000,
        "StatusCode": "Error",
        "StatusMessage": "it broke",
        "Events.Timestamp": ["2023-11-14 22:13:20.123456794"],
        "Events.Name": ["exception"],
        "Events.Attributes": [{"x": "y"}],
        "Links.TraceId": ["01" * 16],
        "Links.SpanId": ["02" * 8],
        "Links.TraceState": ["c=d"],
        "Links.Attributes": [{"l": "1"}],
    }  # fmt: skip
    assert (bare["TraceId"], bare["SpanKind"], bare["Duration"]) == ("", "Unspecified", 0)
    assert bare["Timestamp"].startswith("2262-04-11")
    assert server.query("SELECT * FROM otel_traces_trace_id_ts") == [
        {
            "TraceId": "000102030405060708090a0b0c0d0e0f",
            "Start": "2023-11-14 22:13:20",
            "End": "2023-11-14 22:13:20",
        }
    ]


async def test_log_records(server: Server) -> None:
    batch = logs(
        {
            "body": {"k": [1, None]}, "time_unix_nano": START_NS, "severity_text": "WARN",
            "severity_number": 13, "flags": 257, "trace_id": b"\x01" * 16, "span_id": b"\x02" * 8,
            "event_name": "ev", "attributes": {"a": 1.5},
        },
        {"body": "observed", "observed_time_unix_nano": START_NS + 1},
        resource={"service.name": "s"},
        scope="lib",
    )  # fmt: skip
    async with exporter(server, **DIRECT) as sending:
        await sending.consume(batch)
    first, second = server.query("SELECT * FROM otel_logs ORDER BY Timestamp")
    assert first == {
        "Timestamp": "2023-11-14 22:13:20.123456789",
        "TimestampTime": "2023-11-14 22:13:20",
        "TraceId": "01" * 16,
        "SpanId": "02" * 8,
        "TraceFlags": 1,
        "SeverityText": "WARN",
        "SeverityNumber": 13,
        "ServiceName": "s",
        "Body": '{"k":[1,null]}',
        "ResourceSchemaUrl": "",
        "ResourceAttributes": {"service.name": "s"},
        "ScopeSchemaUrl": "",
        "ScopeName": "lib",
        "ScopeVersion": "",
        "ScopeAttributes": {},
        "LogAttributes": {"a": "1.5"},
        "EventName": "ev",
    }
    assert second["Timestamp"] == "2023-11-14 22:13:20.123456790"
    assert second["Body"] == "observed"


def metrics() -> Batch:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add(schema_url="https://r")
    attribute(resource.resource, service_name="s")
    scope = resource.scope_metrics.add(schema_url="https://s")
    scope.scope.name, scope.scope.dropped_attributes_count = "lib", 3
    times = {"start_time_unix_nano": START_NS, "time_unix_nano": START_NS + 1}
    gauge = scope.metrics.add(name="g", unit="1", description="d").gauge.data_points
    gauge.add(as_double=math.nan, **times)
    attribute(gauge.add(as_int=2**53 + 1, **times), k="v")
    total = scope.metrics.add(name="c").sum
    total.aggregation_temporality, total.is_monotonic = 2, True
    point = total.data_points.add(as_int=-5, flags=1, **times)
    exemplar = point.exemplars.add(
        as_double=0.5, time_unix_nano=START_NS, span_id=b"\x02" * 8, trace_id=b"\x01" * 16
    )
    exemplar.filtered_attributes.add(key="f", value=any_value(1))
    summary = scope.metrics.add(name="q").summary.data_points.add(count=2, sum=3.5, **times)
    summary.quantile_values.add(quantile=0.99, value=3)
    histogram = scope.metrics.add(name="h").histogram
    histogram.aggregation_temporality = 1
    histogram.data_points.add(
        count=3, sum=-math.inf, bucket_counts=[1, 2], explicit_bounds=[0.1], min=-1, **times
    )
    exponential = scope.metrics.add(name="e").exponential_histogram.data_points.add(
        count=2**63, sum=1, scale=-2, zero_count=4, max=9, **times
    )
    exponential.positive.offset, exponential.negative.offset = -3, 5
    exponential.positive.bucket_counts.extend([1, 2**63])
    scope.metrics.add(name="of no kind")
    return Batch.of(Signal.METRICS, request)


COMMON = {
    "ResourceAttributes": {"service.name": "s"},
    "ResourceSchemaUrl": "https://r",
    "ScopeName": "lib",
    "ScopeVersion": "",
    "ScopeAttributes": {},
    "ScopeDroppedAttrCount": 3,
    "ScopeSchemaUrl": "https://s",
    "ServiceName": "s",
    "MetricDescription": "",
    "MetricUnit": "",
    "Attributes": {},
    "StartTimeUnix": "2023-11-14 22:13:20.123456789",
    "TimeUnix": "2023-11-14 22:13:20.123456790",
    "Flags": 0,
}
NO_EXEMPLARS: dict[str, Any] = {
    f"Exemplars.{name}": []
    for name in ("FilteredAttributes", "TimeUnix", "Value", "SpanId", "TraceId")
}
OF_KINDS: dict[str, dict[str, Any]] = {
    "sum": {
        "MetricName": "c", "Value": -5, "Flags": 1, "AggregationTemporality": 2,
        "IsMonotonic": True, "Exemplars.FilteredAttributes": [{"f": "1"}],
        "Exemplars.TimeUnix": ["2023-11-14 22:13:20.123456789"], "Exemplars.Value": [0.5],
        "Exemplars.SpanId": ["02" * 8], "Exemplars.TraceId": ["01" * 16],
    },
    "summary": {
        "MetricName": "q", "Count": 2, "Sum": 3.5, "ValueAtQuantiles.Quantile": [0.99],
        "ValueAtQuantiles.Value": [3],
    },
    "histogram": NO_EXEMPLARS | {
        "MetricName": "h", "Count": 3, "Sum": None, "BucketCounts": [1, 2],
        "ExplicitBounds": [0.1], "Min": -1, "Max": 0, "AggregationTemporality": 1,
    },
    "exponential_histogram": NO_EXEMPLARS | {
        "MetricName": "e", "Count": 2**63, "Sum": 1, "Scale": -2, "ZeroCount": 4,
        "PositiveOffset": -3, "PositiveBucketCounts": [1, 2**63], "NegativeOffset": 5,
        "NegativeBucketCounts": [], "Min": 0, "Max": 9, "AggregationTemporality": 0,
    },
}  # fmt: skip


async def test_metrics(server: Server) -> None:
    async with exporter(server, **DIRECT) as sending:
        await sending.consume(metrics())
    for kind, own in OF_KINDS.items():
        assert server.query(f"SELECT * FROM otel_metrics_{kind}") == [COMMON | own], kind
    gauges = server.query(
        "SELECT MetricName, MetricUnit, Attributes, isNaN(Value) AS is_nan, Value"
        " FROM otel_metrics_gauge ORDER BY is_nan"
    )
    assert gauges[0]["Attributes"] == {"k": "v"}
    assert gauges[0]["Value"] == 2.0**53
    assert (gauges[1]["is_nan"], gauges[1]["MetricUnit"]) == (1, "1")
    (infinite,) = server.query("SELECT Sum = -inf AS it FROM otel_metrics_histogram")
    assert infinite["it"] == 1


@pytest.mark.parametrize("compress", ["none", "gzip", "zstd", "lz4"])
async def test_compression_and_names(server: Server, compress: str) -> None:
    config = {
        "compress": compress,
        "logs_table_name": "my `logs`",
        "metrics_table_name": "m",
        "metrics_tables": {"sum": "all_sums", "gauge": {"name": "all_gauges"}},
        "ttl": "438000h",
    }
    async with exporter(server, **DIRECT, **config) as sending:
        await sending.consume(logs(*[{"time_unix_nano": time.time_ns()} for _ in range(5000)]))
        await sending.consume(metrics())
    assert server.query("SELECT count() AS n FROM `my \\`logs\\``") == [{"n": 5000}]
    for table, rows in {"all_sums": 1, "all_gauges": 2, "m_histogram": 1}.items():
        assert server.query(f"SELECT count() AS n FROM {table}") == [{"n": rows}]
    (made,) = server.query(
        "SELECT create_table_query AS q FROM system.tables"
        f" WHERE name = 'all_sums' AND database = '{server.database}'"
    )
    assert "toIntervalDay(18250)" in made["q"]


async def test_tables_of_others(server: Server) -> None:
    """With create_schema off they are as they are; columns that they lack are left out."""
    async with exporter(server, create_schema=False, **DIRECT) as sending:
        with pytest.raises(Retryable, match="does not exist"):
            await sending.consume(logs({"body": "x"}))
        server.execute("CREATE DATABASE {0}")
        server.execute("CREATE TABLE {0}.otel_logs (Body String) ENGINE = Memory")
        await sending.consume(logs({"body": "x"}))
    assert server.query("SELECT * FROM otel_logs") == [{"Body": "x"}]


async def test_tables_that_were_dropped_are_made_again(server: Server) -> None:
    async with exporter(server, **DIRECT) as sending:
        await sending.consume(logs({"body": "1"}))
        server.execute("DROP TABLE {0}.otel_logs")
        with pytest.raises(Retryable):
            await sending.consume(logs({"body": "2"}))
        await sending.consume(logs({"body": "2"}))
    assert server.query("SELECT Body FROM otel_logs") == [{"Body": "2"}]


class ClickHousePeer(HttpPeer):
    """Shows what is sent, and answers as told: for what the stand-in does not do."""

    def understand(self, path: str, headers: dict[str, str], body: bytes) -> Received:
        return Received(Signal.LOGS, body, headers, path)


@pytest.fixture
async def peer() -> AsyncIterator[ClickHousePeer]:
    peer = ClickHousePeer()
    await peer.start()
    yield peer
    await peer.stop()


def of(peer: HttpPeer) -> Server:
    server = Server(f"http://127.0.0.1:{peer.port}")
    server.database = "otel"
    return server


def exception(code: int, status: int = 500) -> HttpAnswer:
    text = f"Code: {code}. DB::Exception: as told".encode()
    return HttpAnswer(status, text, [("x-clickhouse-exception-code", str(code))])


PLAIN: dict[str, Any] = {"create_schema": False, "compress": "none"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (exception(117, 400), Permanent),
        (exception(27, 400), Permanent),
        (HttpAnswer(413), Permanent),
        (exception(241), Retryable),
        (exception(252), Retryable),
        (exception(516, 403), Retryable),
        (exception(60, 404), Retryable),
        (HttpAnswer(503), Retryable),
    ],
    ids=["incorrect-data", "no-json", "too-large", "memory", "parts", "user", "table", "proxy"],
)
async def test_what_clickhouse_says(
    peer: ClickHousePeer, answer: HttpAnswer, outcome: type[Exception]
) -> None:
    peer.answers = [answer]
    async with exporter(of(peer), **DIRECT, **PLAIN) as sending:
        with pytest.raises(outcome, match=f":{peer.port}/: {answer.status} ") as caught:
            await sending.consume(logs({}))
    assert "INSERT" not in str(caught.value)


async def test_who_we_are_and_settings(peer: ClickHousePeer) -> None:
    endpoint = f"http://me:se%40cret@127.0.0.1:{peer.port}/mine?max_memory_usage=1000"
    config = {"endpoint": endpoint, "database": "default", "connection_params": {"s3": "x"}}
    async with exporter(of(peer), **DIRECT, **PLAIN | config | {"async_insert": True}) as sending:
        await sending.consume(logs({}))
    (received,) = peer.received
    assert received.headers["x-clickhouse-user"] == "me"
    assert received.headers["x-clickhouse-key"] == "se@cret"


async def test_one_of_several_inserts_fails_and_is_done_alone(
    peer: ClickHousePeer, counted: Callable[[str], dict[str, float]]
) -> None:
    peer.answers = [HttpAnswer(), HttpAnswer(), exception(252)]
    async with exporter(of(peer), InstantTime(), "clickhouse/some", **PLAIN) as sending:
        await sending.consume(metrics())
        await until(lambda: len(peer.received) == 6)
    kinds = [
        next(kind for kind in ("Scale", "BucketCounts", "ValueAtQ", "IsMono", "Value")
             if kind.encode() in received.message)
        for received in peer.received
    ]  # fmt: skip
    assert len(kinds) == 6
    assert kinds[2] == kinds[3]
    assert len(set(kinds)) == 5
    assert counted("clickhouse/some")["sent_metric_points"] == 6


async def test_the_next_host_is_tried(peer: ClickHousePeer, unused_tcp_port: int) -> None:
    endpoint = f"http://127.0.0.1:{unused_tcp_port},127.0.0.1:{peer.port}"
    async with exporter(of(peer), **DIRECT, **PLAIN, endpoint=endpoint) as sending:
        with pytest.raises(Retryable, match=f"127.0.0.1:{unused_tcp_port}/: "):
            await sending.consume(batch_of(Signal.TRACES))
        await sending.consume(batch_of(Signal.TRACES))
    assert len(peer.received) == 1


def test_statements_for_a_cluster() -> None:
    config = ClickHouseConfig.model_validate(
        {
            "endpoint": "http://a:8123",
            "cluster_name": "all",
            "table_engine": {"name": "ReplicatedMergeTree", "params": "'/t/{table}', '{replica}'"},
            "ttl": "90m",
        }
    )
    database, table = statements(config, Signal.LOGS)
    assert database == "CREATE DATABASE IF NOT EXISTS `default` ON CLUSTER `all`"
    assert "`default`.`otel_logs` ON CLUSTER `all` (" in table
    assert "ENGINE = ReplicatedMergeTree('/t/{table}', '{replica}')" in table
    assert "TTL TimestampTime + toIntervalMinute(90)" in table


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"endpoint": ""}, "endpoint is required"),
        ({"endpoint": "tcp://ch:9000"}, "use its HTTP interface: http://ch:8123"),
        ({"endpoint": "clickhouse://u:p@ch:9000"}, "http://ch:8123"),
        ({"endpoint": "ch:8123"}, "write http://host:8123"),
        ({"connection_params": {"secure": "true"}}, "an option of the Go driver.*https://"),
        ({"endpoint": "http://a?skip_verify=1"}, "an option of the Go driver.*insecure_skip_v"),
        ({"compress": "br"}, "'none', 'gzip', 'zstd' or 'lz4'"),
        ({"table_engine": {"name": "Log"}}, "pattern"),
        ({"json": True}, "JSON are not supported"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClickHouseConfig.model_validate({"endpoint": "http://a:8123"} | config)


def test_addresses_and_credentials() -> None:
    config = ClickHouseConfig.model_validate(
        {"endpoint": "https://u:p@a:8443,b:8443/db?async_insert=0&compress=lz4"}
    )
    assert config.urls == ["https://a:8443/", "https://b:8443/"]
    assert config.database_name == "db"
    assert config.credentials == {"x-clickhouse-user": "u", "x-clickhouse-key": "p"}
    assert config.settings == {"async_insert": "0"}


def test_options_of_the_go_driver_are_no_settings() -> None:
    config = ClickHouseConfig.model_validate(
        {
            "endpoint": "http://a:8123?dial_timeout=10s&username=u&password=p",
            "connection_params": {"connection_open_strategy": "in_order", "max_threads": "2"},
        }
    )
    assert config.settings == {"max_threads": "2"}
    assert config.credentials == {"x-clickhouse-user": "u", "x-clickhouse-key": "p"}
