"""Stock clients at full speed through the configuration that users have: sent = arrived.

Its `batch: {timeout: 5s}` once answered each request after 5 s. The file is used as it is, but for
addresses; Tempo and Loki, which cannot be had as packages, are peers of the tests.
"""

import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from collector_samples import until
from loki_peer import LokiPeer
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otlp_peers import GrpcPeer
from prerequisites import shared
from running_collector import RunningCollector

FILE = ("conformance", "collector", "otel-collector-config.yaml")
REQUESTS, EACH = 60, 20
"""One after the other, as a stock exporter sends them."""
PATIENCE_S = 60.0
"""Waiting for the timer once per request would take 300 s."""


@pytest.fixture
async def loki_peer() -> Any:
    peer = LokiPeer()
    await peer.start()
    yield peer
    await peer.stop()


@dataclass(frozen=True)
class Running:
    collector: RunningCollector
    grpc_port: int
    http_port: int
    scrape_port: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def official(grpc_peer: GrpcPeer, loki_peer: LokiPeer) -> Iterator[Running]:
    scrape_port = free_port()
    addresses = {
        "receivers::otlp::protocols::grpc::endpoint": "127.0.0.1:0",
        "receivers::otlp::protocols::http::endpoint": "127.0.0.1:0",
        "exporters::otlp/tempo::endpoint": f"127.0.0.1:{grpc_peer.port}",
        "exporters::loki::endpoint": f"http://127.0.0.1:{loki_peer.port}/loki/api/v1/push",
        "exporters::prometheus::endpoint": f"127.0.0.1:{scrape_port}",
        "service::telemetry::metrics::level": "none",
    }
    options = [part for key, value in addresses.items() for part in ("--set", f"{key}={value}")]
    with RunningCollector(shared(*FILE), *options) as collector:
        listens = collector.ready().wait_for("otlp_receiver_listens")
        yield Running(collector, listens["grpc_port"], listens["http_port"], scrape_port)


def spans_at(peer: GrpcPeer) -> list[str]:
    return [
        span.name
        for request in peer.received
        for resource in request.message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def lines_at(peer: LokiPeer) -> int:
    return sum(len(entries) for request in peer.received for entries in request.message.values())


EXPORTERS: dict[str, Callable[[Running], tuple[Any, Any, Any]]] = {
    "grpc": lambda running: tuple(  # type: ignore[return-value]  # there are three
        exporter(endpoint=f"127.0.0.1:{running.grpc_port}", insecure=True)
        for exporter in (GrpcSpans, GrpcMetrics, GrpcLogs)
    ),
    "http": lambda running: tuple(  # type: ignore[return-value]  # there are three
        exporter(endpoint=f"http://127.0.0.1:{running.http_port}/v1/{signal}")
        for exporter, signal in (
            (HttpSpans, "traces"),
            (HttpMetrics, "metrics"),
            (HttpLogs, "logs"),
        )
    ),
}


def send_all(exporters: tuple[Any, Any, Any]) -> float:
    """Send by the SDK, at full speed; seconds that it took."""
    spans, metrics, logs = exporters
    resource = Resource.create({"service.name": "shop"})
    size = {"max_export_batch_size": EACH, "max_queue_size": REQUESTS * EACH}
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(spans, **size))
    logging = LoggerProvider(resource)
    logging.add_log_record_processor(BatchLogRecordProcessor(logs, **size))
    metering = MeterProvider([PeriodicExportingMetricReader(metrics, 1e9)], resource)
    counter = metering.get_meter("shop").create_counter("orders")
    tracer, logger = tracing.get_tracer("shop"), logging.get_logger("shop")
    began_s = time.monotonic()
    for number in range(REQUESTS * EACH):
        tracer.start_span(str(number)).end()
        logger.emit(LogRecord(timestamp=10**18 + number, body=str(number)))
        if number % EACH == 0:
            counter.add(1)
            metering.force_flush()
    for provider in (tracing, logging, metering):
        provider.shutdown()
    return time.monotonic() - began_s


@pytest.mark.parametrize("protocol", EXPORTERS)
async def test_what_the_stock_sdk_sends_arrives(
    protocol: str, grpc_peer: GrpcPeer, loki_peer: LokiPeer
) -> None:
    with official(grpc_peer, loki_peer) as running:
        spent_s = await asyncio.to_thread(send_all, EXPORTERS[protocol](running))
        async with httpx.AsyncClient(trust_env=False) as client:
            scraped = ""

            async def scrape() -> None:
                nonlocal scraped
                url = f"http://127.0.0.1:{running.scrape_port}/metrics"
                scraped = (await client.get(url)).text

            async with asyncio.timeout(PATIENCE_S):
                while not re.search(
                    rf"^agentstack_orders_total.* {REQUESTS}\b", scraped, re.MULTILINE
                ):
                    await scrape()
                    await asyncio.sleep(0.05)
        assert await asyncio.to_thread(running.collector.stop) == 0
    assert spent_s < PATIENCE_S
    assert sorted(map(int, spans_at(grpc_peer))) == list(range(REQUESTS * EACH))
    assert lines_at(loki_peer) == REQUESTS * EACH
    assert [entry for entry in running.collector.log if entry["level"] == "error"] == []


@pytest.mark.parametrize("protocol", EXPORTERS)
async def test_what_the_demo_sends_arrives(
    protocol: str, grpc_peer: GrpcPeer, loki_peer: LokiPeer
) -> None:
    with official(grpc_peer, loki_peer) as running:
        port = running.grpc_port if protocol == "grpc" else running.http_port
        where = ("--protocol", protocol, "--endpoint", f"http://127.0.0.1:{port}")
        command = ("from belvedere.cli.main import main; main()", "demo", "--load", "simulated")
        demo = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            *command,
            *where,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await demo.communicate()
        text = said.decode()
        assert demo.returncode == 0, text
        assert "not accepted" not in text, text
        assert "The last complaint" not in text, text
        await until(lambda: bool(spans_at(grpc_peer)))
        assert await asyncio.to_thread(running.collector.stop) == 0
    sent = {
        what: int(number.replace(",", ""))
        for number, what in re.findall(r"^ +([\d,]+) (spans|log records)$", text, re.MULTILINE)
    }
    assert sent == {"spans": len(spans_at(grpc_peer)), "log records": lines_at(loki_peer)}
