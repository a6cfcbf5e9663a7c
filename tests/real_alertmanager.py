"""A real Alertmanager (Debian's package), in a process of its own on a free port."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

TIMEOUT_S = 30.0
_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class RealAlertmanager:
    """It answers on `url` within the context."""

    def __init__(self, directory: Path) -> None:
        """Start it, with its files in `directory`."""
        program = shutil.which("prometheus-alertmanager")
        assert program, "these tests need Alertmanager: apt-get install prometheus-alertmanager"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        directory.mkdir()
        (directory / "alertmanager.yml").write_text(_CONFIG)
        self.url = f"http://{address}"
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows, resolved alerts as well."""
        answer = httpx.get(f"{self.url}/api/v2/alerts", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def __enter__(self) -> Self:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                httpx.get(f"{self.url}/-/ready", timeout=1).raise_for_status()
            except httpx.HTTPError:
                assert time.monotonic() < deadline, "Alertmanager does not get ready"
                assert self._process.poll() is None, "Alertmanager ended"
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        self._log.close()
