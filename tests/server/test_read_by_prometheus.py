"""A real Prometheus reads from a real `belvedere up`: by remote read, and by federation."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from real_prometheus import RealPrometheus
from running_server import RunningServer

from belvedere.prometheus.model import NativeHistogram, Series, labels_of
from belvedere.prometheus.remote_write import v1
from belvedere.prometheus.remote_write.snappy import compress

STEP_MS = 15_000
SAMPLES = 40


def _filled(server: RunningServer) -> int:
    """Counters, a gauge with odd values, and a native histogram; the time of the newest, in ms."""
    end_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
    times = [end_ms - STEP_MS * at for at in range(SAMPLES, -1, -1)]
    odd = [0.0, -0.0, float("inf"), float("nan"), 1e-300, -1.5]
    several = [
        Series(
            labels_of({"__name__": "jobs_total", "pod": pod, "path": "/ä b"}),
            samples=[(at, float(n % 25 * scale)) for n, at in enumerate(times)],
        )
        for pod, scale in (("a", 1), ("b", 3), ("c", 10))
    ]
    several += [
        Series(
            labels_of({"__name__": "odd"}),
            samples=[(at, odd[n % len(odd)]) for n, at in enumerate(times)],
        ),
        Series(
            labels_of({"__name__": "sizes"}),
            histograms=[
                (at, NativeHistogram(1, 3.0 * n + 1, 2.5 * n, 0.001, 1, ((0, n), (1, 2 * n)), ()))
                for n, at in enumerate(times)
            ],
        ),
    ]
    httpx.post(
        f"{server.api}/prometheus/api/v1/write",
        content=compress(v1.encode(several)),
        headers={"content-type": "application/x-protobuf", "content-encoding": "snappy"},
    ).raise_for_status()
    server.stored()
    return end_ms


def _answers(url: str, query: str, at_s: float, *, ranged: bool) -> dict[str, Any]:
    """`data.result` by the labels of each series."""
    path, times = "query", {"time": at_s}
    if ranged:
        path, times = "query_range", {"start": at_s - 400, "end": at_s, "step": 20}
    answer = httpx.get(f"{url}/api/v1/{path}", params={"query": query, **times}).json()
    assert answer["status"] == "success", answer
    return {repr(each.pop("metric")): each for each in answer["data"]["result"]}


def test_remote_read_gives_prometheus_what_is_stored_here(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = start_server()
    # It reads histograms since 2.44 only: those of `sizes` are sent, and not looked at.
    # Where a sample is at the start of a range, version 2 takes it in and version 3 does not.
    at_s = _filled(server) / 1000 + 7
    url = f"{server.api}/prometheus"
    config = {"remote_read": [{"url": f"{url}/api/v1/read", "read_recent": True}]}
    with RealPrometheus(tmp_path, config=config) as prometheus:
        for query in (
            "jobs_total",
            'jobs_total{pod=~"a|b"}',
            'jobs_total{pod!="a",path="/ä b"}',
            "sum by (path) (increase(jobs_total[3m]))",
            "odd",
            'count by (__name__) ({__name__=~"jobs_.+|odd"})',
            "absent(nothing)",
        ):
            for ranged in (False, True):
                theirs = _answers(prometheus.url, query, at_s, ranged=ranged)
                assert theirs, query
                assert _same(_answers(url, query, at_s, ranged=ranged), theirs), query
        assert not prometheus.warnings


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Equal, but for the last digits of numbers."""
    return ours.keys() == theirs.keys() and all(
        _values(ours[key]) == pytest.approx(_values(theirs[key]), rel=1e-9, nan_ok=True)
        for key in theirs
    )


def _values(series: dict[str, Any]) -> dict[float, float]:
    points = series["values"] if "values" in series else [series["value"]]
    return {time_s: float(value) for time_s, value in points}


def test_prometheus_federates_the_newest_samples(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = start_server()
    end_s = _filled(server) / 1000
    job = {
        "job_name": "federate",
        "scrape_interval": "1s",
        "honor_labels": True,
        "metrics_path": "/prometheus/federate",
        "params": {"match[]": ["jobs_total", "odd", "sizes"]},
        "static_configs": [{"targets": [server.api.removeprefix("http://")]}],
    }
    with RealPrometheus(tmp_path, config={"scrape_configs": [job]}) as prometheus:
        found = prometheus.until(lambda: prometheus.query("timestamp(jobs_total)"))
        labels = [{"pod": pod, "path": "/ä b"} for pod in "abc"]
        # No instance: it is that of the series, which have none.
        assert [each["metric"] for each in found] == [
            {**each, "job": "federate"} for each in labels
        ]
        assert {float(each["value"][1]) for each in found} == {end_s}
        [odd] = prometheus.query("odd")
        assert odd["value"][1] == "1e-300"
        assert not prometheus.warnings
