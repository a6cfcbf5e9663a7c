"""`belvedere demo` against `belvedere up`: what is sent arrives, and it is a story."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cli_server import Run
from ports import free_port

from belvedere.cli.client import Client
from belvedere.cli.demo import agentstack
from belvedere.cli.demo.plan import draw
from belvedere.installation import install_command

_ADDRESS = re.compile(r"^  (\S.*?)  +(\S+:\d+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running `belvedere up` on ports of the system's choice: what listens → where."""
    folder = tmp_path_factory.mktemp("up")
    log = folder / "log"
    program = "from belvedere.cli.main import main; main()"
    ports = [f"--{name}=0" for name in ("grpc-port", "http-port", "port")]
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "up", "--data-dir", str(folder / "data"), *ports],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield _addresses(log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()


def _addresses(log: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    while True:
        found = dict(_ADDRESS.findall(log.read_text()))
        if {"API and UI", "OTLP/gRPC", "OTLP/HTTP"} <= found.keys():
            return {what: where.removeprefix("http://") for what, where in found.items()}
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


def wait_for(client: Client, table: str, rows: int) -> None:
    """Wait until a table has so many rows: they appear a moment after they were accepted."""
    for _ in range(600):
        if client.rows(f"SELECT count() AS n FROM {table}")[0]["n"] >= rows:
            return
        time.sleep(0.05)
    raise AssertionError(f"{table} has not got {rows} rows")


@pytest.mark.parametrize(
    ("protocol", "door", "how"),
    [("grpc", "OTLP/gRPC", "OTLP/gRPC"), ("http", "OTLP/HTTP", "OTLP/HTTP")],
)
def test_what_is_sent_arrives(
    run: Run, up: dict[str, str], protocol: str, door: str, how: str
) -> None:
    project = f"demo-{protocol}"
    endpoint = f"http://{up[door]}"
    where = ("--protocol", protocol, "--endpoint", endpoint, "--project", project)
    result = run("demo", "--load", "simulated", *where, "--server", "http://api.test")
    assert (result.code, result.err) == (0, "")
    first, *counts = result.out.splitlines()
    assert first.startswith(f"Sent to {endpoint} by {how}: 12 agent runs, ")
    sent = {what: int(count) for count, what in (c.strip().split(" ", 1) for c in counts[:3])}
    assert sent.keys() == {"spans", "log records", "metric points"}

    shown = re.search(r"belvedere trace ([0-9a-f]{32}) --server http://api\.test\n", result.out)
    assert shown
    with Client(f"http://{up['API and UI']}", project) as client:
        wait_for(client, "otel_traces", sent["spans"])
        wait_for(client, "otel_logs", sent["log records"])
        wait_for(client, "metric_series", 1)
        _check_story(client, sent, shown[1])


def _check_story(client: Client, sent: dict[str, int], shown: str) -> None:
    def one(query: str) -> dict[str, Any]:
        return client.rows(query)[0]

    assert one("SELECT count() AS n, uniqExact(SpanId) AS ids FROM otel_traces") == {
        "n": sent["spans"],
        "ids": sent["spans"],
    }
    assert one(
        """SELECT uniqExact(TraceId) AS traces, countIf(ParentSpanId = '') AS roots,
            countIf(ParentSpanId NOT IN (SELECT SpanId FROM otel_traces) AND ParentSpanId != '')
                AS orphans,
            countIf(toUnixTimestamp64Nano(Timestamp) + Duration > toUnixTimestamp64Nano(now64(9)))
                AS in_future
        FROM otel_traces"""
    ) == {"traces": 12, "roots": 12, "orphans": 0, "in_future": 0}
    services = client.rows("SELECT DISTINCT ServiceName AS name FROM otel_traces ORDER BY name")
    assert {row["name"] for row in services} >= {"agent-runtime", "api-gateway", "tool-server"}
    operations = client.rows(
        "SELECT DISTINCT SpanAttributes['gen_ai.operation.name'] AS name FROM otel_traces"
    )
    assert {row["name"] for row in operations} == {"", "chat", "execute_tool", "invoke_agent"}
    assert one("SELECT countIf(SpanId = '') AS loose FROM otel_logs") == {"loose": 0}
    assert one(f"SELECT count() > 5 AS found FROM otel_traces WHERE TraceId = '{shown}'") == {
        "found": 1
    }
    metrics = client.rows("SELECT DISTINCT name FROM metric_series")
    assert {row["name"] for row in metrics} >= {
        "agents_active",
        "gen_ai_client_operation_duration_seconds_count",
        "http_requests_total",
        "llm_call_duration_seconds_bucket",
        "llm_calls_total",
        "llm_tokens_input_total",
        "llm_tokens_output_total",
    }


def test_it_goes_on_for_a_while(run: Run, up: dict[str, str]) -> None:
    where = ("--endpoint", f"http://{up['OTLP/gRPC']}")
    result = run("demo", "--load", "simulated", "--seconds", "1", *where)
    assert result.code == 0
    assert re.match(
        r"Sent to \S+ by OTLP/gRPC: [12] agent runs?, [012] of them failed\.", result.out
    )


def test_agentstack_runs(run: Run, up: dict[str, str]) -> None:
    endpoint = f"http://{up['OTLP/gRPC']}"
    where = ("--endpoint", endpoint, "--project", "stack")
    result = run("demo", "--load", "agentstack", "--runs", "1", *where)
    assert (result.code, result.err) == (0, "")
    assert "Where is my order 8123?" in result.out
    assert f"Sent to {endpoint} by OTLP/gRPC: 1 agent run, 0 of them failed." in result.out
    shown = re.search(r"belvedere trace ([0-9a-f]{32})\n", result.out)
    assert shown
    with Client(f"http://{up['API and UI']}", "stack") as client:
        wait_for(client, f"otel_traces WHERE TraceId = '{shown[1]}'", 10)


def test_without_its_packages_the_load_is_simulated(
    run: Run, up: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agentstack, "missing", lambda: ["huey", "mcp"])
    where = ("--endpoint", f"http://{up['OTLP/gRPC']}", "--runs", "2")
    result = run("demo", *where)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("A simulated load. For AgentStack, a real application: pip ")
    assert "by OTLP/gRPC: 2 agent runs, " in result.out

    result = run("demo", "--load", "agentstack", *where)
    assert (result.code, result.out) == (1, "")
    how = install_command("demo")
    assert result.err == f"belvedere: AgentStack needs huey, mcp\nInstall them with: {how}\n"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_nothing_listens(run: Run, protocol: str) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    result = run("demo", "--protocol", protocol, "--endpoint", endpoint)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"belvedere: nothing receives OTLP at {endpoint} (Connection refused)\n"
        "Start it with: belvedere up    (another address: --endpoint URL)\n"
    )


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("load", ["agentstack", "simulated"])
def test_something_else_listens(run: Run, up: dict[str, str], protocol: str, load: str) -> None:
    """No traceback of the SDK, no endless retries: a sentence with its last complaint."""
    endpoint = f"http://{up['API and UI']}"
    where = ("--protocol", protocol, "--endpoint", endpoint)
    result = run("demo", "--load", load, "--runs", "1", *where)
    assert (result.code, result.out) == (1, "")
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"belvedere: {endpoint} accepted nothing: Failed to export ")
    assert lines[1].startswith("Is that an OTLP receiver? Does it ask for a token (--token), or")


@pytest.mark.parametrize("endpoint", ["abc", "127.0.0.1:4317", "http://a", "http://a:b"])
def test_no_endpoint(run: Run, endpoint: str) -> None:
    result = run("demo", "--endpoint", endpoint)
    assert result.err == (
        f"belvedere: {endpoint!r} is no endpoint\nWrite it like --endpoint http://127.0.0.1:4317\n"
    )


def test_a_seed_gives_the_same_runs() -> None:
    first, second = ([draw(Random(7)) for _ in range(5)] for _ in range(2))
    assert first == second


def test_runs_are_short_and_varied() -> None:
    random = Random(1)
    runs = [draw(random) for _ in range(200)]
    assert all(500 < run.duration_ms < 12_000 for run in runs)
    assert 0 < sum(run.fails for run in runs) < 100
    assert any(turn.retry_after_ms for run in runs for turn in run.turns)
    assert any(turn.tool and turn.tool.fails for run in runs for turn in run.turns)
