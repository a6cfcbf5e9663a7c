"""The command itself: help that teaches, errors that say what to do, no traceback."""

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cli_server import Run, served

import belvedere
from belvedere.api.state import AppState
from belvedere.cli.app import COMMANDS
from belvedere.installation import install_command
from belvedere.store.embedded import EmbeddedClickHouse

PROGRAM = "from belvedere.cli.main import main; main()"


def program(*arguments: str, code: str = PROGRAM, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_tells_the_story(run: Run) -> None:
    out = run("--help", width=100).out
    story = [
        line.strip().split("  ")[0] for line in out.splitlines() if line.startswith("   belvedere ")
    ]
    assert story == [
        "belvedere up",
        "belvedere demo",
        "belvedere traces",
        "belvedere trace ID",
        "belvedere logs --follow",
        "belvedere metrics",
        'belvedere promql "QUERY"',
        'belvedere sql "SHOW TABLES"',
    ]
    assert all(f" {name} " in out for name in COMMANDS)
    assert run().out == run("--help").out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_knows_each_command(name: str) -> None:
    """It is the function of its name in its module, and its help begins as the table says."""
    function = getattr(import_module(f"belvedere.cli.{name}"), name)
    assert function.__doc__.partition("\n")[0] == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(run: Run, name: str) -> None:
    result = run(name, "--help", width=100)
    assert result.code == 0
    assert f"Usage: belvedere {name}" in result.out


def test_help_is_as_wide_as_the_terminal(run: Run) -> None:
    told = [line.strip() for line in run("demo", "--help", width=80).out.splitlines()]
    start = told.index(
        "Gateway, control plane, worker, runtime and tool server, each a process that"
    )
    assert told[start + 1].startswith("`belvedere.init` instruments: a trace a chat,")


def test_help_imports_nothing_heavy() -> None:
    heavy = ["chdb", "pyarrow", "grpc", "httpx", "opentelemetry.sdk", "google.protobuf", "pydantic"]
    code = f"""
import sys
from belvedere.cli.main import main
try:
    main()
except SystemExit:
    print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    assert program("--help", code=code).stderr == "[]\n"


def test_version(run: Run) -> None:
    assert run("--version").out == f"belvedere {belvedere.__version__}\n"


def test_a_misspelt_command(run: Run) -> None:
    result = run("trces")
    assert result.code == 2
    assert "No such command 'trces'. Did you mean 'traces'" in result.err


@pytest.mark.parametrize("command", [["traces"], ["trace", "1"], ["logs"], ["metrics"],
                                     ["sql", "select 1"], ["status"]], ids=str)  # fmt: skip
def test_no_server(run: Run, command: list[str]) -> None:
    result = run(*command, "--server", "http://127.0.0.1:1")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "belvedere: nothing answers at http://127.0.0.1:1\n"
        "Start it with: belvedere up    (another address: --server URL or BELVEDERE_URL)\n"
    )


@pytest.mark.parametrize(
    "server_",
    ["localhost:4320", "ftp://x", "http://", "http://a b", "http://x:99999", "http://x:0"],
)
def test_no_address(run: Run, server_: str) -> None:
    result = run("traces", "--server", server_)
    assert result.code == 1
    assert result.err.startswith("belvedere: ")
    assert "Traceback" not in result.err


def test_a_server_without_tls_asked_by_tls(run: Run, server: str) -> None:
    result = run("traces", "--server", server.replace("http:", "https:"))
    assert result.code == 1
    assert "answers, but not by TLS" in result.err


def test_a_host_that_is_not_there(run: Run) -> None:
    result = run("traces", "--server", "http://nobody.invalid:4320")
    assert result.err == (
        "belvedere: there is no host of the name in http://nobody.invalid:4320\n"
        "See --server and BELVEDERE_URL.\n"
    )


@pytest.mark.parametrize("option", ["--token", "--project"])
def test_what_cannot_be_a_header_is_named_by_its_option(run: Run, option: str) -> None:
    result = run("traces", option, "geheimnisträger")
    assert (result.code, "ascii' codec" in result.err) == (1, False)
    assert f"cannot be a value of {option}" in result.err


def test_a_server_that_is_not_belvedere(run: Run, server: str) -> None:
    result = run("traces", "--server", f"{server}/-")
    assert result.err == (
        "belvedere: Not Found; the start page / says what is here\n"
    ) or result.err.startswith(f"belvedere: {server}/- answers, but not as Belvedere does")


def test_tokens(run: Run, store: EmbeddedClickHouse) -> None:
    with served(AppState(store, tokens={"t": "default"})) as address:
        refused = run("sql", "select 1 as a, 2 as b", "--server", address)
        answered = run("sql", "select 1 as a, 2 as b", "--server", address, "--token", "t")
    assert refused.err == (
        "belvedere: a valid token is needed: send the header 'Authorization: Bearer TOKEN'"
        " (on the command line: --token or BELVEDERE_TOKEN)\n"
    )
    assert answered.out == "a  b\n1  2\n"


def test_status(run: Run, server: str) -> None:
    out = run("status").out
    assert out.startswith(f"Belvedere {belvedere.__version__} is ready (clickhouse ")
    lines = [line.split() for line in out.splitlines()]
    assert ["otel_traces", "4"] in [line[:2] for line in lines]
    assert [line[0] for line in lines if line][-1] == "schema_migrations"


def test_status_of_an_empty_project(run: Run, server: str) -> None:
    out = run("status", "--project", "nobody").out
    assert "project nobody: nothing is kept yet. Try: belvedere demo" in out


def test_ctrl_c_is_130(run: Run, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    result = run("logs", "--follow", "--since", "9999d")
    assert (result.code, result.err) == (130, "")


def test_a_bug_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr("belvedere.cli.client.Client.__init__", broken)
    result = run("traces")
    assert result.code == 1
    assert result.err == (
        "belvedere: internal error: RuntimeError: odd\n"
        "This is a bug; please report it. BELVEDERE_DEBUG=1 shows where it happened.\n"
    )
    monkeypatch.setenv("BELVEDERE_DEBUG", "1")
    with pytest.raises(RuntimeError, match="odd"):
        run("traces")


def test_ctrl_c_while_modules_are_loaded() -> None:
    code = f"""
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
{PROGRAM}
"""
    result = program("traces", code=code)
    assert (result.returncode, result.stderr) == (130, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_is_full_is_no_bug(server: str) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM, "status", "--server", server],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert result.returncode == 1
    assert result.stderr == "belvedere: cannot write: No space left on device\n"


def test_without_the_server_extra() -> None:
    """What Belvedere without extras gives: a command that says what is missing."""
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("typer", "rich"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
{PROGRAM}
"""
    result = program("traces", code=code)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "belvedere: the server and the command line are not installed (typer is missing).\n"
        f"Install them with: {install_command('server')}\n"
    )


def test_a_reader_that_leaves_early(server: str) -> None:
    result = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -c '{PROGRAM}' logs --since 9999d | head -n 1"],
        env={**os.environ, "BELVEDERE_URL": server},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1
