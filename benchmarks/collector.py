"""`make bench-collector`: what the Collector costs a second, an item and a core."""

import shlex
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import machine
from collecting.cases import CASES, SMALL, Case, select
from collecting.measure import measure
from collecting.report import print_results, write_json
from collecting.result import Result
from payloads.file import Payload, compress, encode, joined
from progress import Progress

_REQUESTS = 160
"""Requests of each workload that are made, and sent over and over."""
_WIDTH = 100
"""Of the tables, in a file."""


def collector(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: spans through each pipeline.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Cases by name, also with * (repeatable): pass-traces-512, 'upsert-*'."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each case sends, about.")] = 4.0,
    go_collector: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A Go Collector to run in the same table: one with otlp, batch, attributes,"
            " spanmetrics and prometheus.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write all results to this file.")] = None,
    belvedere: Annotated[
        str, typer.Option(help="What to measure, if not this environment's `belvedere collector`.")
    ] = "",
    list_cases: Annotated[bool, typer.Option("--list", help="Show the cases, and stop.")] = False,
) -> None:
    """Measure `belvedere collector` on this machine.

    Each case starts a Collector of its own between a sender and a sink that counts, both processes
    of their own. Requests are encoded before the run and sent over and over. What counts is the
    CPU time of the Collector's process: items/s per core = items / CPU seconds. After each case
    it is checked that as many items came out as went in; if not, the exit code is 1. A missed
    target does not change it: other machines have other numbers.
    """
    chosen = select(only or [], quick=quick)
    if list_cases or not chosen:
        print(*(case.name for case in (CASES if list_cases else chosen)), sep="\n")
        raise typer.Exit(0 if list_cases else 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # everything it started is stopped
    own = shlex.split(belvedere) or [str(Path(sys.executable).with_name("belvedere")), "collector"]
    commands = [("belvedere", own)]
    if go_collector:
        commands.append(("go", [str(go_collector)]))
    console, results, described = Console(), list[Result](), machine.describe()
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="belvedere-bench-"))
        )
        progress = stack.enter_context(Progress(console))
        payloads = _Payloads(directory, progress)
        for case in chosen:
            payload = payloads.of(case)
            progress.begin(case.name)
            for name, command in commands:
                folder = directory / f"{case.name}-{name}"
                requests = case.requests(1.0 if quick else seconds)
                results.append(
                    measure(case, payload, requests, (name, command), folder, progress.say)
                )
    print_results(console, described, results)
    if json:
        write_json(json, described, results)
    if any(result.lost for result in results):
        raise typer.Exit(1)


class _Payloads:
    """Requests of all workloads and sizes, made when they are first wanted."""

    def __init__(self, directory: Path, progress: Progress) -> None:
        self._directory, self._progress = directory, progress
        self._made: dict[tuple[str, int, bool], Payload] = {}

    def of(self, case: Case) -> Payload:
        """What a case sends."""
        return self._of(case, case.items_per_request, gzip=case.gzip)

    def _of(self, case: Case, size: int, *, gzip: bool) -> Payload:
        key = (case.workload.name, size, gzip)
        if key not in self._made:
            self._made[key] = self._make(case, size, gzip=gzip)
        return self._made[key]

    def _make(self, case: Case, size: int, *, gzip: bool) -> Payload:
        if gzip:
            return compress(self._of(case, size, gzip=False), lambda _: None)
        if size != SMALL:
            return joined(self._of(case, SMALL, gzip=False), size // SMALL)
        self._progress.begin(f"{case.workload.name} encoding")
        return encode(case.workload, _REQUESTS, self._directory, lambda _: None)


if __name__ == "__main__":
    typer.run(collector)
