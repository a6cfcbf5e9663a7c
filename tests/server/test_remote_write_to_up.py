"""A real Prometheus writes to a real `belvedere up`, and both then answer alike."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from real_prometheus import RealPrometheus
from running_server import RunningServer

from belvedere.prometheus.model import STALE, Metadata, MetricType, Series, labels_of
from belvedere.prometheus.remote_write import v1, v2
from belvedere.prometheus.remote_write.snappy import compress

V1 = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
V2 = {
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "content-encoding": "snappy",
}


def ask(server: RunningServer, query: str, time_s: float | None = None) -> Any:
    params = {"query": query} | ({} if time_s is None else {"time": str(time_s)})
    answer = httpx.get(f"{server.api}/prometheus/api/v1/query", params=params).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return value


def test_what_prometheus_scrapes_and_writes_is_what_it_has(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels("a").inc(7)
    Gauge("depth", "How deep.", registry=registry).set(-1.5)
    exporter, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    server = start_server()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "app",
                "static_configs": [{"targets": [f"127.0.0.1:{exporter.server_port}"]}],
            }
        ],
        "remote_write": [
            {
                "url": f"{server.api}/prometheus/api/v1/write",
                "queue_config": {"batch_send_deadline": "500ms"},
                "metadata_config": {"send_interval": "1s"},
            }
        ],
    }
    try:
        with RealPrometheus(tmp_path, config=config) as prometheus:
            [jobs] = until(lambda: ask(server, "jobs_total"))
            [depth] = until(lambda: ask(server, "depth"))
            assert (jobs["metric"]["kind"], jobs["value"][1]) == ("a", "7")
            assert depth["value"][1] == "-1.5"
            at_s = jobs["value"][0] - 1
            theirs = prometheus.query("count_over_time(up[1h])", at_s)[0]
            until(
                lambda: ask(server, "count_over_time(up[1h])", at_s)[0]["value"] == theirs["value"]
            )
            assert not prometheus.warnings
    finally:
        exporter.shutdown()
        thread.join()
        exporter.server_close()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_both_versions_are_stored_with_their_metadata(
    start_server: Callable[..., RunningServer], version: str
) -> None:
    server = start_server()
    now_ms = time.time_ns() // 1_000_000
    metadata = Metadata("jobs_total", MetricType.COUNTER, "Jobs done.")
    series = Series(
        labels_of({"__name__": "jobs_total", "kind": "a"}),
        metadata,
        samples=[(now_ms - 2_000, 1.0), (now_ms - 1_000, 2.0)],
    )
    body = v1.encode([series], [metadata]) if version == "1.0" else v2.encode([series])
    url = f"{server.api}/prometheus/api/v1"
    answer = httpx.post(
        f"{url}/write", content=compress(body), headers=V1 if version == "1.0" else V2
    )
    assert answer.status_code == 204, answer.text
    assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "2"
    [found] = until(lambda: ask(server, "jobs_total"))
    assert found["value"][1] == "2"
    said = httpx.get(f"{url}/metadata").json()["data"]["jobs_total"]
    assert said == [{"type": "counter", "unit": "", "help": "Jobs done."}]


def test_a_series_that_ends_is_gone_at_once(start_server: Callable[..., RunningServer]) -> None:
    server = start_server()
    now_ms = time.time_ns() // 1_000_000
    body = v1.encode(
        [
            Series(
                labels_of({"__name__": "up"}),
                samples=[(now_ms - 9_000, 1), (now_ms - 5_000, STALE)],
            )
        ]
    )
    httpx.post(f"{server.api}/prometheus/api/v1/write", content=compress(body), headers=V1)
    until(lambda: ask(server, "up", now_ms / 1000 - 7))
    assert ask(server, "up", now_ms / 1000 - 4) == []


def test_what_cannot_be_stored_is_refused_and_the_rest_is_kept(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server()
    now_ms = time.time_ns() // 1_000_000
    url = f"{server.api}/prometheus/api/v1/write"
    nameless = Series((("kind", "a"),), samples=[(now_ms, 1)])
    ancient = Series(labels_of({"__name__": "ancient"}), samples=[(-(10**15), 1)])
    good = Series(labels_of({"__name__": "good"}), samples=[(now_ms - 100, 1)])
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (compress(v1.encode([nameless, good, ancient])), V1, 400, "a series has no __name__"),
        (b"no snappy", V1, 400, "snappy"),
        (compress(b"\xff\xff"), V1, 400, "WriteRequest"),
        (compress(b""), {**V1, "content-type": "text/plain"}, 415, "application/x-protobuf"),
        (compress(b""), {**V1, "content-encoding": "gzip"}, 415, "snappy"),
        (compress(b""), {**V1, "content-type": "application/x-protobuf;proto=x.Y"}, 415, "proto="),
    ]
    for body, headers, status, text in cases:
        answer = httpx.post(url, content=body, headers=headers)
        assert (answer.status_code, text in answer.text) == (status, True), answer.text
    until(lambda: ask(server, "good"))
