"""`otlp_http` (older name `otlphttp`): to an OTLP/HTTP server, as binary protobuf.

The batch's bytes go out as they are, compressed; nothing is parsed or serialized again.
"""

from typing import Annotated, Any, Literal, Self

import cramjam
import zstandard
from isal import igzip, isal_zlib
from pydantic import BeforeValidator, Field, field_validator, model_validator

from belvedere.collector.component import Host
from belvedere.collector.exporters.http_exporter import HttpExporter
from belvedere.collector.exporters.http_post import HttpPostConfig, checked_url, compressed
from belvedere.collector.exporters.otlp_answer import (
    read_status,
    rejected_items,
    retry_delay_s,
)
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_RETRYABLE = frozenset({429, 502, 503, 504})
"""OTLP specification, "OTLP/HTTP failures"."""

_COMPRESS = {
    "gzip": lambda data: igzip.compress(data, 1),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "snappy": lambda data: bytes(cramjam.snappy.compress(data)),  # in frames, as the Collector
    "zlib": isal_zlib.compress,
    "deflate": isal_zlib.compress,
}
_NAMES = {"zlib": "deflate"}
"""Compressions whose Content-Encoding has another name."""


def _no_json(value: Any) -> Any:
    if value == "json":
        raise ValueError("json is not supported; every OTLP server takes proto")
    return value


class OtlpHttpConfig(HttpPostConfig):
    """`exporters::otlp_http`."""

    endpoint: str = Field(
        "", description="Base URL; requests go to /v1/traces, /v1/metrics and /v1/logs below it."
    )
    traces_endpoint: str = Field("", description="Full URL for traces, instead of endpoint's.")
    metrics_endpoint: str = Field("", description="Full URL for metrics, instead of endpoint's.")
    logs_endpoint: str = Field("", description="Full URL for logs, instead of endpoint's.")
    compression: Literal["gzip", "zstd", "snappy", "zlib", "deflate", "none", ""] = Field(
        "gzip", description="Compression of requests; none: none."
    )
    encoding: Annotated[Literal["proto"], BeforeValidator(_no_json)] = Field(
        "proto", description="Binary protobuf."
    )

    @field_validator("endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint")
    @classmethod
    def _is_url(cls, value: str) -> str:
        return checked_url(value)

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


class OtlpHttpExporter(HttpExporter):
    """Sends batches over kept-alive connections."""

    Config = OtlpHttpConfig

    def __init__(self, config: OtlpHttpConfig, host: Host, *, clock: Clock | None = None) -> None:
        self._config = config
        self._compress = _COMPRESS.get(config.compression)
        headers = {"content-type": "application/x-protobuf"}
        if self._compress:
            headers["content-encoding"] = _NAMES.get(config.compression, config.compression)
        super().__init__(config, host, headers, clock)

    async def _attempt(self, batch: Batch) -> int:
        body = await compressed(self._compress, batch.data)
        answer = await self._post(self._config.url(batch.signal), body)
        is_protobuf = answer.headers.get("content-type", "").startswith("application/x-protobuf")
        if answer.is_success:
            return rejected_items(batch, answer.body, self._id) if is_protobuf else 0
        status = read_status(answer.body) if is_protobuf else None
        raise answer.refusal(
            _RETRYABLE.__contains__,
            said=status.message if status else None,
            after_s=retry_delay_s(status),
        )
