"""`Sender`: the parent's side of a sending process."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from sending.plan import Plan, Sent


class Sender:
    """A process that sends what a plan says. A context manager: its end is the process's end."""

    def __init__(self, plan: Plan) -> None:
        self.acknowledged = 0
        """Requests that were acknowledged so far."""
        self._plan = plan
        self._sent: Sent | None = None
        self._done = threading.Event()

    def __enter__(self) -> Self:
        """Start the process and wait until it is connected."""
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("process.py")), self._plan.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not self._line():
            raise RuntimeError("the sender cannot connect; its error is above")
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

    def go(self) -> None:
        """Let it send."""
        if self._process.stdin is None:
            raise AssertionError("stdin is a pipe")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        threading.Thread(target=self._listen, daemon=True).start()

    def is_done(self, wait_s: float) -> bool:
        """Whether it has sent everything, waiting for that for a while."""
        return self._done.wait(wait_s)

    @property
    def sent(self) -> Sent:
        """How it went, once it is done.

        Raises:
            RuntimeError: it has failed.
        """
        if self._sent is None:
            raise RuntimeError("the sender has failed; its error is above")
        return self._sent

    def _listen(self) -> None:
        while line := self._line():
            if "acknowledged" in line:
                self.acknowledged = line["acknowledged"]
            if "sent" in line:
                self._sent = Sent(**line["sent"])
                break
        self._done.set()

    def _line(self) -> dict[str, object]:
        if self._process.stdout is None:
            raise AssertionError("stdout is a pipe")
        text = self._process.stdout.readline()
        return json.loads(text) if text else {}
