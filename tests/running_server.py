"""A real `belvedere up`, in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

TIMEOUT_S = 30.0
STORED_S = 120.0
"""A machine may stand still for long, and the queue tries again after pauses."""
_MAIN = "from belvedere.cli.main import main; main()"


class RunningServer:
    """A real `belvedere up` in a process of its own, on free ports."""

    def __init__(self, data_dir: Path, *options: str, patch: str = "") -> None:
        """Start it. `patch` is Python that runs in its process first, to make it fail on cue."""
        ports = ("--port", "0", "--grpc-port", "0", "--http-port", "0")
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", f"{patch}\n{_MAIN}", "up"),
                *("--data-dir", str(data_dir), *ports, *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said += line
            if line.startswith("Stop with"):
                break
        else:
            _, error = self.process.communicate()
            raise AssertionError(f"belvedere up ended: {said}{error}")
        self.said = said
        self.grpc = self.address("OTLP/gRPC")
        self.http = "http://" + self.address("OTLP/HTTP")
        self.api = self.address("API and UI")

    def address(self, what: str) -> str:
        found = re.search(rf"{what}\s+(\S+)", self.said)
        assert found, self.said
        return found[1]

    def sql(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """The rows of a query, through the API."""
        answer = httpx.post(
            f"{self.api}/api/sql",
            data={"query": query, "params": json.dumps(params)},
            timeout=TIMEOUT_S,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def rows_when(
        self, query: str, arrived: Callable[[list[dict[str, Any]]], bool], **params: Any
    ) -> list[dict[str, Any]]:
        """The rows of a query as soon as they are as expected, or what they are after a while."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            rows = self.sql(query, **params)
            if arrived(rows) or time.monotonic() > deadline:
                return rows
            time.sleep(0.1)

    def stored(self) -> None:
        """Wait until all that was accepted, by this process or one before it, is in the tables."""
        deadline = time.monotonic() + STORED_S
        while time.monotonic() < deadline:
            status = httpx.get(f"{self.api}/api/status", timeout=TIMEOUT_S).json()
            if status["queues"]["belvedere"]["size"] == 0:
                return
            time.sleep(0.05)
        _, errors = self.stop()
        raise AssertionError(f"the queue does not empty: {status['queues']}\n{errors}")

    def kill(self) -> None:
        """`kill -9`. Safe when it is gone already."""
        self.process.kill()
        with self.process:  # closes its pipes
            self.process.wait(TIMEOUT_S)

    def stop(self) -> tuple[int, str]:
        """SIGTERM; exit code and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> tuple[int, str]:
        with self.process:  # closes its pipes
            _, errors = self.process.communicate(timeout=TIMEOUT_S * 2)
        return self.process.returncode, errors
