"""`otlp_http` (older name `otlphttp`): to an OTLP/HTTP server, as binary protobuf.

The batch's bytes go out as they are, compressed; nothing is parsed or serialized again.
"""

import asyncio
from typing import Literal, Self

import httpx
import zstandard
from isal import igzip
from pydantic import Field, field_validator, model_validator

from belvedere import __version__
from belvedere.collector.component import Host
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.client_tls import ClientTlsConfig
from belvedere.collector.exporters.delivery import Delivery, DeliveryConfig
from belvedere.collector.exporters.otlp_answer import (
    read_status,
    rejected_items,
    retry_after_s,
    retry_delay_s,
)
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_RETRYABLE = frozenset({429, 502, 503, 504})
"""OTLP specification, "OTLP/HTTP failures"."""

_MAX_ANSWER_BYTES = 4 << 20
"""The specification's limit for responses."""

_IN_THREAD_BYTES = 64 << 10
"""Bodies from this size on are compressed in a thread, so as not to hold up the event loop."""

_COMPRESS = {
    "gzip": lambda data: igzip.compress(data, 1),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


class OtlpHttpConfig(DeliveryConfig):
    """`exporters::otlp_http`."""

    endpoint: str = Field(
        "", description="Base URL; requests go to /v1/traces, /v1/metrics and /v1/logs below it."
    )
    traces_endpoint: str = Field("", description="Full URL for traces, instead of endpoint's.")
    metrics_endpoint: str = Field("", description="Full URL for metrics, instead of endpoint's.")
    logs_endpoint: str = Field("", description="Full URL for logs, instead of endpoint's.")
    tls: ClientTlsConfig = Field(
        default_factory=ClientTlsConfig, description="Certificates, for URLs with https://."
    )
    headers: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Headers sent with each request."
    )
    compression: Literal["gzip", "zstd", "none", ""] = Field(
        "gzip", description="Compression of requests: gzip, zstd or none."
    )

    @field_validator("endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint")
    @classmethod
    def _is_url(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"{value!r} is no URL: {error}") from error
        if value and (url.scheme not in {"http", "https"} or not url.host):
            raise ValueError(f"{value!r} is no URL; write http://host:port or https://host:port")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.signals:
            raise ValueError("endpoint is required, or an endpoint for each signal that is sent")
        return self

    @property
    def signals(self) -> frozenset[Signal]:
        """The signals that have somewhere to go."""
        return frozenset(signal for signal in Signal if self.url(signal))

    def url(self, signal: Signal) -> str:
        """Where a signal is sent; empty: nowhere."""
        own: str = getattr(self, f"{signal}_endpoint")
        return own or (f"{self.endpoint.rstrip('/')}/v1/{signal}" if self.endpoint else "")


class OtlpHttpExporter:
    """Sends batches over kept-alive connections."""

    Config = OtlpHttpConfig

    def __init__(self, config: OtlpHttpConfig, host: Host, *, clock: Clock | None = None) -> None:
        self._config, self._id = config, host.component_id
        self._delivery = Delivery(config, self._id, self._attempt, clock=clock)
        self._compress = _COMPRESS.get(config.compression)
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Make the client; the peer need not be there yet.

        Raises:
            ConfigError: a certificate file cannot be read.
        """
        config = self._config
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"Belvedere/{__version__}",
        }
        if self._compress:
            headers["content-encoding"] = config.compression
        self._client = httpx.AsyncClient(
            verify=config.tls.ssl_context(),
            headers=httpx.Headers(headers | {k.lower(): v for k, v in config.headers.items()}),
            timeout=None,  # noqa: S113 - each attempt as a whole has one
            limits=httpx.Limits(max_keepalive_connections=config.sending_queue.num_consumers),
            mounts=dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
        )
        await self._delivery.start()

    async def consume(self, batch: Batch) -> None:
        """See `Delivery.consume`."""
        await self._delivery.consume(batch)

    async def shutdown(self) -> None:
        """Send what waits, within a bound, then close the connections."""
        await self._delivery.shutdown()
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def _attempt(self, batch: Batch) -> int:
        url = self._config.url(batch.signal)
        if self._client is None:
            raise Retryable(f"{self._id} is not running")
        body = await self._body(batch)
        override = self._config.tls.server_name_override
        request = self._client.build_request(
            "POST", url, content=body, extensions={"sni_hostname": override} if override else {}
        )
        try:
            async with asyncio.timeout(self._config.timeout or None):
                response = await self._client.send(request, stream=True)
                try:
                    answer = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            limit_s = self._config.timeout
            raise Retryable(f"{url}: no answer within {limit_s:g} s (timeout)") from error
        except httpx.TransportError as error:
            raise Retryable(f"{url}: {error or type(error).__name__}") from error
        if not response.is_success:
            raise _refusal(response, answer, url)
        return rejected_items(batch, answer, self._id) if _is_protobuf(response) else 0

    async def _body(self, batch: Batch) -> bytes:
        if not self._compress:
            return batch.data
        if len(batch.data) < _IN_THREAD_BYTES:
            return self._compress(batch.data)
        return await asyncio.to_thread(self._compress, batch.data)


async def _read(response: httpx.Response) -> bytes:
    """The response's body; nothing where it is longer than the limit or cannot be decoded."""
    parts, size = [], 0
    try:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > _MAX_ANSWER_BYTES:
                return b""
            parts.append(part)
    except httpx.DecodingError:
        return b""
    return b"".join(parts)


def _is_protobuf(response: httpx.Response) -> bool:
    return str(response.headers.get("content-type", "")).startswith("application/x-protobuf")


def _refusal(response: httpx.Response, answer: bytes, url: str) -> ConsumeError:
    """What an HTTP status means for the batch."""
    status = read_status(answer) if _is_protobuf(response) else None
    said = status.message if status else answer[:200].decode(errors="replace")
    message = f"{url}: {response.status_code} {response.reason_phrase}: {said}".rstrip(": ")
    if location := response.headers.get("location"):
        message += f" (redirects are not followed; set the endpoint to {location})"
    if response.status_code not in _RETRYABLE:
        return Permanent(message)
    after_s = retry_after_s(response.headers.get("retry-after"))
    return Retryable(message, after_s=retry_delay_s(status) if after_s is None else after_s)
