"""What a running server could not store is listed and replayed, through its API and by command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from running_server import RunningServer
from test_kill import spans

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate
from belvedere.store.rejected import RejectedFolder


def belvedere(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from belvedere.cli.main import main; main()", *arguments],
        env={**os.environ, "BELVEDERE_URL": server.api, "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_list_and_replay_by_command(start_server: Callable[..., RunningServer]) -> None:
    server = start_server()
    empty = belvedere(server, "rejected", "list")
    assert (empty.returncode, empty.stdout) == (0, "Nothing was rejected.\n")
    folder = RejectedFolder(server.data_dir / "rejected")
    for number in range(2):
        folder.add("default", Door.TRACES, f"id-{number}", spans(range(number, number + 1)), "bad")
    listed = belvedere(server, "rejected", "list")
    assert [line.split()[:3] for line in listed.stdout.splitlines()[-2:]] == [
        ["id-0", "default", "traces"],
        ["id-1", "default", "traces"],
    ]
    assert "bad" in listed.stdout
    for arguments, expected in (
        (("id-1",), "1 put into the queue"),
        (("--all",), "1 put into the queue"),
        (("id-1",), "unknown id 'id-1'"),
        ((), "replay requires either ids or --all"),
    ):
        done = belvedere(server, "rejected", "replay", *arguments)
        assert expected in done.stdout + done.stderr
        assert (done.returncode == 0) is ("put" in expected)
    server.stored()
    assert server.sql("SELECT count() AS n FROM otel_traces") == [{"n": 2}]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ids": []}', b'{"ids": [1]}', b'{"all": 1}'])
def test_a_replay_of_nothing_is_refused(shared_server: RunningServer, body: bytes) -> None:
    answer = httpx.post(f"{shared_server.api}/api/rejected/replay", content=body)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> RunningServer:
    server = RunningServer(tmp_path_factory.mktemp("server") / "data")
    yield server
    server.kill()


def test_broken_parts_are_reported_at_the_start(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    db = EmbeddedClickHouse(tmp_path / "data")
    migrate(db)
    insert(db, "default", Door.TRACES, spans(range(5)), token="1")
    (row,) = db.query(
        "SELECT path FROM system.parts WHERE table = 'otel_traces' AND active"
    ).to_pylist()
    db.close()
    (Path(row["path"]) / "count.txt").write_text("broken")
    server = start_server()
    metrics = httpx.get(f"{server.api}/metrics").text
    assert 'belvedere_store_detached_parts{project="default",table="otel_traces"} 1.0' in metrics
    _, error = server.stop()
    assert "detached_parts" in error
