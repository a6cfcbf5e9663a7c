"""The results as tables."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

import cases
from cases import CASES
from payloads.workload import WORKLOADS
from result import Results

_MIB: Final = 1 << 20
_SMALLEST_S: Final = 0.05
"""Threads with less CPU a million records are not shown."""
_JUDGED_S: Final = 5.0
"""In runs shorter than this at the wanted speed, the last segment's second counts too much."""


def print_results(console: Console, results: Results) -> None:
    """All of it."""
    _machine(console, results)
    if results.idle:
        idle = results.idle
        console.print(
            f"Idle: {idle.rss_bytes / _MIB:.0f} MiB resident ({idle.own_bytes / _MIB:.0f} MiB of it"
            f" without files behind it), {idle.cores:.1%} of a core;"
            f" ready {idle.start_s:.1f} s after the start, {idle.first_start_s:.1f} s on an empty"
            " directory.\n"
        )
    _speeds(console, results)
    _delays(console, results)
    _floors(console, results)
    _costs(console, results)
    _disk(console, results)
    _targets(console, results)


def write_json(path: Path, results: Results) -> None:
    """All of it, and what follows from it, for programs."""
    body = asdict(results)
    for written, result in zip(body["cases"], results.cases, strict=True):
        written["bytes_per_record"] = result.bytes_per_record
        written["check"]["passed"] = result.check.passed
    body["shapes"] = {name: workload.shape for name, workload in WORKLOADS.items()}
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _machine(console: Console, results: Results) -> None:
    machine = results.machine
    console.print(
        f"\n{machine['cores']} cores of {machine['cpu']}, {machine['memory_bytes'] >> 30} GiB;"
        f" {machine['system']}; Python {machine['python']}, chDB {machine['chdb_core']},"
        f" gRPC {machine['grpcio']}; load before: {machine['load_before']:.2f}."
        " The sender runs on the same machine.",
        highlight=False,
    )
    used = {result.case.partition("-")[0]: result for result in results.cases}
    for name, result in used.items():
        workload = WORKLOADS[name]
        console.print(f"[bold]{name}[/]: {workload.shape}.", highlight=False)
        if "gzip" not in result.case:
            console.print(
                f"  A request has {result.request_bytes / 1000:,.0f} kB,"
                f" {result.request_bytes / workload.records_per_request:,.0f} B"
                f" for each of its {workload.records_per_request:,} {workload.unit}.",
                highlight=False,
            )
    console.print()


def _speeds(console: Console, results: Results) -> None:
    table = _table(
        "Speed: acknowledged until the last answer, queryable until a query finds all",
        "case",
        "acknowledged\nper s",
        "queryable\nper s",
        "answer\np50 ms",
        "\np99 ms",
        "\nretries",
        "\ncheck",
    )
    for result in results.cases:
        table.add_row(
            result.case,
            f"{result.acknowledged_per_s:,.0f}",
            f"{result.queryable_per_s:,.0f}",
            f"{result.latency_p50_ms:.0f}",
            f"{result.latency_p99_ms:.0f}",
            str(result.retries),
            "passed" if result.check.passed else "[red]FAILED[/]",
        )
    console.print(table, "")
    for result in results.cases:
        check = result.check
        if not check.passed:
            console.print(
                f"[red]{result.case}[/]: sent {check.sent:,}, acknowledged {check.acknowledged:,},"
                f" stored {check.stored:,}, different {check.different:,}"
            )


def _delays(console: Console, results: Results) -> None:
    table = _table(
        "Delay from sent to queryable, at half the speed",
        "case",
        "at records\nper s",
        "\np50 s",
        "\np99 s",
        "longest\ns",
    )
    for result in results.cases:
        if delay := result.delay:
            numbers = (f"{each:.2f}" for each in (delay.p50_s, delay.p99_s, delay.max_s))
            table.add_row(result.case, f"{delay.records_per_s:,.0f}", *numbers)
    if table.row_count:
        console.print(table, "")


def _floors(console: Console, results: Results) -> None:
    table = _table(
        "Floors: less than Belvedere does, with the same bytes",
        "case",
        "parsing\nonly, per s",
        "\nreached",
        "chDB\nalone",
        "\nreached",
        "CPU s per\nmillion",
        "\ntaken",
    )
    for result in results.cases:
        workload = result.case.partition("-")[0]
        parse, insert = results.parse_floors.get(workload), results.insert_floors.get(workload)
        if not parse or not insert:
            continue
        cpu_s = parse.cpu_s_per_million + insert.cpu_s_per_million
        table.add_row(
            result.case,
            f"{parse.records_per_s:,.0f}",
            f"{result.acknowledged_per_s / parse.records_per_s:.0%}",
            f"{insert.records_per_s:,.0f}",
            f"{result.queryable_per_s / insert.records_per_s:.0%}",
            f"{parse.cpu_s_per_million:.1f}+{insert.cpu_s_per_million:.1f}",
            f"{result.cpu_s_per_million / cpu_s:.2f}x",
        )
    if table.row_count:
        console.print(table, "")


def _costs(console: Console, results: Results) -> None:
    table = _table(
        "Costs: CPU s per million records, until merges rest; memory",
        "case",
        "server",
        "until\nqueryable",
        "sender",
        "peak\nMiB",
        "after\nMiB",
        "cores busy\nelsewhere",
    )
    for result in results.cases:
        table.add_row(
            result.case,
            f"{result.cpu_s_per_million:.2f}" + ("" if result.merged else "+"),
            f"{result.cpu_s_per_million_until_queryable:.2f}",
            f"{result.sender_cpu_s_per_million:.2f}",
            f"{result.peak_rss_bytes / _MIB:,.0f}",
            f"{result.rss_after_bytes / _MIB:,.0f}",
            f"{result.others_cores:.2f}",
        )
    console.print(table, "")
    console.print(
        "By thread, CPU s per million (main: the event loop; belvedere: other Python threads;"
        " event_engine: gRPC; ThreadPool: chDB's inserts and queries; MergeMutate: its merges)"
    )
    for result in results.cases:
        per_million = 1e6 / result.records
        threads = [
            f"{name} {seconds * per_million:.2f}"
            for name, seconds in result.threads_cpu_s.items()
            if seconds * per_million >= _SMALLEST_S
        ]
        console.print(f"  {result.case}: {', '.join(threads)}", highlight=False)
    console.print()


def _disk(console: Console, results: Results) -> None:
    table = _table(
        "Disk, after merges",
        "case",
        "table",
        "rows",
        "bytes\na row",
        "of these\nindexes",
        "bytes\na record",
    )
    for result in results.cases:
        for number, each in enumerate(result.disk):
            table.add_row(
                "" if number else result.case,
                each["table"],
                f"{each['rows']:,}",
                f"{each['bytes'] / each['rows']:.1f}",
                f"{each['index_bytes'] / each['rows']:.1f}",
                "" if number else f"{result.bytes_per_record:.1f}",
            )
    if table.row_count:
        console.print(table, "")


def _targets(console: Console, results: Results) -> None:
    table = _table("Targets", "target", "wanted", "reached", "verdict")
    for what, wanted, reached, met in _judged(results):
        table.add_row(what, wanted, reached, "[green]met[/]" if met else "[yellow]missed[/]")
    if table.row_count:
        console.print(table, "")


def _judged(results: Results) -> list[tuple[str, str, str, bool]]:
    """For each target that was measured: what, wanted, reached, whether it is met."""
    rows = []
    main = {case.name for case in CASES if case.is_main}
    for result in results.cases:
        workload = WORKLOADS[result.case.partition("-")[0]]
        wanted_per_s = cases.TARGETS_PER_S.get(workload.name)
        if result.case not in main or wanted_per_s is None:
            continue
        if result.records >= _JUDGED_S * wanted_per_s:
            reached_per_s = min(result.acknowledged_per_s, result.queryable_per_s)
            met = reached_per_s >= wanted_per_s
            what = f"{result.case}: {workload.unit}/s queryable"
            rows.append((what, f"{wanted_per_s:,}", f"{reached_per_s:,.0f}", met))
        if result.delay:
            wanted_s, delay = cases.TARGET_DELAY_P99_S, result.delay
            what = f"{result.case}: delay p99 at {delay.records_per_s:,.0f}/s"
            rows.append((what, f"{wanted_s:g} s", f"{delay.p99_s:.2f} s", delay.p99_s <= wanted_s))
        if workload.name == "traces" and result.bytes_per_record:
            wanted, reached = cases.TARGET_BYTES_PER_SPAN, result.bytes_per_record
            rows.append(
                (
                    f"{result.case}: bytes on disk a span",
                    str(wanted),
                    f"{reached:.1f}",
                    reached <= wanted,
                )
            )
    if results.idle:
        rows += _judged_idle(results)
    return rows


def _judged_idle(results: Results) -> list[tuple[str, str, str, bool]]:
    idle = results.idle
    if idle is None:
        return []
    wanted_bytes, wanted_core = cases.TARGET_IDLE_RSS_BYTES, cases.TARGET_IDLE_CORE
    return [
        (
            "idle memory",
            f"{wanted_bytes / _MIB:.0f} MiB",
            f"{idle.rss_bytes / _MIB:.0f} MiB",
            idle.rss_bytes <= wanted_bytes,
        ),
        ("idle CPU", f"{wanted_core:.0%}", f"{idle.cores:.1%}", idle.cores <= wanted_core),
        (
            "ready, on an empty directory",
            f"{cases.TARGET_START_S:g} s",
            f"{idle.first_start_s:.1f} s",
            idle.first_start_s <= cases.TARGET_START_S,
        ),
    ]


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        show_edge=False,
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table
