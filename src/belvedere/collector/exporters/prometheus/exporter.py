"""The component `prometheus`."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Final

import structlog

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.prometheus.application import Metrics
from belvedere.collector.exporters.prometheus.config import PrometheusConfig
from belvedere.collector.exporters.prometheus.held import HeldPoints
from belvedere.collector.receivers.otlp.access import Access
from belvedere.collector.serving.http_server import HttpServer
from belvedere.internal_telemetry import EXPORTER_SEND_FAILED, EXPORTER_SENT
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.from_otlp import translate

log = structlog.get_logger(__name__)

_TELL_S: Final = 60.0
"""The same complaint is logged once in this time."""
_COMPLAINTS: Final = {
    "delta": "deltas of sums that can fall; make them cumulative (processor delta_to_cumulative)",
    "name": "metrics without a name",
    "out_of_order": "deltas that overlap with earlier ones; is there one sender for each stream?",
    "scale": "exponential histograms with scales below -4, which Prometheus does not have",
    "temporality": "metrics without an aggregation temporality",
    "type": "metrics whose name is in use with another type",
}


class PrometheusExporter:
    """Holds the newest points, and answers scrapes with them."""

    Config = PrometheusConfig
    signals: ClassVar = frozenset({Signal.METRICS})

    def __init__(
        self,
        config: PrometheusConfig,
        host: Host,
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """An exporter that does not listen yet.

        Raises:
            ConfigError: `auth` names no extension that knows clients.
        """
        self._id, self._now_s = host.component_id, now_s
        self._held = HeldPoints(config.metric_expiration)
        self._in_order = asyncio.Lock()
        """Of batches, as deltas are added up."""
        self._lock = threading.Lock()
        """Of what is held: batches and scrapes are worked on in threads."""
        self._translation = config.translation
        self._told_s: dict[str, float] = {}
        self._collisions = 0
        self._running = False
        key = f"exporters::{self._id}"
        metrics = Metrics(
            self._current,
            _access(config, host, key),
            openmetrics=config.enable_open_metrics,
            timestamps=config.send_timestamps,
        )
        self._server = HttpServer(metrics.application(), config.endpoint, key, tls=config.tls)

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
        self._running = True

    async def consume(self, batch: Batch) -> None:
        """Hold the batch's points. What cannot be shown is counted, and told in the log.

        Raises:
            Retryable: the exporter does not run.
        """
        if not self._running:
            raise Retryable(f"{self._id} is not running")
        async with self._in_order:
            refused = await asyncio.to_thread(self._take, batch)
        failed = refused.total()
        EXPORTER_SENT[Signal.METRICS].labels(self._id).inc(max(batch.items - failed, 0))
        if failed:
            EXPORTER_SEND_FAILED[Signal.METRICS].labels(self._id).inc(failed)
        for reason, points in refused.items():
            self._tell(reason, "points_dropped", points=points, reason=_COMPLAINTS[reason])
        if self._held.collisions > self._collisions:
            self._collisions = self._held.collisions
            self._tell(
                "collision",
                "resources_share_series",
                hint="give them service.instance.id, or set resource_to_telemetry_conversion",
            )

    async def shutdown(self) -> None:
        """Close the server; what is held is gone."""
        self._running = False
        await self._server.shutdown()

    def _take(self, batch: Batch) -> Counter[str]:
        """Hold the points; returns how many cannot be, by reason."""
        message: Any = batch.message
        translated = translate(message, self._translation)
        with self._lock:
            return Counter(translated.dropped) + self._held.update(translated.points, self._now_s())

    def _current(self) -> list[Family]:
        """Called in a thread."""
        with self._lock:
            self._held.expire(self._now_s())
            return self._held.families()

    def _tell(self, what: str, event: str, **of: Any) -> None:
        now_s = self._now_s()
        if now_s - self._told_s.get(what, -_TELL_S) >= _TELL_S:
            self._told_s[what] = now_s
            log.warning(event, component=self._id, **of)


def _access(config: PrometheusConfig, host: Host, key: str) -> Access:
    if config.auth is None:
        return Access({})
    extension: Any = host.extensions.get(config.auth.authenticator)
    if not hasattr(extension, "authenticate"):
        running = ", ".join(sorted(host.extensions)) or "none"
        raise ConfigError(
            f"no extension {config.auth.authenticator!r} authenticates clients",
            key=f"{key}::auth::authenticator",
            hint=f"service::extensions has: {running}",
        )
    return Access({}, extension)
