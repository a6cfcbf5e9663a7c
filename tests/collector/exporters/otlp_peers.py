"""Real OTLP servers for the exporters' tests: they decode with the official messages."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import trustme
import uvicorn
import zstandard
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from ports import free_port

from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import count_items
from belvedere.otlp.compression import decompress
from belvedere.otlp.signal import Signal

SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}


def status_with_delay(seconds: float, message: str = "slow down") -> Status:
    """A status with RetryInfo."""
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    status = Status(code=14, message=message)
    status.details.add().Pack(RetryInfo(retry_delay=delay))
    return status


@dataclass
class Received:
    """A request as a peer understood it."""

    signal: Signal
    message: Any
    headers: dict[str, str]
    path: str = ""

    @property
    def items(self) -> int:
        return count_items(self.message)


GrpcAnswer = Callable[[Any, grpc.aio.ServicerContext], Any]


@dataclass
class GrpcPeer:
    """An OTLP/gRPC server. `answers` are called for the next requests; then all succeed."""

    answers: list[GrpcAnswer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    """The same after a stop and another start."""
    credentials: grpc.ServerCredentials | None = None
    options: tuple[tuple[str, int], ...] = ()
    _server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *self.options])
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(service, {"Export": self._handler(signal)})
                for signal, service in SERVICES.items()
            )
        )
        address = f"127.0.0.1:{self.port}"
        self.port = (
            self._server.add_secure_port(address, self.credentials)
            if self.credentials
            else self._server.add_insecure_port(address)
        )
        await self._server.start()

    async def stop(self) -> None:
        if self._server:
            await self._server.stop(None)

    def _handler(self, signal: Signal) -> grpc.RpcMethodHandler:
        async def export(message: Any, context: grpc.aio.ServicerContext) -> Any:
            metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
            self.received.append(Received(signal, message, metadata))
            answer = self.answers.pop(0) if self.answers else None
            result = answer(message, context) if answer else signal.response_type()
            return await result if asyncio.iscoroutine(result) else result

        return grpc.unary_unary_rpc_method_handler(
            export,
            request_deserializer=signal.request_type.FromString,
            response_serializer=signal.response_type.SerializeToString,
        )


def aborts(code: grpc.StatusCode, status: Status | None = None) -> GrpcAnswer:
    """A gRPC failure, with details where given."""

    def answer(_: Any, context: grpc.aio.ServicerContext) -> Any:
        trailing = (("grpc-status-details-bin", status.SerializeToString()),) if status else ()
        return context.abort(code, "as told", trailing)

    return answer


@dataclass
class HttpAnswer:
    """What an `HttpPeer` answers."""

    status: int = 200
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = (("content-type", "application/x-protobuf"),)
    wait_s: float = 0


@dataclass
class HttpPeer:
    """An OTLP/HTTP server (uvicorn). `answers` are given to the next requests; then all succeed."""

    answers: list[HttpAnswer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    """The same after a stop and another start."""
    certificate: trustme.LeafCert | None = None
    client: str = ""
    """Where the last request came from."""
    _server: uvicorn.Server | None = None

    async def start(self) -> None:
        config = uvicorn.Config(
            self._app,
            host="127.0.0.1",
            port=self.port,
            interface="asgi3",
            lifespan="off",
            log_level="error",
        )
        config.load()
        if self.certificate:
            config.ssl = _server_context(self.certificate)
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup()  # without its main loop, which stops at ticks of 100 ms
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """At once, with what uvicorn's own shutdown would wait for."""
        if self._server is None:
            return
        for listener in self._server.servers:
            listener.close()
        state = self._server.server_state
        for connection in list(state.connections):
            connection.transport.abort()
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)

    def understand(self, path: str, headers: dict[str, str], body: bytes) -> Received:
        """A request, of which other peers than OTLP's have other ideas."""
        signal = Signal(path.rsplit("/", 1)[-1])
        return Received(signal, signal.request_type.FromString(body), headers, path)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        self.client = str(scope["client"])
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        body = INFLATE[headers.get("content-encoding", "")](body)
        self.received.append(self.understand(scope["path"], headers, body))
        answer = self.answers.pop(0) if self.answers else HttpAnswer()
        await asyncio.sleep(answer.wait_s)
        sent = [(key.encode(), value.encode()) for key, value in answer.headers]
        start = {"type": "http.response.start", "status": answer.status, "headers": sent}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})


INFLATE: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    "deflate": zlib.decompress,
    "snappy": lambda body: decompress(body, "snappy"),
}


def _server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@dataclass(frozen=True)
class Certificates:
    """Files as configurations name them, and the authority that issued them."""

    authority: trustme.CA
    ca: Path
    client: Path
    client_key: Path


class InstantTime:
    """A clock on which pauses take no time, but are told."""

    def __init__(self, chance: float = 0.5) -> None:
        self.now_s, self.chance = 0.0, chance
        self.pauses_s: list[float] = []

    async def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.now_s += pause_s
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self.sleep, lambda: self.chance)
