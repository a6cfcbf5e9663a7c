"""`OwnTelemetry`: `/metrics`, and own spans and log records, for the time that a Collector runs."""

import asyncio
import logging
from typing import Any, Final

import structlog
from opentelemetry.trace import Tracer

from belvedere import __version__
from belvedere.collector.errors import ConfigError
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.telemetry.config import MetricsTelemetry, Telemetry
from belvedere.collector.telemetry.exposition import metrics_app
from belvedere.collector.telemetry.process import ProcessMetrics
from belvedere.internal_telemetry import REGISTRY

log = structlog.get_logger(__name__)

DEFAULT_ADDRESS: Final = "localhost:8888"
_KEY: Final = "service::telemetry::metrics"


class OwnTelemetry:
    """What `service::telemetry` asks for. Started once; stops before its start, and twice."""

    def __init__(self, config: Telemetry) -> None:
        self._config = config
        self._process: ProcessMetrics | None = None
        self._servers: list[HttpServer] = []
        self._providers: list[Any] = []
        self._handler: logging.Handler | None = None
        self.tracer: Tracer | None = None
        """Makes spans of what the Collector does; None: it is not traced."""

    @property
    def ports(self) -> list[int]:
        """Where `/metrics` is served, once started."""
        return [server.port for server in self._servers]

    async def start(self) -> None:
        """Begin.

        Raises:
            ConfigError: a configured address or certificate cannot be had. A default address
                that is taken is but a warning.
        """
        self._process = ProcessMetrics()
        REGISTRY.register(self._process)
        self._export()
        for address in _addresses(self._config.metrics):
            server = HttpServer(metrics_app(), address, _KEY)
            try:
                await server.start()
            except ConfigError as error:
                if address != DEFAULT_ADDRESS or _is_chosen(self._config.metrics):
                    raise
                hint = f"set {_KEY}::address, or {_KEY}::level to none"
                log.warning("own_metrics_not_served", error=error.message, hint=hint)
                continue
            self._servers.append(server)
            log.info("own_metrics_served", address=address, port=server.port)

    async def shutdown(self) -> None:
        """Send what own telemetry is left, and end."""
        servers, self._servers = self._servers, []
        for server in servers:
            await server.shutdown()
        if self._handler:
            logging.getLogger().removeHandler(self._handler)
            self._handler = None
        providers, self._providers = self._providers, []
        for provider in providers:
            await asyncio.to_thread(provider.shutdown)
        if self._process:
            REGISTRY.unregister(self._process)
            self._process = None

    def _export(self) -> None:
        config = self._config
        traces = () if config.traces.level == "none" else config.traces.processors
        if not traces and not config.logs.processors:
            return
        from belvedere.collector.telemetry import own_otlp  # noqa: PLC0415 - the SDK is not cheap

        resource = own_otlp.resource_of(config)
        if traces:
            tracers = own_otlp.tracer_provider(traces, resource)
            self._providers.append(tracers)
            self.tracer = tracers.get_tracer("belvedere.collector", __version__)
        if config.logs.processors:
            loggers = own_otlp.logger_provider(config.logs.processors, resource)
            self._providers.append(loggers)
            self._handler = own_otlp.OwnLogHandler(loggers)
            logging.getLogger().addHandler(self._handler)


def _is_chosen(config: MetricsTelemetry) -> bool:
    return bool(config.address) or config.readers is not None


def _addresses(config: MetricsTelemetry) -> list[str]:
    if config.level == "none":
        return []
    if config.readers is None:
        return [config.address or DEFAULT_ADDRESS]
    pulled = (reader.pull.exporter.prometheus for reader in config.readers)
    return [f"{f'[{each.host}]' if ':' in each.host else each.host}:{each.port}" for each in pulled]
