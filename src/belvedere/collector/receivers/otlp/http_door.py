"""OTLP/HTTP: an ASGI application without a framework, and the uvicorn server that runs it."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from starlette.middleware.cors import CORSMiddleware

from belvedere.collector.receivers.otlp.access import Access, Headers, metadata_of
from belvedere.collector.receivers.otlp.config import CorsConfig, HttpConfig
from belvedere.collector.receivers.otlp.intake import Intake, Request
from belvedere.collector.serving.http_server import HttpServer
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotFound,
    OtlpError,
    TooLarge,
    TooSlow,
    Unavailable,
)
from belvedere.otlp.signal import Signal
from belvedere.otlp.status import http_answer

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LINGER_S: Final = 1.0
"""How long a client may go on sending after it was refused, so that it gets to read why."""


class _ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class HttpDoor:
    """The HTTP server of a receiver."""

    def __init__(
        self, config: HttpConfig, key: str, intakes: Mapping[Signal, Intake], access: Access
    ) -> None:
        """A server, not started.

        Args:
            config: its configuration.
            key: where that stands, for errors.
            intakes: of the signals that are served; the others are 404.
            access: who may send.
        """
        application = HttpApplication(config, intakes, access)
        self._server = HttpServer(
            _with_cors(application, config.cors) if config.cors else application,
            config.endpoint,
            key,
            tls=config.tls,
            head_timeout_s=config.read_header_timeout,
            # The application itself answers late bodies; this is for what it no longer reads.
            body_timeout_s=config.read_timeout + _LINGER_S + 1,
            idle_timeout_s=config.idle_timeout,
        )

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._server.port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port or a certificate cannot be had.
        """
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let requests finish within `grace_s`, then close."""
        await self._server.shutdown(grace_s)


class HttpApplication:
    """OTLP/HTTP as an ASGI application."""

    def __init__(
        self, config: HttpConfig, intakes: Mapping[Signal, Intake], access: Access
    ) -> None:
        paths = {
            Signal.TRACES: config.traces_url_path,
            Signal.METRICS: config.metrics_url_path,
            Signal.LOGS: config.logs_url_path,
        }
        self._config = config
        self._intakes = {paths[signal]: intakes[signal] for signal in Signal if signal in intakes}
        self._access = access
        self._origins = _pattern(config.cors.allowed_origins if config.cors else ())

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        intake = self._intakes.get(scope["path"])
        encoding = Encoding.JSON  # what people can read, until the request names its own
        problem: OtlpError
        if intake is None:
            paths = ", ".join(self._intakes)
            problem = NotFound(f"OTLP is received at {paths}; check the exporter's endpoint")
        else:
            try:
                headers = _headers(scope)
                if scope["method"] != "POST":
                    raise MethodNotAllowed("telemetry is sent by POST")  # noqa: TRY301 - one way for all errors
                self._check_origin(headers)
                project = self._access.project(headers)
                encoding = Encoding.of_content_type(headers.get("content-type", ("",))[0])
                request = Request(
                    await self._body(headers, receive),
                    ", ".join(headers.get("content-encoding", ())),
                    encoding,
                    project,
                    metadata_of(
                        headers,
                        (scope.get("client") or ("",))[0],
                        include_headers=self._config.include_metadata,
                    ),
                    str(scope.get("client")),
                )
                answer = await intake.take(request)
            except _ClientGoneError:
                return
            except asyncio.CancelledError:
                # Only the server's shutdown cancels requests, after its grace.
                problem = intake.failure(Unavailable("the server is stopping", after_s=1))
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
                problem = intake.failure(error)
            else:
                await _respond(send, 200, [("content-type", str(encoding))], answer)
                return
        refusal = http_answer(problem, encoding)
        if isinstance(problem, TooLarge | TooSlow):
            refusal.headers.append(("connection", "close"))
            await _respond(send, refusal.status, refusal.headers, refusal.body, last=False)
            await _linger(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await _respond(send, refusal.status, refusal.headers, refusal.body)

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what a web page sends, unless pages of its origin may.

        Browsers keep pages from reading the answer; the telemetry would be written all the same.

        Raises:
            Forbidden: the origin is not one of `cors::allowed_origins`.
        """
        for origin in headers.get("origin", ()):
            if not self._origins.fullmatch(origin):
                raise Forbidden(
                    f"pages of the origin {origin[:200]!r} may not send telemetry here; add it to"
                    " cors::allowed_origins (belvedere up: --cors-origin)"
                )

    async def _body(self, headers: Headers, receive: _Receive) -> bytes:
        limit = self._config.max_request_body_size
        declared = headers.get("content-length", ("0",))[0]
        if declared.isdecimal() and int(declared) > limit:
            raise TooLarge(f"the request has {declared} bytes; the limit is {limit}")
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._config.read_timeout):
                while True:
                    event = await receive()
                    if event["type"] != "http.request":
                        raise _ClientGoneError
                    piece = event.get("body", b"")
                    size += len(piece)
                    if size > limit:
                        raise TooLarge(f"the request has more than {limit} bytes")
                    pieces.append(piece)
                    if not event.get("more_body", False):
                        return b"".join(pieces)
        except TimeoutError:
            raise TooSlow(
                f"the request was not whole after {self._config.read_timeout:g} s"
            ) from None


def _headers(scope: _Scope) -> Headers:
    """The headers of a request.

    Raises:
        Malformed: there are too many of the same.
    """
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        headers[key] = (*headers.get(key, ()), value.decode("latin-1"))
    if len(headers.get("content-type", ())) > 1:
        raise Malformed("there are several Content-Type headers")
    return headers


async def _respond(
    send: _Send, status: int, headers: list[tuple[str, str]], body: bytes, *, last: bool = True
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": not last})


async def _linger(receive: _Receive) -> None:
    """Let the client send for a moment, unheard. Closing at once could cost it the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while True:
                event = await receive()
                if event["type"] != "http.request" or not event.get("more_body", False):
                    return


def _pattern(origins: Iterable[str]) -> re.Pattern[str]:
    """What matches one of the origins, in which `*` stands for any characters."""
    wanted = "|".join(re.escape(origin).replace(r"\*", ".*") for origin in origins)
    return re.compile(wanted or r"(?!)")


def _with_cors(app: HttpApplication, config: CorsConfig) -> Any:
    any_origin = "*" in config.allowed_origins
    return CORSMiddleware(
        app,
        allow_origins=["*"] if any_origin else (),
        allow_origin_regex=None if any_origin else _pattern(config.allowed_origins).pattern,
        allow_methods=["POST"],
        allow_headers=config.allowed_headers,
        # Beacons, with which pages send when they are left, always ask for it.
        allow_credentials=True,
        expose_headers=config.exposed_headers,
        max_age=config.max_age,
    )
