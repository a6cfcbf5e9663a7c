"""The processes of a run: a Collector, and the sink behind it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from collecting.pipelines import Ports

_START_S: Final = 60.0
_STOP_S: Final = 30.0
_CALLS: Final = re.compile(r"^traces_span_metrics_calls_total\{.*\} (\S+)", re.MULTILINE)


class SinkProcess:
    """A context manager: `sink.py`, running."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("sink.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def items(self) -> int:
        """How many came so far."""
        if self._process.stdin is None:
            raise AssertionError("stdin is a pipe")
        print(file=self._process.stdin, flush=True)
        counts: Mapping[str, int] = json.loads(self._line())
        return counts["items"]

    def _line(self) -> str:
        if self._process.stdout is None:
            raise AssertionError("stdout is a pipe")
        return self._process.stdout.readline()


class CollectorProcess:
    """A context manager: a Collector with a configuration, ready."""

    host: Final = "127.0.0.1"

    def __init__(self, command: list[str], config: str, ports: Ports, directory: Path) -> None:
        """A Collector that is not started; it is told `--config FILE` after `command`."""
        directory.mkdir(parents=True, exist_ok=True)
        self._config = directory / "config.yaml"
        self._config.write_text(config, encoding="utf-8")
        self._command, self._log_path = command, directory / "collector.log"
        self.ports = ports

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it does not start; the message has the end of its output.
        """
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, "--config", str(self._config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "1"},
            )
        self.process = psutil.Process(self._process.pid)
        deadline_s = time.monotonic() + _START_S
        while not (_listens(self.ports.grpc) and _listens(self.ports.http)):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self._process.kill()
                self._process.wait()
                output = self._log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"{self._command[0]} does not start; it said:\n{output}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_s(self) -> float:
        """CPU time so far, of all threads."""
        times = self.process.cpu_times()
        return times.user + times.system

    def peak_rss_bytes(self) -> int:
        """Most resident memory so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) << 10 if found else 0

    def calls(self) -> int:
        """The sum of what the connector spanmetrics has counted, as it is scraped."""
        connection = http.client.HTTPConnection(self.host, self.ports.scrape, timeout=30)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return round(sum(float(value.partition(" ")[0]) for value in _CALLS.findall(text)))


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[Any] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
