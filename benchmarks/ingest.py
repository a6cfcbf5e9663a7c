"""`make bench-ingest`: how fast, how cheap and how safe `belvedere up` takes telemetry in."""

import shlex
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import cases
import machine
from cases import Case, Sizes
from floors import insert_floor, parse_floor
from idle import watch_idle
from measure import measure
from payloads.file import Payload, compress, encode
from payloads.workload import WORKLOADS, Workload
from progress import Progress
from report import print_results, write_json
from result import Results


def ingest(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: small, to see that it works.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="All cases, of all workloads: about fifteen minutes.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Cases by name, also with * (repeatable): traces-grpc-8, 'logs300-*'."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="How long each main case sends, about.")
    ] = None,
    floors: Annotated[bool, typer.Option(help="Measure the floors, too.")] = True,
    idle: Annotated[bool, typer.Option(help="Measure start and idleness, too.")] = True,
    json: Annotated[Path | None, typer.Option(help="Write all results to this file.")] = None,
    belvedere: Annotated[
        str, typer.Option(help="What to measure, if not this environment's `belvedere up`.")
    ] = "",
    list_cases: Annotated[bool, typer.Option("--list", help="Show the cases, and stop.")] = False,
) -> None:
    """Measure `belvedere up` on this machine, from the wire to the disk.

    For each case it starts a server of its own in a temporary directory, sends requests that were
    encoded before, and reports records/s acknowledged and queryable, CPU, memory, bytes on disk
    and the delay until a query finds what was sent. Floors say what a part of the work costs
    alone. After each case it is checked, by sequence numbers, that what was sent is what was
    acknowledged is what queries find, each record once; if not, the exit code is 1. A missed
    target does not change it: other machines have other numbers.

    A main case (gRPC, plain, 8 connections) is measured in full. Without --only: the main cases
    of all workloads, and all cases of traces.
    """
    chosen = cases.select(only or [], full=full, quick=quick)
    if list_cases or not chosen:
        print(*(case.name for case in (cases.CASES if list_cases else chosen)), sep="\n")
        raise typer.Exit(0 if list_cases else 2)
    sizes = _sizes(quick=quick, seconds=seconds)
    # A `kill` ends it as Ctrl-C does: everything it started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console()
    results = Results(machine.describe())
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="belvedere-bench-"))
        )
        progress = stack.enter_context(Progress(console))
        bench = _Bench(results, sizes, directory, shlex.split(belvedere), progress)
        if idle:
            progress.begin("idle")
            results.idle = watch_idle(bench.command, directory / "idle", sizes.idle_s, progress.say)
        for workload in WORKLOADS.values():
            if own := [case for case in chosen if case.workload is workload]:
                bench.run(workload, own, floors=floors)
    print_results(console, results)
    if json:
        write_json(json, results)
    if not all(result.check.passed for result in results.cases):
        raise typer.Exit(1)


class _Bench:
    """The way through the cases of a workload."""

    def __init__(
        self,
        results: Results,
        sizes: Sizes,
        directory: Path,
        command: list[str],
        progress: Progress,
    ) -> None:
        self.command = command
        self._results = results
        self._sizes = sizes
        self._directory = directory
        self._progress = progress

    def run(self, workload: Workload, chosen: list[Case], *, floors: bool) -> None:
        """Encode what the cases send, measure each, then the floors."""
        plain, zipped = self._payloads(workload, chosen)
        say = self._progress.say
        for case in chosen:
            self._progress.begin(case.name)
            self._results.cases.append(
                measure(
                    case,
                    zipped if case.gzip and zipped else plain,
                    self._sizes.requests(case),
                    self._sizes.paced_requests(case),
                    self.command,
                    self._directory / case.name,
                    say,
                )
            )
        if floors:
            self._progress.begin(f"{workload.name} floors")
            main = Case(workload, "grpc", gzip=False, connections=8)
            count = min(self._sizes.requests(main), len(plain.sizes_bytes()))
            self._results.parse_floors[workload.name] = parse_floor(main, plain, count, say)
            self._results.insert_floors[workload.name] = insert_floor(
                main, plain, count, self._directory / f"{workload.name}-floor", say
            )
        for payload in filter(None, (plain, zipped)):
            payload.remove()

    def _payloads(self, workload: Workload, chosen: list[Case]) -> tuple[Payload, Payload | None]:
        sizes = self._sizes
        count = max(sizes.requests(case) + sizes.paced_requests(case) for case in chosen)
        self._progress.begin(f"{workload.name} encoding")
        plain = encode(
            workload,
            count,
            self._directory,
            lambda done: self._progress.say(f"{done:,} of {count:,} requests"),
        )
        if not any(case.gzip for case in chosen):
            return plain, None
        zipped = compress(
            plain, lambda done: self._progress.say(f"gzip: {done:,} of {count:,} requests")
        )
        return plain, zipped


def _sizes(*, quick: bool, seconds: float | None) -> Sizes:
    if seconds is None:
        return cases.QUICK if quick else cases.DEFAULT
    idle_s = (cases.QUICK if quick else cases.DEFAULT).idle_s
    return Sizes(main_s=seconds, other_s=seconds / 2, delay_s=seconds, idle_s=idle_s)


if __name__ == "__main__":
    typer.run(ingest)
