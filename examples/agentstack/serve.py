"""How a service of AgentStack listens, and how it ends."""

import os
import signal
import socket
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from agentstack.settings import LISTENER, WATCHED

_LAST_ANSWERS_S = 5


def serve(app: Any, url: str) -> None:
    """Answer requests at `url` until SIGTERM or Ctrl-C."""
    inherited = os.environ.get(LISTENER)
    if inherited:
        listener = socket.socket(fileno=int(inherited))
    else:
        at = urlsplit(url)
        listener = socket.create_server((at.hostname or "127.0.0.1", at.port or 80))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=_LAST_ANSWERS_S
    )
    uvicorn.Server(config).run(sockets=[listener])


def end_with_parent() -> None:
    """End as by SIGTERM when standard input ends, if that was asked for."""
    if not os.environ.get(WATCHED):
        return

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
