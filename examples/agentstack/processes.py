"""All services of AgentStack, each a process of its own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from huey import SqliteHuey

from agentstack.settings import DATABASE_URL, LISTENER, QUEUE, WATCHED, Settings, environment

SERVICES: Final = ("model", "control_plane", "runtime", "worker", "gateway")
"""In the order of their start: who is called before who calls. `runtime` starts `tools`."""
_LISTENING: Final = {
    "model": "model_url",
    "control_plane": "control_plane_url",
    "runtime": "runtime_url",
    "gateway": "gateway_url",
}
_STOPPED_TOGETHER: Final = (("gateway", "worker"), ("runtime", "control_plane", "model"))
_STOP_S: Final = 15.0
_SETTLE_S: Final = 10.0
_LOOK_S: Final = 0.05
_PACKAGES: Final = Path(__file__).parent.parent


class ServiceEndedError(Exception):
    """A service ended by itself. The text has the last that it wrote."""


class AgentStack:
    """The services, on free ports, until `stop()`.

    What they keep is in a temporary folder, unless `AGENTSTACK_DATABASE_URL` names a database.
    The sockets listen before the services start, so that nobody has to wait until one is up.
    """

    def __init__(self, telemetry: Mapping[str, str], *, seed: int = 0, speed: float = 4.0) -> None:
        """Prepare them.

        Args:
            telemetry: environment variables for all services, `OTEL_*` as a rule.
            seed: the model's answers are the same for the same number.
            speed: how many times as fast as a real model the model is.
        """
        self._telemetry = dict(telemetry)
        self._folder = tempfile.TemporaryDirectory(prefix="agentstack-")
        folder = Path(self._folder.name)
        self.settings = Settings(
            model_seed=str(seed),
            model_speed=str(speed),
            database_url=os.environ.get(DATABASE_URL) or f"sqlite:///{folder / 'control-plane.db'}",
            queue_file=str(folder / "queue.db"),
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> Self:
        """Start them. They may not be up yet, but requests are taken."""
        sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in _LISTENING}
        at = {name: f"http://127.0.0.1:{s.getsockname()[1]}" for name, s in sockets.items()}
        at["model"] += "/v1"
        self.settings = replace(self.settings, **{_LISTENING[name]: at[name] for name in at})
        for name in SERVICES:
            self._running[name] = self._start(name, sockets.get(name))
        for listener in sockets.values():
            listener.close()
        return self

    def _start(self, name: str, listener: socket.socket | None) -> subprocess.Popen[bytes]:
        descriptor = listener.fileno() if listener else None
        path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
        with self._log(name).open("wb") as out:
            return subprocess.Popen(  # noqa: S603 - our own program, with our own arguments
                [sys.executable, "-m", "agentstack", name],
                stdin=subprocess.PIPE,  # it ends when this does
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=[descriptor] if descriptor else [],
                start_new_session=True,  # Ctrl-C is ours to handle
                env={
                    **os.environ,
                    **self._telemetry,
                    **environment(self.settings),
                    "PYTHONPATH": path,
                    LISTENER: str(descriptor or ""),
                    WATCHED: "yes",
                },
            )

    def _log(self, name: str) -> Path:
        return Path(self._folder.name) / f"{name}.log"

    def log(self, name: str) -> str:
        """What a service wrote."""
        return self._log(name).read_text(errors="replace")

    def check(self) -> None:
        """Make sure that all services run.

        Raises:
            ServiceEndedError: one does not.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                last = self.log(name).strip().splitlines()[-1:] or ["it wrote nothing"]
                raise ServiceEndedError(
                    f"AgentStack's {name} ended with code {process.returncode}: {last[0]}"
                )

    def settle(self) -> None:
        """Wait until the worker has begun what is in the queue, a while at most."""
        queue = SqliteHuey(QUEUE, filename=self.settings.queue_file)
        until_s = time.monotonic() + _SETTLE_S
        while queue.pending_count() and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        queue.storage.close()

    def stop(self) -> None:
        """End them, callers first; their telemetry is sent. Safe when repeated."""
        for group in _STOPPED_TOGETHER:
            ending = [self._running.pop(name) for name in group if name in self._running]
            for process in ending:
                process.terminate()
            for process in ending:
                with process:  # closes its pipe
                    try:
                        process.wait(_STOP_S)
                    except subprocess.TimeoutExpired:
                        process.kill()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
