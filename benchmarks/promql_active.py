"""`make bench-promql ARGS=--active`: dashboards, while 100,000 series get a sample each 15 s."""

import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import httpx
import orjson
from rich.console import Console
from rich.table import Table

import active_data
import machine
from active_data import INTERVAL_S, SERIES_A_TARGET
from progress import Progress
from server import BelvedereServer

WRITE_HEADERS: Final = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
_P99_TARGET_S: Final = 1.0
_BYTES_TARGET: Final = 1.5
_REFRESH_S: Final = 10
_DASHBOARDS: Final = 2
_CONNECTIONS: Final = 4
"""Of a dashboard; browsers have six at most."""
_BUCKETS: Final = "http_request_duration_seconds_bucket"
PANELS: Final = {
    "targets up": ("sum(up)", 0, 0),
    "requests by job": ("sum by (job) (rate(http_requests_total[1m]))", 3600, 15),
    "errors": ("sum by (code) (rate(http_errors_total[5m])) > 0", 3600, 15),
    "error share": (
        "sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))",
        3600,
        15,
    ),
    "p95 of a job": (
        f'histogram_quantile(0.95, sum by (le) (rate({_BUCKETS}{{job="agents"}}[5m])))',
        3600,
        15,
    ),
    "most memory": (
        "topk(5, sum by (pod) (container_memory_working_set_bytes))",
        3600,
        15,
    ),
    "one pod": ('rate(process_cpu_seconds_total{pod=~".*-0007"}[1m])', 3600, 15),
    "deepest queue": ("max by (namespace) (queue_depth)", 3600, 15),
}
"""By name: query, seconds that it looks back (0: the value now), and seconds of a step."""


@dataclass(slots=True)
class _Asked:
    """What the dashboards saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PANELS})
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def active(*, quick: bool) -> int:
    """Measure and print; the exit code."""
    target_count = (10_000 if quick else 100_000) // SERIES_A_TARGET + 1
    steps, live_s = (20, 20) if quick else (240, 150)
    console = Console()
    with (
        Progress(console) as progress,
        tempfile.TemporaryDirectory(prefix="promql-active-") as folder,
    ):
        directory = Path(folder) / "belvedere"
        progress.begin("start")
        with BelvedereServer(directory) as server:
            ours, theirs = multiprocessing.Pipe()
            sender = multiprocessing.get_context("spawn").Process(
                target=_send,
                args=(theirs, f"{_url(server)}/write", target_count, steps),
                daemon=True,
            )
            progress.begin(f"history of {steps * INTERVAL_S // 60} min")
            sender.start()
            before = ours.recv()
            _until_visible(server, target_count)
            progress.begin("dashboards")
            cpu_s = server.cpu_s()
            asked = _dashboards(server, live_s)
            cpu_s = server.cpu_s() - cpu_s
            ours.send(None)
            sent, behind_s = ours.recv()
            sender.join()
            progress.begin("merges")
            peak_bytes = server.peak_rss_bytes()
        disk = subprocess.run(
            [sys.executable, Path(__file__).with_name("disk.py"), directory],
            stdout=subprocess.PIPE,
            check=True,
        )
        tables = {each["table"]: each for each in orjson.loads(disk.stdout)}
    samples = tables["metric_samples"]["rows"]
    kept = (tables["metric_samples"]["bytes"] + tables["metric_series"]["bytes"]) / samples
    about = machine.describe()
    console.print(
        f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, chDB"
        f" {about['chdb_core']}, load before {about['load_before']:.2f}"
    )
    console.print(
        f"{target_count * SERIES_A_TARGET:,} series of {target_count} targets, each {INTERVAL_S} s:"
        f" {before:,} samples before, {sent:,} in {live_s} s; at most {behind_s:.1f} s behind"
    )
    worst_s = _print(console, asked)
    console.print(
        f"server: {cpu_s / live_s:.2f} cores, at most {peak_bytes >> 20:,} MiB;"
        f" on disk {kept:.2f} bytes a sample, series and indexes included"
        f" (target {_BYTES_TARGET}), {samples:,} samples stored of {before + sent:,}"
    )
    for failure in asked.failures[:3]:
        console.print(failure, highlight=False)
    good = not asked.failures and worst_s < _P99_TARGET_S and samples == before + sent
    return 0 if good and (quick or kept <= _BYTES_TARGET) else 1


def _url(server: BelvedereServer) -> str:
    return f"http://127.0.0.1:{server.ports['api']}/prometheus/api/v1"


def _send(pipe: Connection, url: str, target_count: int, steps: int) -> None:
    """A process: write history and say so, then each scrape at its time until asked to stop."""
    several = active_data.targets(target_count)
    chance = random.Random(17)
    with httpx.Client(timeout=60, trust_env=False, headers=WRITE_HEADERS) as client:

        def write(body: bytes) -> None:
            client.post(url, content=body).raise_for_status()

        start_s = int(time.time()) // INTERVAL_S * INTERVAL_S - steps * INTERVAL_S
        before = 0
        for body, count in active_data.history(several, start_s, steps):
            write(body)
            before += count
        pipe.send(before)
        sent, behind_s = 0, 0.0
        order = sorted(several, key=lambda target: target.offset_ms)
        interval_s = int(time.time()) // INTERVAL_S * INTERVAL_S + INTERVAL_S
        while not pipe.poll():
            for target in order:
                at_ms = interval_s * 1000 + target.offset_ms
                time.sleep(max(0.0, at_ms / 1000 - time.time()))
                for body, count in active_data.live(target, at_ms, chance):
                    write(body)
                    sent += count
                behind_s = max(behind_s, time.time() - at_ms / 1000)
            interval_s += INTERVAL_S
        pipe.send((sent, behind_s))


def _until_visible(server: BelvedereServer, target_count: int) -> None:
    """Wait until the history can be asked for."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        params = {"query": "count(up)", "time": str(int(time.time()))}
        result = httpx.get(f"{_url(server)}/query", params=params).json()["data"]["result"]
        if result and result[0]["value"][1] == str(target_count):
            return
        time.sleep(0.5)
    raise RuntimeError("what was written does not become visible")


def _dashboards(server: BelvedereServer, live_s: float) -> _Asked:
    """Refresh the dashboards for so long, each all its panels at once over few connections."""
    asked = _Asked()
    with (
        ThreadPoolExecutor(_DASHBOARDS * (_CONNECTIONS + 1)) as threads,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        dashboards = [
            threads.submit(_refresh, threads, client, _url(server), asked, live_s, number)
            for number in range(_DASHBOARDS)
        ]
        for dashboard in dashboards:
            dashboard.result()
    return asked


def _refresh(
    threads: ThreadPoolExecutor,
    client: httpx.Client,
    url: str,
    asked: _Asked,
    live_s: float,
    number: int,
) -> None:
    began_s = time.monotonic() + number * _REFRESH_S / _DASHBOARDS
    places = threading.Semaphore(_CONNECTIONS)
    while time.monotonic() < began_s + live_s:
        time.sleep(max(0.0, began_s - time.monotonic()))
        next_s = time.monotonic() + _REFRESH_S
        end_s = int(time.time())
        panels = []
        for name in PANELS:
            places.acquire()
            panel = threads.submit(_ask, client, url, name, end_s, asked)
            panel.add_done_callback(lambda _: places.release())
            panels.append(panel)
        for panel in panels:
            panel.result()
        time.sleep(max(0.0, next_s - time.monotonic()))


def _ask(client: httpx.Client, url: str, name: str, end_s: int, asked: _Asked) -> None:
    query, range_s, step_s = PANELS[name]
    path, params = "query", {"query": query, "time": str(end_s)}
    if range_s:
        # Grafana's ends are multiples of the step.
        end_s -= end_s % step_s
        times = {"start": str(end_s - range_s), "end": str(end_s), "step": str(step_s)}
        path, params = "query_range", {"query": query, **times}
    began_s = time.perf_counter()
    answer = client.get(f"{url}/{path}", params=params)
    took_s = time.perf_counter() - began_s
    with asked.lock:
        asked.seconds[name].append(took_s)
        if not answer.is_success or not answer.json()["data"]["result"]:
            asked.failures.append(f"{name}: {answer.text[:200]}")


def _print(console: Console, asked: _Asked) -> float:
    """The table; what the 99th percentile of all queries is, in seconds."""
    table = Table("panel", "asked", "median", "p99", "most")
    every = [took for times in asked.seconds.values() for took in times]
    for name, times in (*asked.seconds.items(), ("all", every)):
        table.add_row(
            name,
            f"{len(times):,}",
            *(f"{took * 1000:,.0f} ms" for took in (statistics.median(times), _p99(times))),
            f"{max(times) * 1000:,.0f} ms",
        )
    console.print(table)
    return _p99(every)


def _p99(times: list[float]) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
