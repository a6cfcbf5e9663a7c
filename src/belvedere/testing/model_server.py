"""The API on a port, in a thread beside the test."""

import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import uvicorn

from belvedere.testing.model_app import MODELS, model_app
from belvedere.testing.policy import ChatRequest, Policy, Usage
from belvedere.testing.script import Scenario, Script

_KEPT_REQUESTS: Final = 1000
_START_S: Final = 10.0
_LAST_ANSWERS_S: Final = 1


class ModelServer:
    """A model provider at `url`, from `start()` to `stop()`; or as a context manager."""

    def __init__(
        self,
        script: Sequence[Scenario] | Policy = (),
        *,
        seed: int = 0,
        speed: float = 1.0,
        models: Sequence[str] = MODELS,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Prepare a server; `model_app` says what its options are.

        Args:
            script: scenarios, or a policy of your own.
            seed: as in `model_app`.
            speed: as in `model_app`.
            models: as in `model_app`.
            host: the address to listen at.
            port: 0 for any that is free.

        Raises:
            ValueError: `speed` is not above 0.
        """
        policy = script if callable(script) else Script(script, seed=seed)
        self.requests: deque[ChatRequest] = deque(maxlen=_KEPT_REQUESTS)
        """The last valid requests, oldest first."""
        self.usages: deque[Usage] = deque(maxlen=_KEPT_REQUESTS)
        """The tokens of the last answers, oldest first; a fault has none."""
        self._app = model_app(
            policy,
            seed=seed,
            speed=speed,
            models=models,
            seen=self.requests.append,
            answered=self.usages.append,
        )
        self._host, self._port = host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL for OpenAI's clients. It has its port from `start()` on."""
        return f"{self.anthropic_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The base URL for Anthropic's clients, which add the version themselves."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> Self:
        """Listen, and return when requests are answered.

        Raises:
            OSError: the address cannot be had.
            TimeoutError: the server did not start.
        """
        listener = socket.create_server((self._host, self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=server.run, args=([listener],), name="belvedere-model-server", daemon=True
        )
        self._thread.start()
        deadline_s = time.monotonic() + _START_S
        while not server.started:
            if time.monotonic() > deadline_s or not self._thread.is_alive():
                raise TimeoutError(f"the model server did not start at {self.url}")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """End; answers under way get a second. Safe before `start()` and when repeated."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None

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
