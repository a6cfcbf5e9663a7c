"""What commands print and exit with; and the API, served for them."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from belvedere.api.app import create_app
from belvedere.api.state import AppState


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


class served:  # noqa: N801 - reads as what it does: `with served(state) as address`
    """The API over a state, on a port of the system's choice, in a thread."""

    def __init__(self, state: AppState) -> None:
        config = uvicorn.Config(create_app(state), log_level="error")
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
