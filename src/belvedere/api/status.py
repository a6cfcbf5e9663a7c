"""`/api/status`: how Belvedere is doing, for `belvedere status` and the start page.

A token of one project shows what is known of that project alone.
"""

import os
import platform
import shutil
import time
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import orjson
import psutil
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import belvedere
from belvedere import internal_telemetry as telemetry
from belvedere.api.auth import Caller, caller
from belvedere.api.pool import QueryPool
from belvedere.api.rates import AcceptedRates, accepted, total
from belvedere.api.state import AppState
from belvedere.rules.evaluation.counts import RuleCounts

_TABLES: Final = """
SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts WHERE active AND database = {project:String}
GROUP BY table ORDER BY table
"""


def routes(state: AppState, pool: QueryPool, rates: AcceptedRates) -> list[BaseRoute]:
    """The routes of this file."""
    process = psutil.Process()
    clickhouse_version: list[str] = []

    def status(who: Caller, rules: RuleCounts) -> bytes:
        if not clickhouse_version:
            answer = state.database.query("SELECT version() AS version")
            clickhouse_version.extend(answer.column("version").to_pylist())
        tables = state.database.query(_TABLES, {"project": who.project})
        body: dict[str, Any] = {
            "versions": _versions(clickhouse_version[0]),
            "ready": not (problem := state.problem()),
            "problem": problem,
            "project": who.project,
            "rules": asdict(rules),
            "tables": tables.to_pylist(),
        }
        if who.confined:  # the rest is of all projects together
            body["signals"] = _signals_of(who.project)
            return orjson.dumps(body)
        parts = dict(state.status_parts())
        body |= {
            "pid": os.getpid(),
            "uptime_s": round(time.time() - process.create_time(), 1),
            "signals": _signals(rates),
            "queues": _queues(),
            "memory_bytes": process.memory_info().rss,
            "disk": _disk(parts.get("data_dir")),
            **parts,
        }
        return orjson.dumps(body, default=str)

    async def answer(request: Request) -> Response:
        who = caller(request, state)
        rules = RuleCounts.of(state.rule_groups(who.project))  # here, where they change
        body = await pool.run(request, partial(status, who, rules), project=who.project)
        return Response(body, media_type="application/json")

    return [Route("/api/status", answer)]


def _versions(clickhouse: str) -> dict[str, str]:
    versions = {
        "belvedere": belvedere.__version__,
        "clickhouse": clickhouse,
        "python": platform.python_version(),
    }
    with suppress(PackageNotFoundError):  # then the store is a ClickHouse server
        versions["chdb"] = version("chdb")
    return versions


def _signals(rates: AcceptedRates) -> dict[str, dict[str, float]]:
    per_second = rates.per_second()
    return {
        signal: {
            "accepted": count,
            "accepted_per_s": round(per_second[signal], 1),
            "refused": total(telemetry.RECEIVER_REFUSED[signal]),
            "rejected": total(telemetry.RECEIVER_REJECTED[signal]),
            "stored": total(telemetry.STORE_FLUSHED[signal]),
        }
        for signal, count in accepted().items()
    }


def _signals_of(project: str) -> dict[str, dict[str, float]]:
    """What was stored of one project. Receivers do not count by project."""
    return {
        signal: {"stored": total(counter, project=project)}
        for signal, counter in telemetry.STORE_FLUSHED.items()
    }


def _queues() -> dict[str, dict[str, float]]:
    """Size and capacity of each exporter's queue, in the unit of its capacity."""
    queues: dict[str, dict[str, float]] = {}
    gauges = {
        "size": telemetry.EXPORTER_QUEUE_SIZE,
        "capacity": telemetry.EXPORTER_QUEUE_CAPACITY,
    }
    for what, gauge in gauges.items():
        for family in gauge.collect():
            for sample in family.samples:
                queues.setdefault(sample.labels["exporter"], {})[what] = sample.value
    return queues


def _disk(data_dir: Any) -> dict[str, int] | None:
    if data_dir is None:
        return None
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError:
        return None
    return {"free_bytes": usage.free, "total_bytes": usage.total}
