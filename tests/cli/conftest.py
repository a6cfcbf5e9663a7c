"""A server with a little telemetry, and the command line run against it in this process."""

import re
import sys
from collections.abc import Iterator

import cli_samples
import pytest
from cli_server import Result, Run, served

from belvedere.api.state import AppState
from belvedere.cli.main import main
from belvedere.otlp.signal import Signal
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate

_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """Project `default` with the samples; project `empty` has tables and no rows."""
    db = EmbeddedClickHouse(tmp_path_factory.mktemp("cli"))
    migrate(db)
    migrate(db, "empty")
    for signal, request in (
        (Signal.TRACES, cli_samples.traces()),
        (Signal.LOGS, cli_samples.logs()),
        (Signal.METRICS, cli_samples.metrics()),
    ):
        insert(db, "default", Door(signal), request.SerializeToString(), token=signal)
    yield db
    db.close()


@pytest.fixture(scope="module")
def server(store: EmbeddedClickHouse) -> Iterator[str]:
    """The address of the API over the store."""
    with served(AppState(store)) as address:
        yield address


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Run:
    """Runs `belvedere ARGUMENTS`. With a width, standard output is a terminal of that width."""
    for name in ("BELVEDERE_TOKEN", "BELVEDERE_PROJECT", "BELVEDERE_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if "server" in request.fixturenames:
        monkeypatch.setenv("BELVEDERE_URL", request.getfixturevalue("server"))

    def run(*arguments: str, width: int = 0) -> Result:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["belvedere", *arguments])
            patch.setenv("COLUMNS", str(width or 100))
            if width:
                patch.setattr(sys.stdout, "isatty", lambda: True)
            code = 0
            try:
                main()
            except SystemExit as exit_:
                code = exit_.code if isinstance(exit_.code, int) else 0
        printed = capsys.readouterr()
        return Result(code, _STYLE.sub("", printed.out), _STYLE.sub("", printed.err))

    return run
