"""Two whole Collectors, one sending to the other over gRPC and HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import httpx
import pytest
from collector_samples import SampleExporter, batch_of

from belvedere.collector.config import load_config
from belvedere.collector.receivers.otlp import OtlpReceiver
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.source import Source
from belvedere.otlp.signal import Signal

PIPELINES = """
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [EXPORTER]}
    metrics: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [EXPORTER]}
    logs: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [EXPORTER]}
"""
RECEIVING = """
receivers:
  otlp:
    protocols: {grpc: {endpoint: '127.0.0.1:0'}, http: {endpoint: '127.0.0.1:0'}}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 99}
  batch: {timeout: 1ms}
exporters:
  sample:
  debug:
"""


@asynccontextmanager
async def collector(exporter: str, more: str = "") -> AsyncIterator[Service]:
    text = RECEIVING + PIPELINES.replace("EXPORTER", exporter)
    service = Service(load_config(Source("base", text), Source("more", more), env={}))
    await service.start()
    try:
        yield service
    finally:
        await service.shutdown()


def receiver(service: Service) -> OtlpReceiver:
    return cast(OtlpReceiver, service.component(Kind.RECEIVER, "otlp"))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_two_collectors(samples: None, protocol: str) -> None:
    sent = {signal: batch_of(signal, range(10)) for signal in Signal}
    async with collector("sample") as last:
        port = receiver(last).grpc_port if protocol == "grpc" else receiver(last).http_port
        target = f"{{otlp_{protocol}: {{endpoint: 'http://127.0.0.1:{port}'}}}}"
        async with collector(f"otlp_{protocol}", f"exporters: {target}") as first:
            for signal, batch in sent.items():
                await _send(receiver(first), protocol, signal, batch.data)
        exporter = cast(SampleExporter, last.component(Kind.EXPORTER, "sample"))
        received = {batch.signal: batch.message for batch in exporter.recorder.batches}
    assert received == {signal: batch.message for signal, batch in sent.items()}


async def _send(to: OtlpReceiver, protocol: str, signal: Signal, data: bytes) -> None:
    if protocol == "http":
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"http://127.0.0.1:{to.http_port}/v1/{signal}",
                content=data,
                headers={"content-type": "application/x-protobuf"},
            )
            assert answer.status_code == 200
        return
    service = {"traces": "trace.v1.Trace", "metrics": "metrics.v1.Metrics", "logs": "logs.v1.Logs"}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{to.grpc_port}") as channel:
        method = f"/opentelemetry.proto.collector.{service[signal]}Service/Export"
        call: Any = channel.unary_unary(method)
        await call(data)
