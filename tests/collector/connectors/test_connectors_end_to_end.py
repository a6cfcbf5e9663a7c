"""From spans over gRPC to scraped metrics, in a whole Collector: what is scraped is what was sent.

Once under the Collector's names, once under those that Grafana's service graph asks for.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from telemetry_samples import put

from belvedere.collector.config import load_config
from belvedere.collector.exporters.prometheus import PrometheusExporter
from belvedere.collector.receivers.otlp import OtlpReceiver
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.source import Source
from belvedere.prometheus.exposition.parse import parse_text, read_series

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: '127.0.0.1:0'}}}
connectors:
  spanmetrics: {metrics_flush_interval: 20ms}
  servicegraph: {metrics_flush_interval: 20ms}
exporters:
  prometheus: {endpoint: '127.0.0.1:0'}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics, servicegraph]}
    metrics: {receivers: [spanmetrics, servicegraph], exporters: [prometheus]}
"""
GRAFANA = """
connectors:
  spanmetrics:
    namespace: traces_spanmetrics
    metric_names: {calls: calls_total, duration: latency}
    dimension_names: {service.name: service}
    histogram: {unit: s}
  servicegraph:
    metric_names: {request_server: request_server_seconds, request_client: request_client_seconds}
exporters:
  prometheus: {add_metric_suffixes: false}
"""
SERVER_SECONDS = "traces_service_graph_request_server_seconds"
TRACES = 40
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scraped:
    """A running Collector, and what its `prometheus` exporter shows."""

    def __init__(self, service: Service) -> None:
        self.otlp = cast(OtlpReceiver, service.component(Kind.RECEIVER, "otlp"))
        self.exporter = cast(PrometheusExporter, service.component(Kind.EXPORTER, "prometheus"))

    async def send(self, *requests: ExportTraceServiceRequest) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.otlp.grpc_port}") as channel:
            call: Any = channel.unary_unary(EXPORT)
            for request in requests:
                await call(request.SerializeToString())

    async def until(self, name: str, total: float) -> Samples:
        """The samples, once those of a name come to a total. The limit is for a test that fails."""
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(500):
                answer = await client.get(f"http://127.0.0.1:{self.exporter.port}/metrics")
                samples = {
                    _series(dict(read_series(series))): value
                    for series, value, _, _ in parse_text(answer.text).entries
                }
                if sum(value for (each, _), value in samples.items() if each == name) == total:
                    return samples
        raise AssertionError(f"{name} does not come to {total}: {samples}")


def _series(labels: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    name = labels.pop("__name__")
    kept = {key: value for key, value in labels.items() if key not in IGNORED}
    return name, frozenset(kept.items())


IGNORED = {"collector_instance_id", "otel_scope_name", "job"}


@asynccontextmanager
async def collector(more: str = "") -> AsyncIterator[Scraped]:
    service = Service(load_config(Source("a", CONFIG), Source("b", more), env={}))
    await service.start()
    try:
        yield Scraped(service)
    finally:
        await service.shutdown()


def spans() -> list[ExportTraceServiceRequest]:
    """Traces of two services: a client and, in another request, its server, some of which fail."""
    requests = []
    for number in range(TRACES):
        ids = {"trace_id": (number + 1).to_bytes(16), "span_id": b"client00"}
        failed = Status(code=Status.STATUS_CODE_ERROR if number % 4 == 0 else 0)
        for service, kind, ms in (
            ("app", Span.SPAN_KIND_CLIENT, 9),
            ("api", Span.SPAN_KIND_SERVER, 3),
        ):
            request = ExportTraceServiceRequest()
            entry = request.resource_spans.add()
            put(entry.resource.attributes, {"service.name": service})
            entry.scope_spans.add().spans.add(
                name=f"op {number % 2}",
                kind=kind,
                start_time_unix_nano=10**18,
                end_time_unix_nano=10**18 + ms * 10**6,
                status=failed,
                **ids,
            )
            ids |= {"span_id": b"server00", "parent_span_id": b"client00"}
            requests.append(request)
    return requests


class Names(NamedTuple):
    """Under which names it is scraped."""

    calls: str
    duration: str
    service: str
    per_s: int
    """Units of durations in a second."""


@pytest.mark.parametrize(
    ("more", "names"),
    [
        pytest.param(
            "",
            Names(
                "traces_span_metrics_calls_total",
                "traces_span_metrics_duration_milliseconds",
                "service_name",
                1000,
            ),
            id="collector",
        ),
        pytest.param(
            GRAFANA,
            Names("traces_spanmetrics_calls_total", "traces_spanmetrics_latency", "service", 1),
            id="grafana",
        ),
    ],
)
async def test_what_is_scraped_is_what_was_sent(more: str, names: Names) -> None:
    calls, duration, service, per_s = names
    async with collector(more) as running:
        await running.send(*spans())
        samples = await running.until(calls, 2 * TRACES)
        samples |= await running.until("traces_service_graph_request_total", TRACES)
    expected: Counter[frozenset[tuple[str, str]]] = Counter()
    for number in range(TRACES):
        for name, kind in (("app", "CLIENT"), ("api", "SERVER")):
            labels = {
                service: name,
                "span_name": f"op {number % 2}",
                "span_kind": f"SPAN_KIND_{kind}",
                "status_code": "STATUS_CODE_UNSET" if number % 4 else "STATUS_CODE_ERROR",
            }
            expected[frozenset(labels.items())] += 1
    assert {labels: value for (name, labels), value in samples.items() if name == calls} == expected
    for labels, count in expected.items():
        assert samples[f"{duration}_count", labels] == count
        ms = 9 if (service, "app") in labels else 3
        assert samples[f"{duration}_sum", labels] == pytest.approx(count * ms / 1000 * per_s)
        bounds = {
            float(dict(each)["le"]): value
            for (name, each), value in samples.items()
            if name == f"{duration}_bucket" and labels <= each
        }
        assert bounds[0.002 * per_s] == 0
        assert bounds[0.01 * per_s] == count
    for failed, total in (("true", TRACES / 4), ("false", TRACES * 3 / 4)):
        edge = frozenset({"client": "app", "server": "api", "failed": failed}.items())
        assert samples["traces_service_graph_request_total", edge] == total
        assert samples[f"{SERVER_SECONDS}_count", edge] == total
        assert samples[f"{SERVER_SECONDS}_sum", edge] == pytest.approx(total * 0.003)
        failures = samples.get(("traces_service_graph_request_failed_total", edge), 0)
        assert failures == (total if failed == "true" else 0)
