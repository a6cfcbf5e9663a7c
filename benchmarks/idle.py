"""What a server takes that nobody uses."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from result import Idle
from run import Say
from server import BelvedereServer

_SETTLE_S: Final = 2.0
"""For what the start leaves to do."""


def watch_idle(command: Sequence[str], data_dir: Path, seconds: float, say: Say) -> Idle:
    """Start a server twice, and watch it do nothing."""
    say("starting on an empty directory")
    with BelvedereServer(data_dir, command) as server:
        first_start_s = server.start_s
    with BelvedereServer(data_dir, command) as server:
        say(f"idle for {seconds:g} s")
        time.sleep(_SETTLE_S)
        before_s = server.cpu_s()
        time.sleep(seconds)
        return Idle(
            first_start_s=first_start_s,
            start_s=server.start_s,
            rss_bytes=server.rss_bytes(),
            own_bytes=server.anonymous_bytes(),
            cores=(server.cpu_s() - before_s) / seconds,
        )
