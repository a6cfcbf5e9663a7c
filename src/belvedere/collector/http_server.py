"""A small HTTP server for what a component shows: health, metrics, profiles."""

from typing import Any, Final

import uvicorn

from belvedere.collector.receivers.otlp.config import TlsConfig
from belvedere.collector.receivers.otlp.listen import address_of, listen
from belvedere.collector.receivers.otlp.tls import ssl_context

_GRACE_S: Final = 1
"""What requests in flight get to finish when it stops."""


class HttpServer:
    """Serves an ASGI application on one endpoint. Stops before its start, and twice."""

    def __init__(self, app: Any, endpoint: str, key: str, *, tls: TlsConfig | None = None) -> None:
        """A server, not started.

        Args:
            app: an ASGI application, without lifespan.
            endpoint: host:port; port 0 picks a free one.
            key: the configuration key to name if it cannot be had.
            tls: certificate; None: plain HTTP.
        """
        self._app, self._endpoint, self._key, self._tls = app, endpoint, key, tls
        self._server: uvicorn.Server | None = None
        self.port = 0
        """The port that is listened on, once started."""

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port or a certificate cannot be had.
        """
        tls = ssl_context(self._tls, f"{self._key}::tls") if self._tls else None
        sockets = listen(self._endpoint, f"{self._key}::endpoint")
        _, self.port = address_of(sockets[0])
        config = uvicorn.Config(
            self._app,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
        self._server = server = uvicorn.Server(config)
        # In place of `serve`, which would install signal handlers and tick ten times a second.
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=sockets)

    async def shutdown(self) -> None:
        """Accept nothing more, let requests finish for a moment, close."""
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()
