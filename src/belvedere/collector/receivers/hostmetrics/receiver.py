"""The component `hostmetrics`."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import psutil
import structlog
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import ConfigError, ConsumeError
from belvedere.collector.receivers.hostmetrics.config import HostMetricsConfig
from belvedere.collector.receivers.hostmetrics.metric import fill
from belvedere.collector.receivers.hostmetrics.own_thread import in_thread
from belvedere.collector.receivers.hostmetrics.root import look_away, look_from
from belvedere.collector.registry import Kind
from belvedere.internal_telemetry import (
    RECEIVER_ACCEPTED,
    RECEIVER_REFUSED,
    SCRAPER_ERRORED_METRIC_POINTS,
    SCRAPER_SCRAPED_METRIC_POINTS,
)
from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_TRANSPORT = "host"
_SCOPE = (
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver"
    "/internal/scraper/{}scraper"
)
"""As the official receiver names its scopes."""


class HostMetricsReceiver:
    """Scrapes at fixed times. A scraper that fails is told; the others' values go on.

    What the pipeline refuses is dropped and counted: the next scrape says more.
    """

    Config = HostMetricsConfig
    signals: ClassVar = frozenset({Signal.METRICS})

    def __init__(
        self, config: HostMetricsConfig, host: Host, consumers: Mapping[Signal, Consumer]
    ) -> None:
        self._config, self._id = config, host.component_id
        self._consumer = consumers[Signal.METRICS]
        self._scrapers = [
            (name, each.build(), each.enabled()) for name, each in config.scrapers.chosen().items()
        ]
        self._task: asyncio.Task[None] | None = None
        self._measuring: asyncio.Future[Batch] | None = None
        """The scrape under way. There is one at a time, whatever hangs."""
        self._is_late = False

    async def start(self) -> None:
        """Begin to scrape.

        Raises:
            ConfigError: `root_path` is not there, or another receiver has another one.
        """
        root = self._config.root_path
        if root and not (root / "proc/stat").exists():
            raise ConfigError(
                f"there is no {root / 'proc/stat'}",
                key=f"{Kind.RECEIVER}::{self._id}::root_path",
                hint=f"mount the machine's root there: docker run -v /:{root}:ro",
            )
        if not look_from(root, self._id):
            raise ConfigError(
                "another receiver host_metrics has another one; write the same in all",
                key=f"{Kind.RECEIVER}::{self._id}::root_path",
            )
        self._task = asyncio.create_task(self._scrape_again_and_again(), name=self._id)

    async def shutdown(self) -> None:
        """End after what is under way."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        look_away(self._id)

    async def _scrape_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._config.initial_delay)
        interval_s, next_s = self._config.collection_interval, loop.time()
        while True:
            try:
                await self._scrape()
            except Exception:
                # A defect of one scrape must not end the others.
                log.exception("scrape_failed", component=self._id)
            missed = max(0, (loop.time() - next_s) // interval_s)
            next_s += interval_s * (missed + 1)
            await asyncio.sleep(next_s - loop.time())

    async def _scrape(self) -> None:
        batch = await self._batch()
        if batch is None or not batch.items:
            return
        try:
            await self._consumer.consume(batch)
        except ConsumeError as error:
            RECEIVER_REFUSED[Signal.METRICS].labels(self._id, _TRANSPORT).inc(batch.items)
            log.warning("refused", component=self._id, n=batch.items, error=str(error))
        else:
            RECEIVER_ACCEPTED[Signal.METRICS].labels(self._id, _TRANSPORT).inc(batch.items)

    async def _batch(self) -> Batch | None:
        """What is measured, also by a scrape that did not end in time before; None: not yet."""
        timeout_s = self._config.timeout
        if self._measuring is None:
            self._measuring, self._is_late = in_thread(self._measured, self._id), False
        limit_s = timeout_s or self._config.collection_interval
        await asyncio.wait({self._measuring}, timeout=limit_s)
        if not self._measuring.done():
            if not self._is_late:
                self._is_late = True
                log.warning(
                    "scrape_takes_long",
                    component=self._id,
                    limit_s=limit_s,
                    hint="a filesystem that hangs is left out by exclude_mount_points",
                )
            return None
        measured, self._measuring = self._measuring, None
        return None if self._is_late and timeout_s else measured.result()

    def _measured(self) -> Batch:
        request = ExportMetricsServiceRequest()
        for name, scraper, wanted in self._scrapers:
            count = 0
            part: Any = ExportMetricsServiceRequest()
            try:
                for measured in scraper.scrape(wanted):
                    count += _add(part, name, measured, wanted)
            except (OSError, psutil.Error, ValueError) as error:
                SCRAPER_ERRORED_METRIC_POINTS.labels(self._id, name).inc()
                log.warning("scraper_failed", component=self._id, scraper=name, error=str(error))
                continue
            SCRAPER_SCRAPED_METRIC_POINTS.labels(self._id, name).inc(count)
            request.MergeFrom(part)
        return Batch.of(Signal.METRICS, request)


def _add(request: Any, scraper: str, measured: Any, wanted: Any) -> int:
    start_s = psutil.boot_time() if measured.start_s is None else measured.start_s
    resource = request.resource_metrics.add()
    for key, value in measured.resource.items():
        resource.resource.attributes.add(key=key, value=any_value(value))
    scope = resource.scope_metrics.add()
    scope.scope.name = _SCOPE.format(scraper)
    count = fill(scope, measured.values, wanted, start_ns=int(start_s * 1e9), now_ns=time.time_ns())
    if not count:
        del request.resource_metrics[-1]
    return count
