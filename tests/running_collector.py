"""A real `belvedere collector`, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

TIMEOUT_S = 60.0
_MAIN = "from belvedere.cli.main import main; main()"


class RunningCollector:
    """Started when made, on what its configuration says; its log is read along.

    At the end of a `with` it is killed, if it still runs.
    """

    def __init__(self, config: Path, *options: str, **environment: str) -> None:
        self.log: list[dict[str, Any]] = []
        self._other = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, "collector", "--config", str(config), *options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The log entry of that event; the one of that number, if there are several."""

        def found() -> list[dict[str, Any]]:
            return [entry for entry in list(self.log) if entry["event"] == event][count - 1 :]

        self._until(lambda: bool(found()))
        return found()[0]

    def ready(self) -> Self:
        """Wait until it runs."""
        self.wait_for("collector_running")
        return self

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """`kill -9`. Safe when it is gone already."""
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> int:
        code = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self._other += line

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"no such thing in the log: {self.log} {self._other}")
            time.sleep(0.01)
