"""`otlp_grpc` (older name `otlp`): to an OTLP/gRPC server, another Collector or a back end.

The batch's bytes go out as they are; nothing is parsed or serialized again.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import grpc
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from belvedere import __version__
from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.client_auth import AUTH, ClientAuth, ClientAuthConfig
from belvedere.collector.exporters.client_tls import ClientTlsConfig, for_grpc
from belvedere.collector.exporters.delivery import DeliveringExporter, Delivery, DeliveryConfig
from belvedere.collector.exporters.otlp_answer import read_status, rejected_items, retry_delay_s
from belvedere.collector.exporters.pinned_certificate import fetch_certificate
from belvedere.collector.exporters.retry import Clock
from belvedere.collector.header_list import Headers
from belvedere.collector.tls import Renewal
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_SERVICE = "/opentelemetry.proto.collector.{}Service/Export"
_METHODS = {
    Signal.TRACES: _SERVICE.format("trace.v1.Trace"),
    Signal.METRICS: _SERVICE.format("metrics.v1.Metrics"),
    Signal.LOGS: _SERVICE.format("logs.v1.Logs"),
}

_RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""OTLP specification, "OTLP/gRPC failures"; RESOURCE_EXHAUSTED is added by RetryInfo only."""

_CLOSE_S = 5.0
"""How long a channel that closes leaves its calls, where `timeout` does not say it."""

_CHANNEL_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.primary_user_agent", f"Belvedere/{__version__}"),
    ("grpc.max_send_message_length", -1),  # the peer's limit is what counts
    ("grpc.max_receive_message_length", 4 << 20),  # the specification's limit for responses
    ("grpc.initial_reconnect_backoff_ms", 200),  # retry_on_failure decides when to try; the
    ("grpc.max_reconnect_backoff_ms", 5000),  # connection should then not wait on its own
]

_ENDPOINT = re.compile(r"(?:(https?)://)?((?:[^/:\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})/?")
_RESOLVED_BY_GRPC = ("unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "passthrough:")


_NO_BUFFERS = "Changes nothing: gRPC's library chooses its buffers."


def _can_compress(value: Any) -> Any:
    if value in {"snappy", "zstd", "zlib", "deflate", "lz4"}:
        raise ValueError(
            f"{value} is not supported: gRPC's library for Python has gzip alone; write gzip or"
            " none, or send by otlp_http, which has zstd"
        )
    return value


class KeepaliveConfig(ComponentConfig):
    """`keepalive`, after the Collector's `configgrpc.KeepaliveClientConfig`."""

    time: Duration = Field(10.0, gt=0, description="A quiet connection is pinged after this.")
    timeout: Duration = Field(
        10.0, gt=0, description="A connection is closed if a ping has no answer for this long."
    )
    permit_without_stream: bool = Field(
        False, description="Whether to ping also without a request in flight."
    )


class OtlpGrpcConfig(DeliveryConfig):
    """`exporters::otlp_grpc`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "middlewares": "there are no such extensions",
        "batcher": "it has become sending_queue::batch",
    }

    endpoint: str = Field(
        description="host:port of the server, also with http:// (plain text) or https:// before it."
    )
    tls: Annotated[ClientTlsConfig, AfterValidator(for_grpc)] = Field(
        default_factory=ClientTlsConfig, description="Encryption; it is on unless insecure is set."
    )
    auth: ClientAuthConfig | None = Field(None, description=AUTH)
    headers: Headers = Field(
        default_factory=dict, repr=False, description="Metadata sent with each request."
    )
    compression: Annotated[Literal["gzip", "none", ""], BeforeValidator(_can_compress)] = Field(
        "gzip", description="Compression of requests: gzip or none."
    )
    keepalive: KeepaliveConfig | None = Field(
        None, description="Pings of a quiet connection; unset: none."
    )
    balancer_name: Literal["pick_first", "round_robin"] = Field(
        "round_robin", description="How requests are spread over the addresses of the endpoint."
    )
    authority: str = Field("", description="Name in :authority, instead of the endpoint's.")
    wait_for_ready: bool = Field(
        False, description="Whether an attempt waits for a connection, rather than fail without."
    )
    read_buffer_size: int = Field(0, ge=0, description=_NO_BUFFERS)
    write_buffer_size: int = Field(0, ge=0, description=_NO_BUFFERS)

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(_RESOLVED_BY_GRPC) and not _ENDPOINT.fullmatch(value):
            raise ValueError(
                f"{value!r} is no address of a gRPC server; write host:port, like tempo:4317"
                " (addresses with a path belong to otlp_http)"
            )
        return value

    @property
    def target(self) -> str:
        """The endpoint as gRPC wants it."""
        match = _ENDPOINT.fullmatch(self.endpoint)
        return match[2] if match else self.endpoint

    def channel_options(self) -> list[tuple[str, str | int]]:
        """What the keys mean to gRPC's library."""
        options: list[tuple[str, str | int]] = [("grpc.lb_policy_name", self.balancer_name)]
        if self.authority:
            options.append(("grpc.default_authority", self.authority))
        if self.keepalive:
            options += [
                ("grpc.keepalive_time_ms", round(self.keepalive.time * 1000)),
                ("grpc.keepalive_timeout_ms", round(self.keepalive.timeout * 1000)),
                ("grpc.keepalive_permit_without_calls", int(self.keepalive.permit_without_stream)),
            ]
        return options

    @property
    def plain_text(self) -> bool:
        """Whether there is no TLS: the endpoint's scheme says so, or else `tls::insecure`."""
        match = _ENDPOINT.fullmatch(self.endpoint)
        return match[1] == "http" if match and match[1] else self.tls.insecure


class OtlpGrpcExporter(DeliveringExporter):
    """Sends batches over one channel, which reconnects by itself."""

    Config = OtlpGrpcConfig

    def __init__(self, config: OtlpGrpcConfig, host: Host, *, clock: Clock | None = None) -> None:
        self._config, self._id = config, host.component_id
        self._auth = ClientAuth(config.auth, host)
        self._delivery = Delivery(config, host, self._attempt, clock=clock)
        self._headers = [(name.lower(), value) for name, value in config.headers.items()]
        self._channel: grpc.aio.Channel | None = None
        self._calls: Mapping[Signal, Any] = {}
        self._connecting = asyncio.Lock()
        self._renewal = Renewal(config.tls)
        self._pins = config.tls.insecure_skip_verify and not config.plain_text
        self._stopped = False

    async def start(self) -> None:
        """Make the channel; the peer need not be there yet.

        Raises:
            ConfigError: a certificate file cannot be read.
        """
        if not self._pins:
            self._open()
        await self._delivery.start()

    async def shutdown(self) -> None:
        """Send what waits, within a bound, then close the channel."""
        await self._delivery.shutdown()
        self._stopped = True
        await self._close()

    async def _attempt(self, batch: Batch) -> int:
        await self._connect()
        headers = self._headers
        for name, value in (await self._auth.headers()).items():
            headers = [*headers, (name.lower(), value)]
        try:
            answer = await self._calls[batch.signal](
                batch.data,
                timeout=self._config.timeout or None,
                metadata=headers,
                wait_for_ready=self._config.wait_for_ready,
            )
        except grpc.aio.AioRpcError as error:
            if self._pins and error.code() is grpc.StatusCode.UNAVAILABLE:
                await self._close()  # the peer may come back with another certificate
            raise _refusal(error, self._config.target) from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            raise Retryable(f"{self._config.target}: the channel was closed") from error
        return rejected_items(batch, answer, self._id)

    async def _connect(self) -> None:
        """Make the channel if there is none: with a certificate to fetch, a peer must be there."""
        async with self._connecting:
            if self._stopped:
                raise Retryable(f"{self._id} is shutting down")
            if self._channel is not None and not self._renewal.is_due():
                return
            await self._close()  # the new channel reads the certificate again
            if not self._pins:
                self._open()
                return
            name, _, port = self._config.target.rpartition(":")
            try:
                pinned = await asyncio.to_thread(
                    fetch_certificate, self._config.tls, name.strip("[]"), int(port)
                )
            except (OSError, ValueError) as error:
                raise Retryable(f"{self._config.target}: no certificate: {error}") from error
            self._open(pinned.pem, pinned.name)

    def _open(self, roots: bytes | None = None, name: str = "") -> None:
        config = self._config
        options = [*_CHANNEL_OPTIONS, *config.channel_options()]
        if name := name or config.tls.server_name_override:
            options.append(("grpc.ssl_target_name_override", name))
        compression = grpc.Compression.Gzip if config.compression == "gzip" else None
        if config.plain_text:
            channel = grpc.aio.insecure_channel(config.target, options, compression)
        else:
            credentials = config.tls.grpc_credentials(roots)
            channel = grpc.aio.secure_channel(config.target, credentials, options, compression)
        self._channel = channel
        self._calls = {signal: channel.unary_unary(method) for signal, method in _METHODS.items()}
        self._renewal = Renewal(config.tls)

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel:
            await channel.close(grace=self._config.timeout or _CLOSE_S)


def _refusal(error: grpc.aio.AioRpcError, target: str) -> ConsumeError:
    """What a gRPC status means for the batch."""
    code = error.code()
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    after_s = retry_delay_s(read_status(details)) if isinstance(details, bytes) else None
    message = f"{target}: {code.name}: {error.details()}"
    if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
        return Retryable(message, after_s=after_s)
    return Permanent(message)
