"""The results as tables."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from collecting.cases import CASES
from collecting.pipelines import PIPELINES
from collecting.result import Result
from payloads.workload import WORKLOADS

_MIB: Final = 1 << 20
_BY_NAME: Final = {case.name: case for case in CASES}


def print_results(console: Console, machine: dict[str, Any], results: list[Result]) -> None:
    """All of it."""
    console.print(
        f"\n{machine['cores']} cores of {machine['cpu']}, {machine['memory_bytes'] >> 30} GiB;"
        f" {machine['system']}; Python {machine['python']}, gRPC {machine['grpcio']}; load before:"
        f" {machine['load_before']:.2f}. Sender and sink run on the same machine. No compression"
        " but where a case says gzip; Go with GOMAXPROCS=1.",
        highlight=False,
    )
    console.print("A case is a pipeline, a workload and how many items a request has.")
    for pipeline in PIPELINES.values():
        console.print(f"[bold]{pipeline.name}[/]: {pipeline.steps}.", highlight=False)
    for name in dict.fromkeys(_BY_NAME[result.case].workload.name for result in results):
        console.print(f"[bold]{name}[/]: {WORKLOADS[name].shape}.", highlight=False)
    console.print()
    _costs(console, results)
    _targets(console, results)


def write_json(path: Path, machine: dict[str, Any], results: list[Result]) -> None:
    """All of it, for programs."""
    body = {
        "machine": machine,
        "results": [
            asdict(result)
            | {
                "items_per_core_s": result.per_core_s,
                "cpu_s_per_million": result.cpu_s_per_million,
                "lost": result.lost,
            }
            for result in results
        ],
    }
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _costs(console: Console, results: list[Result]) -> None:
    table = _table(
        "\ncase",
        "\nCollector",
        "items/s\nper core",
        "CPU s per\nmillion",
        "items/s\nhere",
        "peak\nMiB",
        "\nretries",
        "\nlost",
    )
    for result in results:
        table.add_row(
            result.case,
            result.collector,
            f"{result.per_core_s:,.0f}",
            f"{result.cpu_s_per_million:.2f}",
            f"{result.items / result.duration_s:,.0f}",
            f"{result.peak_rss_bytes / _MIB:,.0f}",
            str(result.retries),
            "0" if result.lost == 0 else f"[red]{result.lost:,}[/]",
        )
    console.print(table, "")


def _targets(console: Console, results: list[Result]) -> None:
    table = _table("targets", "wanted\nper core", "\nreached", "\nverdict")
    for result in results:
        case = _BY_NAME[result.case]
        wanted = case.pipeline.target_per_s
        if result.collector != "belvedere" or wanted is None or case.gzip:
            continue
        met = result.per_core_s >= wanted
        verdict = "[green]met[/]" if met else "[yellow]missed[/]"
        table.add_row(result.case, f"{wanted:,}", f"{result.per_core_s:,.0f}", verdict)
    if table.row_count:
        console.print(table, "")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table
