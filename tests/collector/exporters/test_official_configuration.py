"""The configuration that users have, unchanged: each signal arrives where the file says.

The hosts of the file, `tempo` and `loki`, are reached through a proxy (`http_proxy`, which both
gRPC's client and the HTTP client honour), which connects to listeners of this test instead.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from collector_samples import until
from loki_peer import LokiPeer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_peers import SERVICES, GrpcPeer
from prerequisites import missing, shared
from running_collector import RunningCollector

from belvedere.otlp.signal import Signal

PORTS = {4317: "receivers::otlp (gRPC)", 4318: "receivers::otlp (HTTP)", 8889: "prometheus"}
ITEMS = 512
"""The file's send_batch_size: so many are sent on at once."""


class Proxy:
    """An HTTP proxy that connects to this machine instead of the hosts it is asked for."""

    def __init__(self, ports: Mapping[tuple[str, int], int]) -> None:
        self._ports = ports
        self.asked: set[tuple[str, int]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._open: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        url = urlsplit(f"//{target.decode()}" if method == b"CONNECT" else target.decode())
        place = (url.hostname or "", url.port or 80)
        self.asked.add(place)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._ports[place])
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            to_writer.write(head)
        await asyncio.gather(_pipe(reader, to_writer), _pipe(to_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the reader's end; then its other side ends, too."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def loki_peer() -> AsyncIterator[LokiPeer]:
    peer = LokiPeer()
    await peer.start()
    yield peer
    await peer.stop()


def the_ports_of_the_file_are_free() -> None:
    for port, what in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                missing(f"port {port} is taken, which the file wants for {what}")


def traces() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(ITEMS):
        scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=f"span {number}")
    return request


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="queue.depth")
    for number in range(ITEMS):
        point = metric.gauge.data_points.add(as_int=number, time_unix_nano=10**18)
        point.attributes.add(key="lane").value.string_value = str(number)
    return request


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "api"
    for number in range(ITEMS):
        record = resource.scope_logs.add().log_records.add(time_unix_nano=10**18 + number)
        record.body.string_value = f"line {number}"
    return request


async def test_each_signal_arrives_where_the_file_says(
    grpc_peer: GrpcPeer, loki_peer: LokiPeer
) -> None:
    file = shared("conformance", "collector", "otel-collector-config.yaml")
    the_ports_of_the_file_are_free()
    ports = {("tempo", 4317): grpc_peer.port, ("loki", 3100): loki_peer.port}
    async with Proxy(ports) as proxy:
        by_proxy = dict.fromkeys(("http_proxy", "grpc_proxy"), proxy.address)
        with RunningCollector(file, **by_proxy, no_proxy="", NO_PROXY="") as collector:
            await asyncio.to_thread(collector.ready)
            async with (
                grpc.aio.insecure_channel(
                    "127.0.0.1:4317", options=[("grpc.enable_http_proxy", 0)]
                ) as channel,
                httpx.AsyncClient(trust_env=False, timeout=30) as client,
            ):
                for signal, message in ((Signal.TRACES, traces()), (Signal.METRICS, metrics())):
                    send: Any = channel.unary_unary(f"/{SERVICES[signal]}/Export")
                    await send(message.SerializeToString(), timeout=30)
                answer = await client.post(
                    "http://127.0.0.1:4318/v1/logs",
                    content=logs().SerializeToString(),
                    headers={"content-type": "application/x-protobuf"},
                )
                assert answer.status_code == 200
                await until(lambda: bool(grpc_peer.received and loki_peer.received))
                scraped = (await client.get("http://127.0.0.1:8889/metrics")).text
            assert await asyncio.to_thread(collector.stop) == 0
    assert proxy.asked == set(ports)
    spans = [
        span.name
        for request in grpc_peer.received
        for resource in request.message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert spans == [f"span {number}" for number in range(ITEMS)]
    entries = [
        (labels, line)
        for request in loki_peer.received
        for labels, entries in request.message.items()
        for _, line in entries
    ]
    assert {request.path for request in loki_peer.received} == {"/loki/api/v1/push"}
    assert len(entries) == ITEMS
    assert all('exporter="OTLP"' in labels and 'job="api"' in labels for labels, _ in entries)
    assert "line 511" in entries[-1][1]
    samples = dict(
        line.rsplit(" ", 2)[:2] if line.count(" ") > 1 else line.rsplit(" ", 1)
        for line in scraped.splitlines()
        if line.startswith("agentstack_queue_depth{")
    )
    assert len(samples) == ITEMS
    assert next(value for name, value in samples.items() if 'lane="42"' in name) == "42"
    assert [entry["level"] for entry in collector.log if entry["level"] == "error"] == []
