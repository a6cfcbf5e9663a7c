"""The component `prometheus`, of the receivers."""

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import structlog

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.receivers.prometheus.config import PrometheusReceiverConfig
from belvedere.collector.receivers.prometheus.loop import LastScrape, Options
from belvedere.collector.receivers.prometheus.pool import ScrapePool
from belvedere.internal_telemetry import RECEIVER_ACCEPTED, RECEIVER_REFUSED
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.prometheus.model import Labels
from belvedere.prometheus.relabel import search

log = structlog.get_logger(__name__)

_LOOK_S: Final = 1.0
"""How often files with targets are looked at."""
_PAUSE_S: Final = 1.0
"""Between attempts to hand a scrape on, where what follows asks for none."""


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target, as `/api/v1/targets` shows it."""

    job_name: str
    """Of the configuration: what Prometheus calls the scrape pool."""
    discovered_labels: Labels
    labels: Labels
    url: str
    interval_s: float
    timeout_s: float
    last: LastScrape


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of a receiver."""

    active: list[TargetView]
    dropped: list[tuple[str, Labels]]
    """Job name, and discovered labels."""


class PrometheusReceiver:
    """Scrapes targets, and hands on what they say as OTLP."""

    Config = PrometheusReceiverConfig
    signals: ClassVar = frozenset({Signal.METRICS})

    def __init__(
        self,
        config: PrometheusReceiverConfig,
        host: Host,
        consumers: Mapping[Signal, Consumer],
        *,
        look_s: float = _LOOK_S,
    ) -> None:
        """A receiver that scrapes nothing yet."""
        self._config, self._id, self._look_s = config, host.component_id, look_s
        self._consumer = consumers[Signal.METRICS]
        self._pools: list[ScrapePool] = []
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to scrape.

        Raises:
            ConfigError: a certificate cannot be used.
        """
        config, prometheus = self._config, self._config.config
        pattern = config.start_time_metric_regex
        for number, job in enumerate(prometheus.jobs):
            extra = config.report_extra_scrape_metrics or bool(job.extra_scrape_metrics)
            options = Options(
                external_labels=prometheus.global_.external_labels,
                trim_suffixes=config.trim_metric_suffixes,
                extra_reports=extra,
                start_metric=search(pattern) if config.use_start_time_metric else None,
                seed=socket.gethostname(),
            )
            key = f"receivers::{self._id}::config::scrape_configs::{number}"
            self._pools.append(ScrapePool(job, key, options, self._deliver))
        for pool in self._pools:
            await pool.refresh()
        if any(pool.watches_files for pool in self._pools):
            self._watcher = asyncio.create_task(self._watch())

    async def shutdown(self) -> None:
        """Scrape no longer."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])
        pools, self._pools = self._pools, []
        await asyncio.gather(*(pool.stop() for pool in pools))

    def targets(self) -> Targets:
        """The targets, as they are now."""
        return Targets(
            active=[
                TargetView(
                    pool.job.job_name,
                    target.discovered,
                    target.labels,
                    target.url,
                    target.interval_s,
                    target.timeout_s,
                    loop.last,
                )
                for pool in self._pools
                for target, loop in pool.loops.items()
            ],
            dropped=[(pool.job.job_name, each) for pool in self._pools for each in pool.dropped],
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            for pool in self._pools:
                if pool.watches_files:
                    await pool.refresh()

    async def _deliver(self, batch: Batch, seconds: float) -> None:
        """Hand on. What follows is asked again while there is time, then the points are dropped."""
        if not batch.items:
            return
        counters = (self._id, "http")
        until_s = time.monotonic() + seconds
        while True:
            try:
                await self._consumer.consume(batch)
            except Retryable as error:
                pause_s = error.after_s or _PAUSE_S
                if time.monotonic() + pause_s < until_s:
                    await asyncio.sleep(pause_s)
                    continue
                self._refused(batch, str(error))
            except Permanent as error:
                self._refused(batch, str(error))
            else:
                RECEIVER_ACCEPTED[Signal.METRICS].labels(*counters).inc(batch.items)
            return

    def _refused(self, batch: Batch, error: str) -> None:
        RECEIVER_REFUSED[Signal.METRICS].labels(self._id, "http").inc(batch.items)
        log.error("scrape_dropped", component=self._id, error=error, points=batch.items)
