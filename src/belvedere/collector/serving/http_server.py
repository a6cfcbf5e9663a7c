"""An HTTP server: of the API, the OTLP receiver, and pages of components (health, metrics)."""

import math
import socket
import ssl
from functools import partial
from typing import Any, Final

import uvicorn

from belvedere.collector.serving.host import LoopbackHost, is_loopback_address
from belvedere.collector.serving.http_protocol import BoundedHttpProtocol
from belvedere.collector.serving.listen import address_of, listen
from belvedere.collector.serving.tls import TlsConfig, ssl_context

_GRACE_S: Final = 1.0
"""What requests in flight get to finish when it stops."""


class HttpServer:
    """Serves an ASGI application on one endpoint. Stops before its start, and twice.

    Where all its addresses are the loopback's, it refuses requests for other hosts' names.
    """

    def __init__(
        self,
        app: Any,
        endpoint: str,
        key: str,
        *,
        tls: TlsConfig | None = None,
        head_timeout_s: float = 60.0,
        body_timeout_s: float = 60.0,
        idle_timeout_s: float = 5.0,
    ) -> None:
        """A server, not started.

        Args:
            app: an ASGI application.
            endpoint: host:port; port 0 picks a free one.
            key: the configuration key to name if it cannot be had.
            tls: certificate; None: plain HTTP.
            head_timeout_s: how long the headers of a request may take to come.
            body_timeout_s: how long its body may take to come.
            idle_timeout_s: how long a connection is kept open without requests.
        """
        self._app, self._endpoint, self._key, self._tls = app, endpoint, key, tls
        self._head_timeout_s, self._body_timeout_s = head_timeout_s, body_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._server: uvicorn.Server | None = None
        self.port = 0
        """The port that is listened on, once started."""

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port or a certificate cannot be had.
        """
        tls = ssl_context(self._tls, f"{self._key}::tls") if self._tls else None
        await self.serve(listen(self._endpoint, f"{self._key}::endpoint"), tls)

    async def serve(
        self,
        sockets: list[socket.socket],
        tls: ssl.SSLContext | None,
        *,
        with_lifespan: bool = False,
        behind_proxy: bool = False,
    ) -> None:
        """Listen on bound sockets, in place of `start`; `shutdown` closes them.

        Args:
            sockets: all on one port.
            tls: certificate; None: plain HTTP.
            with_lifespan: whether the application has a lifespan to run.
            behind_proxy: whether a proxy of this machine may say which scheme its client used.
        """
        _, self.port = address_of(sockets[0])
        on_loopback = all(is_loopback_address(address_of(each)[0].host) for each in sockets)
        config = uvicorn.Config(
            LoopbackHost(self._app) if on_loopback else self._app,
            http=partial(  # type: ignore[arg-type]  # it is called alone
                BoundedHttpProtocol,
                head_timeout_s=self._head_timeout_s,
                body_timeout_s=self._body_timeout_s,
            ),
            loop="none",
            ws="none",
            lifespan="on" if with_lifespan else "off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=behind_proxy,
            server_header=False,
            date_header=False,
            timeout_keep_alive=math.ceil(self._idle_timeout_s),
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
        self._server = server = uvicorn.Server(config)
        # In place of `serve`, which would install signal handlers and tick ten times a second.
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=sockets)

    async def shutdown(self, grace_s: float = _GRACE_S) -> None:
        """Accept nothing more, let requests finish within `grace_s`, close."""
        server, self._server = self._server, None
        if server is not None:
            server.config.timeout_graceful_shutdown = math.ceil(grace_s)
            await server.shutdown()
