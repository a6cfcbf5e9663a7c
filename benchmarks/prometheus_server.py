"""`PrometheusServer`: a real Prometheus on a free port, to compare with."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx
import psutil

_START_S: Final = 30.0
_LISTENS: Final = re.compile(rb'msg="Listening on" address=(\S+)')


class PrometheusServer:
    """A context manager. It takes remote write, keeps samples of any time, and uses one core."""

    def __init__(self, directory: Path) -> None:
        """A server that is not started; its files go into `directory`."""
        self._directory = directory
        self.url = ""

    def __enter__(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: there is no Prometheus here, or it does not start.
        """
        program = shutil.which("prometheus")
        if program is None:
            raise RuntimeError("there is no Prometheus to compare with: apt-get install prometheus")
        self._directory.mkdir(parents=True)
        (self._directory / "prometheus.yml").write_text("{}")
        log = self._directory / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self._directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._directory / 'data'}",
                    "--storage.tsdb.retention.time=100y",
                    "--web.listen-address=127.0.0.1:0",
                    "--web.enable-remote-write-receiver",
                ],
                stderr=output,
                env={**os.environ, "GOMAXPROCS": "1"},
            )
        self.process = psutil.Process(self._process.pid)
        deadline = time.monotonic() + _START_S
        while not self._is_ready(log):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"prometheus does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def disk_bytes(self) -> int:
        """Of everything it keeps, the write-ahead log of the newest hours included."""
        files = (self._directory / "data").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    def _is_ready(self, log: Path) -> bool:
        found = _LISTENS.search(log.read_bytes())
        if not found:
            return False
        self.url = f"http://{found[1].decode()}"
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False
