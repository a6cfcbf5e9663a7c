"""promtool, as it asks a Prometheus: at `/prometheus`, and at the root of a port of its own."""

import subprocess
import time
from collections.abc import Callable

import httpx
import pytest
from prerequisites import program
from running_server import RunningServer

from belvedere.prometheus.model import Metadata, MetricType, Series, labels_of
from belvedere.prometheus.remote_write import v2
from belvedere.prometheus.remote_write.snappy import compress


def filled(server: RunningServer) -> int:
    """Write ten minutes of a counter that grows by 1 each 15 s; the time of the last sample."""
    now_s = int(time.time())
    series = Series(
        labels_of({"__name__": "jobs_total", "kind": "a"}),
        Metadata("jobs_total", MetricType.COUNTER, "Jobs."),
        samples=[((now_s - 600 + 15 * at) * 1000, float(at)) for at in range(41)],
    )
    content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    httpx.post(
        f"{server.api}/prometheus/api/v1/write",
        content=compress(v2.encode([series])),
        headers={"content-type": content_type, "content-encoding": "snappy"},
    ).raise_for_status()
    deadline = time.monotonic() + 30
    while not promtool("query", "instant", f"{server.api}/prometheus", "jobs_total"):
        assert time.monotonic() < deadline, "the samples did not become visible"
        time.sleep(0.1)
    return now_s


def promtool(*arguments: str) -> str:
    run = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("at", ["/prometheus", "a port of its own"])
def test_promtool_gets_its_answers(start_server: Callable[..., RunningServer], at: str) -> None:
    server = start_server("--prometheus-port", "0")
    url = f"{server.api}/prometheus" if at == "/prometheus" else server.address("Prometheus API")
    now_s = filled(server)
    window = ("--start", str(now_s - 30), "--end", str(now_s))
    instant = promtool("query", "instant", f"--time={now_s}", url, "increase(jobs_total[1m])")
    assert instant == f'{{kind="a"}} => 4 @[{now_s}]'
    ranged = promtool("query", "range", *window, "--step=15s", url, "jobs_total")
    assert ranged.splitlines() == [
        'jobs_total{kind="a"} =>',
        f"38 @[{now_s - 30}]",
        f"39 @[{now_s - 15}]",
        f"40 @[{now_s}]",
    ]
    series = promtool("query", "series", *window, "--match=jobs_total", url)
    assert series == '{__name__="jobs_total", kind="a"}'
    assert promtool("query", "labels", *window, url, "kind") == "a"
    assert promtool("query", "instant", url, "1+1").startswith("scalar: 2 @")
    flags = httpx.get(f"{url}/api/v1/status/flags").json()["data"]
    assert flags["query.lookback-delta"] == "5m"
    assert flags["web.listen-address"] in server.address("Prometheus API")


def test_a_feature_that_there_is_not_is_named(start_server: Callable[..., RunningServer]) -> None:
    with pytest.raises(AssertionError, match="there is no feature 'promql-magic'"):
        start_server("--enable-feature", "promql-magic")


def test_experimental_functions_are_switched_on_by_name(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server("--enable-feature", "promql-experimental-functions")
    url = f"{server.api}/prometheus"
    assert promtool("query", "instant", url, "max_of(1, 2)").startswith("scalar: 2")
