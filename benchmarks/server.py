"""`BelvedereServer`: a `belvedere up` of its own, on free ports, and what can be seen of it."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psutil

_START_S: Final = 60.0
_STOP_S: Final = 90.0


class BelvedereServer:
    """A context manager: its end is a clean stop, or a kill if that takes too long."""

    host: Final = "127.0.0.1"

    def __init__(self, data_dir: Path, command: Sequence[str] = ()) -> None:
        """A server that is not started.

        Args:
            data_dir: made if need be.
            command: `belvedere up` with options, instead of the plain one of this environment.
        """
        self._data_dir = data_dir
        self._command = command or (str(Path(sys.executable).with_name("belvedere")), "up")
        self.ports = dict(zip(("api", "grpc", "http"), _free_ports(3), strict=True))
        self.start_s = 0.0
        """From the start of the process to the first 200 of `/-/ready`."""

    def __enter__(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it does not start; the message has the end of its output.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._log = self._data_dir.with_name(f"{self._data_dir.name}.log").open("ab")
        began_s = time.monotonic()
        self._process = subprocess.Popen(
            [
                *self._command,
                *("--data-dir", str(self._data_dir)),
                *("--port", str(self.ports["api"])),
                *("--grpc-port", str(self.ports["grpc"])),
                *("--http-port", str(self.ports["http"])),
            ],
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait_ready(began_s)
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._log.close()
            raise
        self.process = psutil.Process(self._process.pid)
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
        finally:
            self._log.close()

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, through the API.

        Raises:
            RuntimeError: the query fails.
        """
        answer = json.loads(self._get(f"/api/sql?query={quote(query)}", 200))
        rows: list[dict[str, Any]] = answer["data"]
        return rows

    def count(self, table: str) -> int:
        """Rows of a table."""
        return int(self.sql(f"SELECT count() AS n FROM {table}")[0]["n"])

    def cpu_s(self) -> float:
        """CPU time of the process so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        """Resident memory now, code included."""
        return int(self.process.memory_info().rss)

    def peak_rss_bytes(self) -> int:
        """Most resident memory so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) << 10 if found else 0

    def anonymous_bytes(self) -> int:
        """Resident memory that no file stands behind: the system cannot drop it as it can code."""
        memory = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        found = re.search(r"Anonymous:\s+(\d+) kB", memory)
        return int(found[1]) << 10 if found else 0

    def wait_merged(self, timeout_s: float) -> bool:
        """Wait until no merge runs; whether that was within the time."""
        quiet = 0
        deadline_s = time.monotonic() + timeout_s
        while quiet < 3 and time.monotonic() < deadline_s:
            merges = int(self.sql("SELECT count() AS n FROM system.merges")[0]["n"])
            quiet = 0 if merges else quiet + 1
            time.sleep(0.4)
        return quiet >= 3

    def _wait_ready(self, began_s: float) -> None:
        while time.monotonic() - began_s < _START_S:
            if self._process.poll() is not None:
                break
            try:
                self._get("/-/ready", 200)
            except (OSError, RuntimeError):
                time.sleep(0.02)
            else:
                self.start_s = time.monotonic() - began_s
                return
        self._log.flush()
        output = Path(self._log.name).read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"belvedere up does not become ready; it said:\n{output}")

    def _get(self, path: str, expected: int) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.ports["api"], timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != expected:
            raise RuntimeError(f"{path}: HTTP {response.status}: {body[:500]!r}")
        return body


def _free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
