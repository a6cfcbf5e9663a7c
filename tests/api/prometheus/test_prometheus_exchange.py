"""What goes from one Prometheus to another: remote read, federation, OTLP."""

import time

import httpx
import pytest
from api_samples import client
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from belvedere.api.state import AppState
from belvedere.otlp.batch import Batch
from belvedere.prometheus.message_table import message_classes
from belvedere.prometheus.model import NativeHistogram, Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.prometheus.remote_read import MatcherType, ReadQuery, encode_request
from belvedere.prometheus.remote_write import v1
from belvedere.prometheus.remote_write.snappy import compress, decompress
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert

T0_MS = 1_795_000_000_000
ReadResponse = message_classes(
    "test",
    {
        "ReadResponse": "1 results Result*",
        "Result": "1 timeseries Any*",
        "Any": "1 labels Label*\n 2 samples Sample*",
        "Label": "1 name string\n 2 value string",
        "Sample": "1 value double\n 2 timestamp int64",
    },
)["ReadResponse"]


async def read(prometheus: httpx.AsyncClient, *queries: ReadQuery) -> Message:
    answer = await prometheus.post("api/v1/read", content=compress(encode_request(queries)))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert answer.headers["content-encoding"] == "snappy"
    return ReadResponse.FromString(decompress(answer.content))


async def test_remote_read_gives_each_query_its_samples(prometheus: httpx.AsyncClient) -> None:
    up = ((MatcherType.EQUAL, "__name__", "up"),)
    pods = ((MatcherType.EQUAL, "__name__", "requests_total"), (MatcherType.NOT_REGEX, "pod", "a"))
    response = await read(
        prometheus, ReadQuery(T0_MS, T0_MS + 15_000, up), ReadQuery(T0_MS, T0_MS, pods)
    )
    first, second = response.results
    [series] = first.timeseries
    assert [(label.name, label.value) for label in series.labels] == [
        ("__name__", "up"),
        ("pod", "a"),
    ]
    assert [(s.timestamp, s.value) for s in series.samples] == [(T0_MS, 0), (T0_MS + 15_000, 1)]
    [series] = second.timeseries
    assert ("pod", "b") in [(label.name, label.value) for label in series.labels]


async def test_remote_read_has_native_histograms(
    prometheus: httpx.AsyncClient, metric_store: EmbeddedClickHouse
) -> None:
    written = NativeHistogram(2, 5, 1.5, 0.001, 1, ((-1, 3),), ((2, 1),), (), 1)
    series = Series(labels_of({"__name__": "native"}), histograms=[(T0_MS, written)])
    insert(metric_store, "default", Door.POINTS, encode_points([series]), token="native")
    query = ReadQuery(T0_MS, T0_MS, ((MatcherType.EQUAL, "__name__", "native"),))
    answer = await prometheus.post("api/v1/read", content=compress(encode_request([query])))
    result = ReadResponse.FromString(decompress(answer.content)).results[0].SerializeToString()
    [found], _ = v1.decode(result)
    assert found.histograms == [(T0_MS, written)]


@pytest.mark.parametrize(
    "body", [b"", b"junk", compress(b"\xff")], ids=["empty", "junk", "no request"]
)
async def test_a_read_that_is_none_is_refused(prometheus: httpx.AsyncClient, body: bytes) -> None:
    answer = await prometheus.post("api/v1/read", content=body)
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


async def test_federation_gives_the_newest_of_each_series(
    prometheus: httpx.AsyncClient, metric_store: EmbeddedClickHouse
) -> None:
    now_ms = time.time_ns() // 1_000_000
    series = [
        Series(
            labels_of({"__name__": "fresh", "pod": pod}),
            samples=[(now_ms - 20_000, 1.0), (now_ms - 10_000, value)],
        )
        for pod, value in (("b", 2.5), ("a", 3.0))
    ]
    insert(metric_store, "default", Door.POINTS, encode_points(series), token="fresh")
    answer = await prometheus.get("federate", params={"match[]": ["fresh", "up"]})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    at = now_ms - 10_000
    assert lines == [
        f'fresh{{pod="a",instance=""}} 3 {at}',
        f'fresh{{pod="b",instance=""}} 2.5 {at}',
    ]


async def test_federation_of_nothing_is_refused(prometheus: httpx.AsyncClient) -> None:
    assert (await prometheus.get("federate")).status_code == 400


class Store:
    """Stands for the exporter: it keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def consume(self, batch: Batch) -> None:
        self.batches.append(batch)

    async def append_points(self, *_: object) -> None:
        raise AssertionError


async def test_otlp_metrics_are_taken_where_prometheus_takes_them(
    metric_store: EmbeddedClickHouse,
) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="depth")
    metric.gauge.data_points.add(as_double=1, time_unix_nano=T0_MS * 1_000_000)
    store = Store()
    state = AppState(metric_store, store_writer=lambda: store)
    async with client(state) as api:
        answer = await api.post(
            "/prometheus/api/v1/otlp/v1/metrics",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf", "x-scope-orgid": "team"},
        )
        missing = await api.post("/prometheus/api/v1/otlp/v1/traces", content=b"")
    assert (answer.status_code, missing.status_code) == (200, 404)
    [batch] = store.batches
    assert (batch.project, batch.items) == ("team", 1)


async def test_without_a_writer_otlp_is_told_to_come_again(prometheus: httpx.AsyncClient) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="depth")
    metric.gauge.data_points.add(as_double=1, time_unix_nano=T0_MS * 1_000_000)
    answer = await prometheus.post(
        "api/v1/otlp/v1/metrics",
        content=request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )
    assert answer.status_code == 503
