"""`make bench-promql`: PromQL over HTTP, beside a real Prometheus with the same samples."""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import orjson
import psutil
import typer
from rich.console import Console
from rich.table import Table

import machine
import promql_active
from progress import Progress
from prometheus_server import PrometheusServer
from promql_data import STEP_S, Scale, requests
from server import BelvedereServer

_PLAIN_ANSWERS: Final = {"accept-encoding": "identity"}
"""Prometheus compresses for who asks for it, which takes longer than most queries."""
_BEFORE_STEP_S: Final = 7
_RELATIVE: Final = 1e-9
"""How far values may be apart: sums of the same numbers in another order."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    name: str
    text: str
    range_s: int = 2 * 3600
    step_s: int = 30
    chooses: bool = False
    """Which of two series with equal values it chooses is nobody's promise: values are compared."""


_PLAIN: Final = "http_requests_total"
_BUCKETS: Final = "llm_call_duration_seconds_bucket"
QUERIES: Final = (
    Query("selector", _PLAIN),
    Query("sum", f"sum({_PLAIN})"),
    Query("sum(rate)", f"sum(rate({_PLAIN}[1m]))"),
    Query("sum by (pod)(rate)", f"sum by (pod) (rate({_PLAIN}[1m]))"),
    Query("one-to-one", f"rate({_PLAIN}[1m]) / on (pod, container) {_PLAIN}"),
    Query(
        "many-to-one",
        f"rate({_PLAIN}[1m]) / on (pod) group_left () sum by (pod) (rate({_PLAIN}[1m]))",
    ),
    Query("histogram_quantile", f"histogram_quantile(0.95, sum by (le) (rate({_BUCKETS}[5m])))"),
    Query("topk", f"topk(5, rate({_PLAIN}[5m]))", chooses=True),
    Query("1 d, step 5 m", f"sum by (pod) (rate({_PLAIN}[5m]))", 86_400, 300),
    Query("regex over wide", 'count(wide{id=~".*7.*3"})', 120, 30),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """What one server took for a query."""

    seconds: float
    """Median, from the first byte asked to the last byte read."""
    cpu_s: float
    """Mean of the server's CPU time: what still says something on a busy machine."""
    series: dict[str, list[list[Any]]]


Row = tuple[Query, tuple[Timing, ...], list[str]]
"""A query, what Belvedere and Prometheus took, and what is not the same."""


def promql(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the data: to see that it works.")
    ] = False,
    repeat: Annotated[int, typer.Option(min=1, help="Times that each query is asked.")] = 7,
    only: Annotated[list[str] | None, typer.Option(help="Queries by name (repeatable).")] = None,
    active: Annotated[
        bool, typer.Option("--active", help="Dashboards while series get samples; no Prometheus.")
    ] = False,
) -> None:
    """Load the same samples into Belvedere and Prometheus by remote write, and ask both the same.

    Each server has one core, the client another. Whole HTTP answers are timed, after one that
    warms up, and compared: other values, or a series more or less, make the exit code 1.
    """
    if active:
        raise typer.Exit(promql_active.active(quick=quick))
    scale = Scale(pods=100, hours=2.5, wide=10_000) if quick else Scale()
    chosen = [query for query in QUERIES if not only or query.name in only]
    console = Console()
    console.width = max(console.width, 110)  # the table is as wide, also in a file
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="promql-bench-")))
        progress = stack.enter_context(Progress(console))
        rows, cpu_s, disk_bytes = _measure(directory, scale, chosen, repeat, progress)
        progress.begin("disk")
        disk = subprocess.run(
            [sys.executable, Path(__file__).with_name("disk.py"), directory / "belvedere"],
            stdout=subprocess.PIPE,
            check=True,
        )
        tables = {each["table"]: each for each in orjson.loads(disk.stdout)}
    _print(console, scale, rows)
    ours, theirs = (seconds / scale.samples * 1e6 for seconds in cpu_s)
    console.print(f"remote write: {ours:.2f} µs CPU a sample; Prometheus {theirs:.2f} µs")
    kept = tables["metric_samples"]["bytes"] + tables["metric_series"]["bytes"]
    console.print(
        f"on disk: {kept / scale.samples:.2f} bytes a sample, series and indexes included;"
        f" Prometheus {disk_bytes / scale.samples:.2f}, its log included"
    )
    raise typer.Exit(1 if any(differences for _, _, differences in rows) else 0)


def _measure(
    directory: Path, scale: Scale, queries: list[Query], repeat: int, progress: Progress
) -> tuple[list[Row], list[float], int]:
    """Load and ask. Returns a row a query, the CPU seconds of loading, Prometheus's disk bytes."""
    rows: list[Row] = []
    with ExitStack() as stack:
        progress.begin("start")
        ours = stack.enter_context(BelvedereServer(directory / "belvedere"))
        theirs = stack.enter_context(PrometheusServer(directory / "prometheus"))
        processes = (ours.process, theirs.process)
        _one_core(*processes)
        urls = (f"http://127.0.0.1:{ours.ports['api']}/prometheus", theirs.url)
        client = stack.enter_context(
            httpx.Client(timeout=120, trust_env=False, headers=_PLAIN_ANSWERS)
        )
        # Samples lie between the steps: ranges of Prometheus before 3.0 have both their ends.
        end_s = int(time.time()) // STEP_S * STEP_S
        progress.begin("load")
        before_s = [_cpu_s(process) for process in processes]
        _load(client, urls, scale, end_s - _BEFORE_STEP_S, progress)
        _until_complete(client, urls[0], scale, end_s)
        cpu_s = [_cpu_s(each) - used for each, used in zip(processes, before_s, strict=True)]
        for query in queries:
            progress.begin(query.name)
            timings = tuple(
                _ask(client, url, process, query, end_s, repeat)
                for url, process in zip(urls, processes, strict=True)
            )
            rows.append((query, timings, _differences(query, *timings)))
        return rows, cpu_s, theirs.disk_bytes


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _one_core(*processes: psutil.Process) -> None:
    """The servers on the last core, this client on the first."""
    cores = sorted(os.sched_getaffinity(0))
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {cores[-1]})
        process.cpu_affinity([cores[-1]])
    os.sched_setaffinity(0, {cores[0]})


def _load(
    client: httpx.Client, urls: tuple[str, str], scale: Scale, end_s: int, progress: Progress
) -> None:
    """Write everything to both."""
    written = 0
    for body, samples in requests(scale, end_s):
        for url in urls:
            answer = client.post(
                f"{url}/api/v1/write", content=body, headers=promql_active.WRITE_HEADERS
            )
            if not answer.is_success:
                raise RuntimeError(f"{url} refused samples: {answer.status_code} {answer.text}")
        written += samples
        progress.say(f"{written:,} of {scale.samples:,} samples")


def _until_complete(client: httpx.Client, url: str, scale: Scale, end_s: int) -> None:
    """Wait until the last samples can be asked for."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        params = {"query": "count(wide)", "time": end_s}
        result = client.get(f"{url}/api/v1/query", params=params).json()["data"]["result"]
        if result and result[0]["value"][1] == str(scale.wide):
            time.sleep(5)  # merges of what was just written
            return
        time.sleep(0.5)
    raise RuntimeError("what was written does not become visible")


def _ask(
    client: httpx.Client, url: str, process: psutil.Process, query: Query, end_s: int, repeat: int
) -> Timing:
    params = {
        "query": query.text,
        "start": end_s - query.range_s,
        "end": end_s,
        "step": query.step_s,
    }
    seconds, body, before_s = [], b"", 0.0
    for number in range(repeat + 1):
        if number == 1:
            before_s = _cpu_s(process)
        began_s = time.perf_counter()
        answer = client.get(f"{url}/api/v1/query_range", params=params)
        seconds.append(time.perf_counter() - began_s)
        body = answer.content
        if not answer.is_success:
            raise RuntimeError(f"{url}: {query.text}: {answer.text[:300]}")
    cpu_s = (_cpu_s(process) - before_s) / repeat
    series = {
        str(sorted(each["metric"].items())): each["values"]
        for each in orjson.loads(body)["data"]["result"]
    }
    return Timing(statistics.median(seconds[1:]), cpu_s, series)


def _differences(query: Query, ours: Timing, theirs: Timing) -> list[str]:
    """What is not the same."""
    mine, other = ours.series, theirs.series
    if query.chooses:
        mine, other = _by_step(mine), _by_step(other)
    found = [f"only one has {name}" for name in mine.keys() ^ other.keys()]
    for name in mine.keys() & other.keys():
        found += list(_of_series(name, mine[name], other[name]))
    return found


def _by_step(series: dict[str, list[list[Any]]]) -> dict[str, list[list[Any]]]:
    """The values of each step, in their order."""
    steps: dict[str, list[list[Any]]] = {}
    for at, value in (sample for samples in series.values() for sample in samples):
        steps.setdefault(str(at), []).append([at, value])
    return {at: sorted(samples, key=lambda each: float(each[1])) for at, samples in steps.items()}


def _of_series(name: str, ours: list[list[Any]], theirs: list[list[Any]]) -> Iterator[str]:
    if len(ours) != len(theirs):
        yield f"{name}: {len(ours)} samples, {len(theirs)} in Prometheus"
        return
    for (at, value), (their_at, their_value) in zip(ours, theirs, strict=True):
        same = value == their_value or math.isclose(
            float(value), float(their_value), rel_tol=_RELATIVE
        )
        if at != their_at or not same:
            yield f"{name} at {at}: {value}, {their_value} in Prometheus"
            return


def _print(console: Console, scale: Scale, rows: list[Row]) -> None:
    about = machine.describe()
    console.print(
        f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, chDB"
        f" {about['chdb_core']}, load before {about['load_before']:.2f}; one core a server"
    )
    console.print(
        f"{scale.pods:,} pods x {scale.containers} containers and 11 buckets,"
        f" each {STEP_S} s for {scale.hours:g} h: {scale.samples:,} samples, {scale.wide:,} wide"
    )
    table = Table(
        "query", "series", "Prometheus", "Belvedere", "ratio", "CPU", "CPU", "ratio", "values"
    )
    for query, timings, differences in rows:
        ours, theirs = timings
        table.add_row(
            query.name,
            f"{len(ours.series):,}",
            f"{theirs.seconds * 1000:,.1f} ms",
            f"{ours.seconds * 1000:,.1f} ms",
            f"{ours.seconds / theirs.seconds:.2f}",
            f"{theirs.cpu_s * 1000:,.0f} ms",
            f"{ours.cpu_s * 1000:,.0f} ms",
            f"{ours.cpu_s / max(theirs.cpu_s, 0.001):.2f}",
            "equal" if not differences else f"{len(differences)} differ",
        )
    console.print(table)
    for query, _, differences in rows:
        for difference in differences[:3]:
            console.print(f"{query.name}: {difference}", highlight=False)


if __name__ == "__main__":
    typer.run(promql)
