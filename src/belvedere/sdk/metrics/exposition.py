"""The ways to serve `/metrics`: an ASGI app, a WSGI app, a port of its own.

All show the newest Prometheus reader there is when they are asked, so an application may mount
them before it calls `init`. Which format (text, OpenMetrics), compression and names (`name[]=`)
are wanted is the request's to say.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from belvedere.sdk.metrics.prometheus import current

# Third, since the module above says which packages are missing.
from prometheus_client import CollectorRegistry, make_wsgi_app  # isort: skip
from prometheus_client.metrics_core import Metric  # isort: skip

Environ = MutableMapping[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
AsgiMessage = MutableMapping[str, Any]
AsgiApp = Callable[
    [AsgiMessage, Callable[[], Awaitable[AsgiMessage]], Callable[[AsgiMessage], Awaitable[None]]],
    Awaitable[None],
]

DEFAULT_PORT: Final = 9464
"""The default of `OTEL_EXPORTER_PROMETHEUS_PORT`."""
DEFAULT_HOST: Final = "localhost"
"""The default of `OTEL_EXPORTER_PROMETHEUS_HOST`: nobody else reads it unasked."""

_NO_READER: Final = (
    b"No metrics yet: this process has no Prometheus reader. Call belvedere.init() with the "
    b"Prometheus exporter (OTEL_METRICS_EXPORTER=prometheus).\n"
)


class _Newest:
    """Of a registry: the families of the newest reader."""

    def collect(self) -> Iterable[Metric]:
        reader = current()
        return reader.families() if reader else []


def wsgi_app() -> WsgiApp:
    """A WSGI application that answers every path with the metrics."""
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(_Newest())
    serve_metrics = make_wsgi_app(registry)

    def metrics(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if current() is None:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [_NO_READER]
        answer: Iterable[bytes] = serve_metrics(environ, start_response)
        return answer

    return metrics


def asgi_app() -> AsgiApp:
    """An ASGI application that answers every path with the metrics.

    Collecting and formatting happen on a thread: a scrape does not hold up the event loop.
    """
    app = wsgi_app()

    async def metrics(
        scope: AsgiMessage,
        _receive: Callable[[], Awaitable[AsgiMessage]],
        send: Callable[[AsgiMessage], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            raise ValueError(f"/metrics speaks HTTP, not {scope['type']}")
        status, headers, body = await asyncio.to_thread(_answer, app, _environ(scope))
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in [*headers, ("Content-Length", str(len(body)))]
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    return metrics


class MetricsServer:
    """A port that serves the metrics until `close`, which leaving the context calls."""

    def __init__(self, host: str, port: int) -> None:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]

        class Server(_ThreadingServer):
            address_family = family

        self._server = make_server(
            str(address[0]), port, wsgi_app(), server_class=Server, handler_class=_SilentHandler
        )
        self.port: Final = self._server.server_port
        """The port it listens on; of interest where 0 was asked for."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="belvedere-metrics-port", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be repeated."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve(port: int | None = None, host: str | None = None) -> MetricsServer:
    """Serve the metrics on a port of their own, on a daemon thread.

    Under a pre-fork server call it once, in the process that forks.

    Args:
        port: 0 lets the system choose. Default: `OTEL_EXPORTER_PROMETHEUS_PORT`, or 9464.
        host: Default: `OTEL_EXPORTER_PROMETHEUS_HOST`, or localhost.

    Raises:
        OSError: The port cannot be listened on.
    """
    host = host or os.environ.get("OTEL_EXPORTER_PROMETHEUS_HOST") or DEFAULT_HOST
    if port is None:
        port = int(os.environ.get("OTEL_EXPORTER_PROMETHEUS_PORT") or DEFAULT_PORT)
    try:
        return MetricsServer(host, port)
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot serve /metrics on {host}:{port} ({error.strerror or error}). Choose another "
            "port with OTEL_EXPORTER_PROMETHEUS_PORT or serve(port=...); 0 takes a free one.",
        ) from error


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    """Scrapes are no news."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def _environ(scope: AsgiMessage) -> Environ:
    """As much of a WSGI environment as a scrape needs."""
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
    }
    for name, value in scope["headers"]:
        key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _answer(app: WsgiApp, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
    started: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        started.append((int(status.split(" ", 1)[0]), headers))

    body = b"".join(app(environ, start_response))
    return *started[0], body
