"""A real Alertmanager (Debian's package), in a process of its own on a port of its own."""

import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from prerequisites import missing, program

TIMEOUT_S = 30.0
_LISTENS = re.compile(r'msg="?Listening on"? address=(\S+)')
_TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
"""Where Debian's package, which peers.sh unpacks, looks for it."""
_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class RealAlertmanager:
    """It answers on `url` within the context."""

    def __init__(self, directory: Path) -> None:
        """Start it, with its files in `directory`."""
        path = program("prometheus-alertmanager")
        if path.startswith(sys.prefix) and not _TEMPLATES.exists():
            missing(f"Alertmanager's {_TEMPLATES} does not exist: run tests/peers.sh as root once")
        directory.mkdir()
        (directory / "alertmanager.yml").write_text(_CONFIG)
        self._log = directory / "log"
        self._output = self._log.open("wb")
        self._process = subprocess.Popen(
            [
                path,
                f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ],
            stdout=self._output,
            stderr=self._output,
        )
        self.url = ""
        """Where it listens, within the context."""

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows, resolved alerts as well."""
        answer = httpx.get(f"{self.url}/api/v2/alerts", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def __enter__(self) -> Self:
        deadline = time.monotonic() + TIMEOUT_S
        while not self._is_ready():
            log = self._log.read_text()
            if time.monotonic() > deadline or self._process.poll() is not None:
                self._stop()
                raise AssertionError(f"Alertmanager does not get ready:\n{log}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _is_ready(self) -> bool:
        listens = _LISTENS.search(self._log.read_text())
        if listens is None:
            return False
        self.url = f"http://{listens[1]}"
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=TIMEOUT_S).is_success
        except httpx.TransportError:
            return False

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        self._output.close()
