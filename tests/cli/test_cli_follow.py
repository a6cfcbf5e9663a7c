"""`belvedere logs --follow`, as a program of its own."""

import json
import os
import signal
import subprocess
import sys
import time

from cli_samples import logs
from cli_server import served

from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert


def test_follow_shows_new_lines_once_and_ends_quietly(
    migrated: EmbeddedClickHouse,
) -> None:
    """Also lines that come late, and equal lines; Ctrl-C is no error to print."""

    def put(body: str, age_s: float, token: str) -> None:
        request = logs()
        records = request.resource_logs[0].scope_logs[0].log_records
        del records[1:]
        records[0].body.string_value = body
        records[0].time_unix_nano = time.time_ns() - int(age_s * 1e9)
        insert(migrated, "default", Door.LOGS, request.SerializeToString(), token=token)

    put("old", 5, "1")
    with served(AppState(migrated)) as address:
        command = [sys.executable, "-c", "from belvedere.cli.main import main; main()"]
        environment = {**os.environ, "BELVEDERE_URL": address}
        process = subprocess.Popen(
            [*command, "logs", "--follow", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["body"] == "old"
        put("new", 0, "2")
        assert json.loads(process.stdout.readline())["body"] == "new"
        put("late", 4, "3")
        assert json.loads(process.stdout.readline())["body"] == "late"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
