"""OTLP/gRPC. Messages come as bytes: gRPC neither parses nor decompresses them here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import grpc
import grpc.aio

from belvedere.collector.receivers.otlp.access import Access, Headers, metadata_of
from belvedere.collector.receivers.otlp.config import GrpcConfig, KeepaliveConfig
from belvedere.collector.receivers.otlp.intake import Intake, Request
from belvedere.collector.serving.listen import address_of, cannot_listen, close, listen
from belvedere.collector.serving.tls import grpc_credentials
from belvedere.otlp.compression import coding_of_grpc_message
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.signal import Signal
from belvedere.otlp.status import grpc_answer

_SERVICES: Final = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}


class GrpcDoor:
    """The gRPC server of a receiver."""

    def __init__(
        self, config: GrpcConfig, key: str, intakes: Mapping[Signal, Intake], access: Access
    ) -> None:
        """A server, not started.

        Args:
            config: its configuration.
            key: where that stands, for errors.
            intakes: of the signals that are served; the others are UNIMPLEMENTED.
            access: who may send.
        """
        self._config = config
        self._key = key
        self._intakes = intakes
        self._access = access
        self._server: grpc.aio.Server | None = None
        self.port = 0
        """The port that is listened on, once started."""

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port or a certificate cannot be had.
        """
        config = self._config
        credentials = grpc_credentials(config.tls, f"{self._key}::tls") if config.tls else None
        # gRPC says in its log, not in its exception, why a port cannot be had: ask for it before.
        sockets = listen(config.endpoint, f"{self._key}::endpoint")
        addresses = [address_of(each) for each in sockets]
        close(sockets)
        server = grpc.aio.server(options=_options(config))
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    _SERVICES[signal],
                    {"Export": grpc.unary_unary_rpc_method_handler(self._handler(intake))},
                )
                for signal, intake in self._intakes.items()
            ]
        )
        for address, port in addresses:
            target = address.with_port(port)
            try:
                if credentials is None:
                    server.add_insecure_port(target)
                else:
                    server.add_secure_port(target, credentials)
            except RuntimeError:
                raise cannot_listen(config.endpoint, f"{self._key}::endpoint", None) from None
        await server.start()
        self._server, self.port = server, addresses[0][1]

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let requests finish within `grace_s`, then close."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)

    def _handler(self, intake: Intake) -> Callable[[bytes, Any], Awaitable[bytes]]:
        include_metadata = self._config.include_metadata

        async def export(message: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            try:
                headers = _headers(context)
                request = Request(
                    message,
                    coding_of_grpc_message(message),
                    Encoding.PROTOBUF,
                    self._access.project(headers),
                    metadata_of(headers, _address(context), include_headers=include_metadata),
                    context.peer(),
                )
                return await intake.take(request)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
                answer = grpc_answer(intake.failure(error))
                return await context.abort(answer.code, answer.message, answer.trailing_metadata)

        return export


def _headers(context: grpc.aio.ServicerContext[bytes, bytes]) -> Headers:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in context.invocation_metadata() or ():
        if isinstance(value, str):  # keys that end in -bin have bytes
            headers[name] = (*headers.get(name, ()), value)
    return headers


def _address(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    """The IP address of the client, out of `ipv4:127.0.0.1:4242` or `ipv6:%5B::1%5D:4242`."""
    family, _, rest = context.peer().partition(":")
    return unquote(rest).rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else ""


def _options(config: GrpcConfig) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        # A second process on the same port is an error, and not half of the requests.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", config.max_recv_msg_size_mib << 20),
        # gRPC would inflate a bomb before it looks at the size: bounded, it is done by us.
        ("grpc.per_message_decompression", 0),
    ]
    if config.max_concurrent_streams is not None:
        options.append(("grpc.max_concurrent_streams", config.max_concurrent_streams))
    return options + _keepalive_options(config.keepalive)


def _keepalive_options(config: KeepaliveConfig) -> list[tuple[str, int]]:
    parameters, policy = config.server_parameters, config.enforcement_policy
    durations_s = {
        "grpc.max_connection_idle_ms": parameters.max_connection_idle,
        "grpc.max_connection_age_ms": parameters.max_connection_age,
        "grpc.max_connection_age_grace_ms": parameters.max_connection_age_grace,
        "grpc.keepalive_time_ms": parameters.time,
        "grpc.keepalive_timeout_ms": parameters.timeout,
        "grpc.http2.min_ping_interval_without_data_ms": policy.min_time,
    }
    options = [
        (name, round(seconds * 1000))
        for name, seconds in durations_s.items()
        if seconds is not None
    ]
    if policy.permit_without_stream:
        options.append(("grpc.keepalive_permit_without_calls", 1))
    return options
