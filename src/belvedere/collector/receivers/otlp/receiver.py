"""Receiver `otlp`: opens its doors when everything behind them is ready, and closes them first."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Final

import structlog

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.access import Access, Authenticator, read_tokens
from belvedere.collector.receivers.otlp.config import AuthConfig, OtlpReceiverConfig
from belvedere.collector.receivers.otlp.grpc_door import GrpcDoor
from belvedere.collector.receivers.otlp.http_door import HttpDoor
from belvedere.collector.receivers.otlp.intake import Intake
from belvedere.collector.serving.host import is_loopback
from belvedere.otlp.decode import AsReceived
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_GRACE_S: Final = 5.0
"""What requests in flight get to finish at shutdown."""


class OtlpReceiver:
    """Telemetry over OTLP/gRPC and OTLP/HTTP becomes batches."""

    Config = OtlpReceiverConfig
    signals: ClassVar = frozenset(Signal)

    def __init__(
        self, config: OtlpReceiverConfig, host: Host, consumers: Mapping[Signal, Consumer]
    ) -> None:
        self._config = config
        self._host = host
        self._consumers = consumers
        self._key = f"receivers::{host.component_id}"
        self._grpc: GrpcDoor | None = None
        self._http: HttpDoor | None = None

    @property
    def grpc_port(self) -> int | None:
        """The port of OTLP/gRPC; None while it is not served."""
        return self._grpc.port if self._grpc else None

    @property
    def http_port(self) -> int | None:
        """The port of OTLP/HTTP; None while it is not served."""
        return self._http.port if self._http else None

    @property
    def grpc_by_tls(self) -> bool:
        """Whether OTLP/gRPC takes encrypted connections only."""
        return (
            self._config.protocols.grpc is not None and self._config.protocols.grpc.tls is not None
        )

    @property
    def http_by_tls(self) -> bool:
        """Whether OTLP/HTTP takes encrypted connections only."""
        return (
            self._config.protocols.http is not None and self._config.protocols.http.tls is not None
        )

    @property
    def id(self) -> str:
        """As the configuration names it."""
        return self._host.component_id

    def open_endpoints(self) -> list[str]:
        """Endpoints that other machines reach, and that require neither token nor certificate."""
        if self._config.tokens or self._config.tokens_file:
            return []
        protocols = (self._config.protocols.grpc, self._config.protocols.http)
        return [
            each.endpoint
            for each in protocols
            if each is not None
            and each.auth is None
            and not (each.tls and each.tls.client_ca_file)
            and not is_loopback(each.endpoint)
        ]

    async def start(self) -> None:
        protocols = self._config.protocols
        tokens: Mapping[str, str] = self._config.tokens
        if self._config.tokens_file is not None:
            tokens = read_tokens(self._config.tokens_file, f"{self._key}::tokens_file")
        try:
            if protocols.grpc is not None:
                key = f"{self._key}::protocols::grpc"
                intakes = self._intakes("grpc", protocols.grpc.max_recv_msg_size_mib << 20)
                access = self._access(tokens, protocols.grpc.auth, key)
                grpc_door = GrpcDoor(protocols.grpc, key, intakes, access)
                await grpc_door.start()
                self._grpc = grpc_door
            if protocols.http is not None:
                key = f"{self._key}::protocols::http"
                intakes = self._intakes("http", protocols.http.max_request_body_size)
                access = self._access(tokens, protocols.http.auth, key)
                http_door = HttpDoor(protocols.http, key, intakes, access)
                await http_door.start()
                self._http = http_door
        except ConfigError:
            await self.shutdown()
            raise
        log.info("otlp_receiver_listens", grpc_port=self.grpc_port, http_port=self.http_port)

    async def shutdown(self) -> None:
        doors = [door for door in (self._grpc, self._http) if door is not None]
        self._grpc = self._http = None
        await asyncio.gather(*(door.stop(_GRACE_S) for door in doors))

    def _intakes(self, transport: str, limit_bytes: int) -> dict[Signal, Intake]:
        return {
            signal: Intake(
                signal,
                consumer,
                receiver=self._host.component_id,
                transport=transport,
                limit_bytes=limit_bytes,
                canonical=AsReceived not in self._host.services,
            )
            for signal, consumer in self._consumers.items()
        }

    def _access(self, tokens: Mapping[str, str], auth: AuthConfig | None, key: str) -> Access:
        if auth is None:
            return Access(tokens)
        extension = self._host.extensions.get(auth.authenticator)
        if extension is None or not hasattr(extension, "authenticate"):
            known = ", ".join(sorted(self._host.extensions)) or "there are none"
            raise ConfigError(
                f"no extension {auth.authenticator!r} authenticates clients",
                key=f"{key}::auth::authenticator",
                hint=f"extensions that run: {known}; or use the key tokens of the receiver",
            )
        authenticator: Authenticator = extension  # type: ignore[assignment]  # checked above; extensions are known by their capabilities
        return Access({}, authenticator)
