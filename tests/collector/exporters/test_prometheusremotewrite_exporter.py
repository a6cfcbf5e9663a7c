"""The exporter `prometheusremotewrite`: what arrives is what was sent, in the order of time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from otlp_metrics import DELTA, Metrics, all_kinds
from otlp_peers import HttpAnswer, HttpPeer, InstantTime, Received
from pydantic import ValidationError
from real_prometheus import RealPrometheus, series_text
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.prometheusremotewrite import RemoteWriteExporter
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.model import Metadata, MetricType, Series
from belvedere.prometheus.remote_write import v1, v2

V2 = "io.prometheus.write.v2.Request"
DIRECT = {"remote_write_queue": {"enabled": False}}
"""Without a queue `consume` returns when the peer has answered."""


class WritePeer(HttpPeer):
    """A receiver of remote write."""

    def understand(self, path: str, headers: dict[str, str], body: bytes) -> Received:
        is_v2 = headers["content-type"] == v2.CONTENT_TYPE
        message = v2.decode(body) if is_v2 else v1.decode(body)
        return Received(Signal.METRICS, message, headers, path)

    @property
    def series(self) -> list[Series]:
        return [
            each
            for received in self.received
            for each in (
                received.message if isinstance(received.message, list) else received.message[0]
            )
        ]

    @property
    def values(self) -> dict[str, float]:
        return {
            series_text(dict(each.labels)): each.samples[-1][1]
            for each in self.series
            if each.samples
        }


Start = Callable[..., Awaitable[RemoteWriteExporter]]


@pytest.fixture
async def peer() -> AsyncIterator[WritePeer]:
    peer = WritePeer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def start(peer: WritePeer) -> AsyncIterator[Start]:
    running: list[RemoteWriteExporter] = []

    async def start(**config: Any) -> RemoteWriteExporter:
        config = {"endpoint": f"http://127.0.0.1:{peer.port}/api/v1/write", **config}
        exporter = RemoteWriteExporter(
            RemoteWriteExporter.Config.model_validate(config),
            Host("prometheusremotewrite/test"),
            clock=InstantTime().clock,
        )
        running.append(exporter)
        await exporter.start()
        return exporter

    yield start
    for exporter in running:
        await exporter.shutdown()


def batch(metrics: Metrics) -> Batch:
    return Batch.of(Signal.METRICS, metrics.request)


def gauges(count: int, time_ms: int = 0, value: float | None = None) -> Metrics:
    metrics = Metrics({}, time_ms=time_ms)
    for number in range(count):
        metrics.gauge(f"g{number}", number if value is None else value)
    return metrics


async def test_a_real_prometheus_takes_it_without_a_warning(start: Start, tmp_path: Path) -> None:
    prometheus = await asyncio.to_thread(RealPrometheus, tmp_path)
    try:
        exporter = await start(
            endpoint=f"{prometheus.url}/api/v1/write", send_metadata=True, **DIRECT
        )
        now_ms = int(time.time() * 1000)
        for time_ms in (now_ms - 2000, now_ms - 1000):
            sent = all_kinds(time_ms)
            sent.scope.metrics[2].sum.data_points[0].exemplars.add(
                as_double=0.5, trace_id=b"\1" * 16, time_unix_nano=time_ms * 1_000_000
            )
            await exporter.consume(batch(sent))
        expected = {
            series_text(dict(each.labels)): value
            for each in series_of(translate(sent.request, Translation()).points)
            for _, value in each.samples
        }

        def check() -> None:
            assert prometheus.values('{__name__=~".+"}', now_ms / 1000) == expected
            ((_, histogram),) = [each["histogram"] for each in prometheus.query("size")]
            assert histogram["count"] == "10"
            assert histogram["buckets"][-1][1:] == ["2.82842712474619", "4", "4"]
            (series,) = prometheus.query("count_over_time(requests_total[1m])")
            assert series["value"][1] == "2"
            (exemplars,) = prometheus.api(
                "query_exemplars",
                query="requests_total",
                start=now_ms / 1000 - 60,
                end=now_ms / 1000 + 60,
            )
            assert exemplars["exemplars"][0]["labels"] == {"trace_id": "01" * 16}
            assert prometheus.warnings == []

        await asyncio.to_thread(check)
    finally:
        await asyncio.to_thread(prometheus.stop)


@pytest.mark.parametrize("message", ["prometheus.WriteRequest", V2])
async def test_what_arrives_is_what_was_sent(start: Start, peer: WritePeer, message: str) -> None:
    exporter = await start(protobuf_message=message, **DIRECT)
    sent = all_kinds()
    await exporter.consume(batch(sent))
    expected = series_of(translate(sent.request, Translation()).points)
    assert [(s.labels, s.samples, s.histograms, s.exemplars) for s in peer.series] == [
        (s.labels, s.samples, s.histograms, s.exemplars) for s in expected
    ]
    (received,) = peer.received
    headers = received.headers
    assert received.path == "/api/v1/write"
    assert headers["content-encoding"] == "snappy"
    assert headers["user-agent"].startswith("Belvedere/")
    assert headers["x-prometheus-remote-write-version"] == ("2.0.0" if message == V2 else "0.1.0")


async def test_2_0_carries_metadata_and_starts(start: Start, peer: WritePeer) -> None:
    exporter = await start(protobuf_message=V2, **DIRECT)
    sent = Metrics({})
    sent.sum("requests", 1, "s")
    await exporter.consume(batch(sent))
    (series,) = peer.series
    name = "requests_seconds_total"
    assert series.metadata == Metadata(name, MetricType.COUNTER, "help of requests", "seconds")
    assert series.created_ms == sent.time_ms - 60_000


async def test_1_0_carries_metadata_if_told(start: Start, peer: WritePeer) -> None:
    exporter = await start(send_metadata=True, **DIRECT)
    await exporter.consume(batch(gauges(2)))
    assert peer.received[0].message[1] == [
        Metadata(f"g{number}", MetricType.GAUGE, f"help of g{number}") for number in (0, 1)
    ]


async def test_requests_are_of_a_bounded_size(start: Start, peer: WritePeer) -> None:
    exporter = await start(max_batch_size_bytes=200, **DIRECT)
    await exporter.consume(batch(gauges(20)))
    assert len(peer.received) > 3
    assert sorted(peer.values.values()) == list(range(20))
    for received in peer.received:
        assert len(v1.encode(received.message[0])) <= 200


async def test_samples_of_a_series_stay_in_the_order_of_time(start: Start, peer: WritePeer) -> None:
    """Also when the first attempt for an older batch fails, and many requests go at once."""
    peer.answers = [HttpAnswer(wait_s=0.02), HttpAnswer(503), HttpAnswer(503)]
    exporter = await start(max_batch_size_bytes=200)
    for time_ms in range(1, 9):
        await exporter.consume(batch(gauges(6, time_ms)))
    await exporter.shutdown()
    times: dict[str, list[int]] = {}
    for each in peer.series:
        times.setdefault(each.name, []).extend(time_ms for time_ms, _ in each.samples)
    assert {tuple(dict.fromkeys(each)) for each in times.values()} == {tuple(range(1, 9))}


async def test_senders_without_a_queue_take_turns(start: Start, peer: WritePeer) -> None:
    peer.answers = [HttpAnswer(wait_s=0.05)]
    exporter = await start(**DIRECT)
    await asyncio.gather(*(exporter.consume(batch(gauges(1, ms))) for ms in (1, 2, 3)))
    assert [each.samples for each in peer.series] == [[(1, 0.0)], [(2, 0.0)], [(3, 0.0)]]


async def test_only_what_was_not_taken_is_sent_again(
    start: Start, peer: WritePeer, counted: Callable[[str], dict[str, float]]
) -> None:
    before = counted("prometheusremotewrite/test")
    peer.answers = [HttpAnswer(503, headers=[("retry-after", "1")])]
    exporter = await start(max_batch_size_bytes=200, max_batch_request_parallelism=1, **DIRECT)
    await exporter.consume(batch(gauges(6)))
    first, *others = [{each.name for each in r.message[0]} for r in peer.received]
    assert others[-1] == first
    assert all(not (names & first) for names in others[:-1])
    assert counted("prometheusremotewrite/test")["sent_metric_points"] == (
        before.get("sent_metric_points", 0) + 6
    )


async def test_what_the_peer_refuses_for_good_is_counted(
    start: Start, peer: WritePeer, counted: Callable[[str], dict[str, float]]
) -> None:
    before = counted("prometheusremotewrite/test").get("send_failed_metric_points", 0)
    peer.answers = [HttpAnswer(400, b"out of order sample")]
    exporter = await start(max_batch_size_bytes=200, max_batch_request_parallelism=1, **DIRECT)
    with capture_logs() as logs:
        await exporter.consume(batch(gauges(6)))
    refused = len(peer.received[0].message[0])
    (complaint,) = [entry for entry in logs if entry["event"] == "points_rejected"]
    assert complaint["points"] == refused
    assert "out of order sample" in complaint["error"]
    after = counted("prometheusremotewrite/test")["send_failed_metric_points"]
    assert after - before == refused
    peer.answers = [HttpAnswer(400, b"out of order sample")]
    with pytest.raises(Permanent, match="out of order sample"):
        await exporter.consume(batch(gauges(1)))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_such_answers_are_tried_again(start: Start, peer: WritePeer, status: int) -> None:
    peer.answers = [HttpAnswer(status)]
    exporter = await start(**DIRECT)
    await exporter.consume(batch(gauges(1)))
    assert len(peer.received) == 2
    peer.answers = [HttpAnswer(status)]
    exporter = await start(retry_on_failure={"enabled": False}, **DIRECT)
    with pytest.raises(Retryable, match=str(status)):
        await exporter.consume(batch(gauges(1)))


async def test_deltas_are_dropped_and_told(start: Start, peer: WritePeer) -> None:
    exporter = await start(**DIRECT)
    metrics = Metrics({})
    metrics.sum("delta", 1, temporality=DELTA)
    with pytest.raises(Permanent, match="delta_to_cumulative"):
        await exporter.consume(batch(metrics))
    metrics.gauge("g", 1)
    with capture_logs() as logs:
        await exporter.consume(batch(metrics))
    assert [entry["points"] for entry in logs if entry["event"] == "points_rejected"] == [1]
    assert list(peer.values) == ["g"]


async def test_target_info_never_goes_back_in_time(start: Start, peer: WritePeer) -> None:
    exporter = await start(**DIRECT)
    for time_ms in (2000, 1000, 2000, 3000):
        metrics = Metrics({"service.name": "api", "host.name": "h"}, time_ms=time_ms)
        metrics.gauge(f"at_{time_ms}", 1)
        await exporter.consume(batch(metrics))
    told = [each.samples for each in peer.series if each.name == "target_info"]
    assert told == [[(2000, 1.0)], [(3000, 1.0)]]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {'a_b_total{job="api", otel_scope_name="lib"}', 'target_info{host="h", job="api"}'}),
        ({"target_info": {"enabled": False}}, {'a_b_total{job="api", otel_scope_name="lib"}'}),
        (
            {"disable_scope_info": True, "namespace": "ns", "external_labels": {"e.f": "x"}},
            {
                'ns_a_b_total{e_f="x", job="api"}',
                'ns_target_info{e_f="x", host="h", job="api"}',
            },
        ),
        (
            {
                "disable_scope_info": True,
                "target_info": {"enabled": False},
                "add_metric_suffixes": False,
                "resource_to_telemetry_conversion": {"enabled": True},
            },
            {'a_b{host="h", job="api", service_name="api"}'},
        ),
        (
            {
                "disable_scope_info": True,
                "target_info": {"enabled": False},
                "export_created_metric": {"enabled": True},
            },
            {'a_b_total{job="api"}', 'a_b_total_created{job="api"}'},
        ),
        (
            {
                "disable_scope_info": True,
                "target_info": {"enabled": False},
                "translation_strategy": "NoTranslation",
            },
            {'a.b{job="api"}'},
        ),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
async def test_names_and_labels(
    start: Start, peer: WritePeer, config: dict[str, Any], expected: set[str]
) -> None:
    exporter = await start(**config, **DIRECT)
    metrics = Metrics({"service.name": "api", "host": "h"}, scope="lib")
    metrics.sum("a.b", 1)
    await exporter.consume(batch(metrics))
    assert set(peer.values) == expected
    for name, value in peer.values.items():
        if "_created" in name:
            assert value == (metrics.time_ms - 60_000) / 1000


@pytest.mark.parametrize(
    ("headers", "event"),
    [
        ((), "no_written_counts"),
        ((("x-prometheus-remote-write-samples-written", "0"),), "written_in_part"),
        ((("x-prometheus-remote-write-samples-written", "1"),), None),
    ],
    ids=["none", "less", "all"],
)
async def test_2_0_looks_at_what_was_written(
    start: Start, peer: WritePeer, headers: tuple[tuple[str, str], ...], event: str | None
) -> None:
    peer.answers = [HttpAnswer(204, headers=headers)]
    exporter = await start(protobuf_message=V2, **DIRECT)
    with capture_logs() as logs:
        await exporter.consume(batch(gauges(1)))
    assert [entry["event"] for entry in logs] == ([event] if event else [])


async def test_a_peer_without_2_0_is_told_of(start: Start, peer: WritePeer) -> None:
    peer.answers = [HttpAnswer(415)]
    exporter = await start(protobuf_message=V2, **DIRECT)
    with pytest.raises(Permanent, match="set protobuf_message to"):
        await exporter.consume(batch(gauges(1)))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"endpoint": ""}, "endpoint is required"),
        ({"endpoint": "prometheus:9090"}, "is no URL"),
        ({"wal": {"directory": "x"}}, "sending_queue::storage"),
        ({"headers": {"Content-Encoding": "gzip"}}, "is the protocol's to set"),
        ({"external_labels": {"": "x"}}, "needs a name and a value"),
        ({"sending_queue": {}, "remote_write_queue": {}}, "set one of them"),
        ({"protobuf_message": "prometheus.Nonsense"}, "prometheus.WriteRequest"),
        ({"compression": "gzip"}, "snappy"),
    ],
    ids=str,
)
def test_configurations_that_are_refused(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RemoteWriteExporter.Config.model_validate({"endpoint": "http://h/w", **config})


@pytest.mark.parametrize(
    ("config", "parallel", "queue_size"),
    [
        ({}, 5, 10_000),
        ({"remote_write_queue": {"num_consumers": 3, "queue_size": 7}}, 3, 7),
        ({"sending_queue": {"num_consumers": 4, "queue_size": 8}}, 4, 8),
        ({"max_batch_request_parallelism": 2}, 2, 10_000),
    ],
    ids=str,
)
def test_the_queue_gives_out_one_batch_at_a_time(
    config: dict[str, Any], parallel: int, queue_size: int
) -> None:
    read = RemoteWriteExporter.Config.model_validate({"endpoint": "http://h/w", **config})
    queue = read.delivery.sending_queue
    assert (read.parallel_requests, queue.num_consumers, queue.queue_size) == (
        parallel,
        1,
        queue_size,
    )
