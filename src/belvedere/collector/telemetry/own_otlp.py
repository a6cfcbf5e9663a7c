"""The Collector's own spans and log records, by OTLP: OpenTelemetry's SDK, set up as configured.

Imported where a configuration asks for it, since the SDK takes its time.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from belvedere import __version__
from belvedere.collector.errors import ConfigError
from belvedere.collector.telemetry.config import (
    OwnBatchConfig,
    OwnOtlpConfig,
    OwnProcessorConfig,
    Telemetry,
)
from belvedere.collector.telemetry.instance import INSTANCE_ID

_NAME: Final = "belvedere.collector"


def resource_of(telemetry: Telemetry) -> Resource:
    """The resource of own telemetry: the defaults, with the configured attributes over them."""
    attributes = {
        "service.name": "belvedere-collector",
        "service.version": __version__,
        "service.instance.id": INSTANCE_ID,
        **telemetry.resource,
    }
    return Resource({key: value for key, value in attributes.items() if value is not None})


def tracer_provider(processors: Sequence[OwnProcessorConfig], resource: Resource) -> TracerProvider:
    """A provider of tracers whose spans go where the processors say.

    Raises:
        ConfigError: a certificate cannot be read.
    """
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for config in processors:
        otlp = config.otlp
        exporter = (
            grpc_traces.OTLPSpanExporter(**_grpc_arguments(otlp))
            if otlp.protocol == "grpc"
            else http_traces.OTLPSpanExporter(**_http_arguments(otlp, "/v1/traces"))
        )
        provider.add_span_processor(
            BatchSpanProcessor(exporter, **_batching(config.batch))
            if config.batch
            else SimpleSpanProcessor(exporter)
        )
    return provider


def logger_provider(processors: Sequence[OwnProcessorConfig], resource: Resource) -> LoggerProvider:
    """A provider of loggers whose records go where the processors say.

    Raises:
        ConfigError: a certificate cannot be read.
    """
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    for config in processors:
        otlp = config.otlp
        exporter = (
            grpc_logs.OTLPLogExporter(**_grpc_arguments(otlp))
            if otlp.protocol == "grpc"
            else http_logs.OTLPLogExporter(**_http_arguments(otlp, "/v1/logs"))
        )
        provider.add_log_record_processor(
            BatchLogRecordProcessor(exporter, **_batching(config.batch))
            if config.batch
            else SimpleLogRecordProcessor(exporter)
        )
    return provider


class OwnLogHandler(logging.Handler):
    """Hands log entries of the process to a logger of OpenTelemetry."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger(_NAME, __version__)
        # What the exporters say of themselves would come back to them.
        self.addFilter(lambda record: not record.name.startswith("opentelemetry"))

    def emit(self, record: logging.LogRecord) -> None:
        """Emit one entry: structlog's event is the body, its fields are the attributes."""
        said: Any = record.msg  # a mapping where it comes from structlog
        fields = dict(said) if isinstance(said, dict) else {"event": record.getMessage()}
        body = str(fields.pop("event", ""))
        attributes = {
            key: value if isinstance(value, str | bool | int | float) else str(value)
            for key, value in fields.items()
            if not key.startswith("_") and key not in {"level", "timestamp"}
        }
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                observed_timestamp=time.time_ns(),
                severity_text=record.levelname,
                severity_number=SeverityNumber(min(record.levelno // 10 * 4 + 1, 21)),
                body=body,
                attributes={**attributes, "logger": record.name},
            )
        )


class _Batching(TypedDict):
    max_queue_size: int
    schedule_delay_millis: float
    max_export_batch_size: int
    export_timeout_millis: float


def _batching(config: OwnBatchConfig) -> _Batching:
    return {
        "max_queue_size": config.max_queue_size,
        "schedule_delay_millis": config.schedule_delay * 1000,
        "max_export_batch_size": min(config.max_export_batch_size, config.max_queue_size),
        "export_timeout_millis": config.export_timeout * 1000,
    }


def _http_arguments(config: OwnOtlpConfig, path: str) -> dict[str, Any]:
    endpoint = config.endpoint or "http://localhost:4318"
    if urlsplit(endpoint).path in {"", "/"}:
        endpoint = endpoint.rstrip("/") + path
    gzip = config.compression == "gzip"
    return {
        "endpoint": endpoint,
        "certificate_file": config.certificate or None,
        "headers": config.headers,
        "timeout": config.timeout,
        "compression": Compression.Gzip if gzip else Compression.NoCompression,
    }


def _grpc_arguments(config: OwnOtlpConfig) -> dict[str, Any]:
    credentials = None
    if config.certificate:
        try:
            credentials = grpc.ssl_channel_credentials(Path(config.certificate).read_bytes())
        except OSError as error:
            raise ConfigError(
                f"cannot read {config.certificate}: {error.strerror}", key="service::telemetry"
            ) from None
    return {
        "endpoint": config.endpoint or "http://localhost:4317",
        "insecure": config.insecure,
        "credentials": credentials,
        "headers": {name.lower(): value for name, value in config.headers.items()},
        "timeout": config.timeout,
        "compression": grpc.Compression.Gzip if config.compression == "gzip" else None,
    }
