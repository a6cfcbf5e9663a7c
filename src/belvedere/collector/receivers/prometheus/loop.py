"""One target, scraped at its interval."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final

import structlog

from belvedere.collector.receivers.prometheus.client import Answer, ScrapeClient, ScrapeError
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.collector.receivers.prometheus.series import Counts, TargetSeries
from belvedere.collector.receivers.prometheus.target import ScrapeTarget
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.exposition.parse import parse_openmetrics, parse_text
from belvedere.prometheus.model import Metadata, MetricType
from belvedere.prometheus.to_otlp import Builder, Place, Places, Target

log = structlog.get_logger(__name__)

Deliver = Callable[[Batch, float], Awaitable[None]]
"""Takes a scrape over, and tries to hand it on for so many seconds."""

_REPORTS: Final = (
    Metadata("up", MetricType.GAUGE, "The scraping was successful"),
    Metadata("scrape_duration_seconds", MetricType.GAUGE, "Duration of the scrape", "seconds"),
    Metadata(
        "scrape_samples_scraped", MetricType.GAUGE, "The number of samples the target exposed"
    ),
    Metadata(
        "scrape_samples_post_metric_relabeling",
        MetricType.GAUGE,
        "The number of samples remaining after metric relabeling was applied",
    ),
    Metadata(
        "scrape_series_added",
        MetricType.GAUGE,
        "The approximate number of new series in this scrape",
    ),
)
_EXTRA_REPORTS: Final = (
    Metadata(
        "scrape_timeout_seconds",
        MetricType.GAUGE,
        "The configured scrape timeout for a target",
        "seconds",
    ),
    Metadata("scrape_sample_limit", MetricType.GAUGE, "The configured sample limit for a target"),
    Metadata(
        "scrape_body_size_bytes",
        MetricType.GAUGE,
        "The uncompressed size of the last scrape response, if successful",
        "bytes",
    ),
)


class Health(StrEnum):
    """What is known of a target."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class LastScrape:
    """How the last scrape of a target went."""

    health: Health = Health.UNKNOWN
    error: str = ""
    begin_s: float = 0.0
    """Since 1970; 0: there was none."""
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the receiver's own keys say."""

    external_labels: Mapping[str, str]
    trim_suffixes: bool
    extra_reports: bool
    start_metric: Any
    """Compiled expression; None: start times are of series."""
    seed: str
    """Of the spread of scrapes over their intervals."""


class ScrapeLoop:
    """Scrapes one target until it is stopped."""

    def __init__(
        self,
        target: ScrapeTarget,
        job: ScrapeConfig,
        client: ScrapeClient,
        options: Options,
        deliver: Deliver,
    ) -> None:
        """A loop that does not run yet."""
        self.target, self.last = target, LastScrape()
        self.refused = ""
        """Why scrapes fail without being tried; empty: they are."""
        self._job, self._client, self._options, self._deliver = job, client, options, deliver
        self._series = TargetSeries(
            job,
            target.labels,
            external_labels=options.external_labels,
            start_metric=options.start_metric,
        )
        metadata = [*_REPORTS, *(_EXTRA_REPORTS if options.extra_reports else ())]
        places = Places({each.name: each for each in metadata}, Target(target.job, target.instance))
        self._reports: list[Place] = [
            places.place(
                {**dict(target.labels), **options.external_labels, "__name__": each.name}.items()
            )
            for each in metadata
        ]
        self._told_out_of_time = False
        self._task: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        """Held while a scrape is taken in, which a stopped loop's thread may still do."""

    def start(self) -> None:
        """Run."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, *, gone: bool) -> None:
        """Run no longer. Series of a target that is `gone` end; others go on with a next start."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        if gone:
            await self._deliver(await asyncio.to_thread(self._end), 0.0)

    async def _run(self) -> None:
        interval_s = self.target.interval_s
        due = (
            time.monotonic() + (self.target.offset_s(self._options.seed) - time.time()) % interval_s
        )
        while True:
            await asyncio.sleep(due - time.monotonic())
            try:
                await self._scrape()
            except Exception:
                # A defect must not end the loop: the target would be neither up nor down.
                log.exception("scrape_failed_by_defect", url=self.target.url)
            late_s = time.monotonic() - due
            due += interval_s * max(math.ceil(late_s / interval_s), 1)

    async def _scrape(self) -> None:
        begin, time_ms = time.monotonic(), int(time.time() * 1000)
        error, answer = self.refused, None
        if not error:
            try:
                answer = await self._client.get(self.target)
            except ScrapeError as failure:
                error = str(failure)
        # A large scrape takes a while, in which others shall be scraped.
        batch = await asyncio.to_thread(self._taken, answer, error, time_ms, begin)
        left_s = self.target.interval_s - (time.monotonic() - begin)
        await self._deliver(batch, max(left_s, 0.0))

    def _taken(self, answer: Answer | None, error: str, time_ms: int, begin: float) -> Batch:
        """What becomes of a scrape, with the series that tell how it went."""
        builder, counts, error = self._take(answer, error, time_ms)
        duration_s = time.monotonic() - begin
        if error and error != self.last.error:
            log.warning("scrape_failed", url=self.target.url, job=self.target.job, error=error)
        health = Health.DOWN if error else Health.UP
        self.last = LastScrape(health, error, time_ms / 1000, duration_s)
        body_bytes = answer.body_bytes if answer else 0
        self._report(builder, counts, time_ms, duration_s, body_bytes)
        if counts.out_of_time and not self._told_out_of_time:
            self._told_out_of_time = True
            log.warning(
                "samples_out_of_time",
                url=self.target.url,
                n=counts.out_of_time,
                hint="their times are before 1970 or more than 10 minutes ahead; set"
                " honor_timestamps: false, or the target's clock",
            )
        return Batch.of(Signal.METRICS, builder.build(counts.process_start_ns))

    def _end(self) -> Batch:
        """The end of all series."""
        builder, now_ms = self._builder(), int(time.time() * 1000)
        with self._lock:
            self._series.add_stale(builder, now_ms)
        for place in self._reports:
            builder.add_stale(place, now_ms)
        return Batch.of(Signal.METRICS, builder.build())

    def _take(self, answer: Answer | None, error: str, time_ms: int) -> tuple[Builder, Counts, str]:
        builder = self._builder()
        with self._lock:
            if answer is not None:
                parse = parse_openmetrics if answer.openmetrics else parse_text
                try:
                    return builder, self._series.add(builder, parse(answer.text), time_ms), ""
                except (ScrapeError, MalformedError) as failure:
                    error, builder = str(failure), self._builder()
            self._series.add_stale(builder, time_ms)
        return builder, Counts(0, 0, 0), error

    def _report(
        self, builder: Builder, counts: Counts, time_ms: int, duration_s: float, body_bytes: int
    ) -> None:
        values = (
            float(self.last.health is Health.UP),
            duration_s,
            counts.scraped,
            counts.kept,
            counts.added,
            self.target.timeout_s,
            self._job.sample_limit or 0,
            body_bytes,
        )
        for place, value in zip(self._reports, values, strict=False):
            builder.add(place, float(value), time_ms, None)

    def _builder(self) -> Builder:
        return Builder(self._resource, trim_suffixes=self._options.trim_suffixes)

    def _resource(self, target: Target) -> Mapping[str, str]:
        """Attributes of a resource, after the official receiver's."""
        host, colon, port = target.instance.rpartition(":")
        if not colon or not port.isdecimal():
            host, port = target.instance, ""
        host = host.removeprefix("[").removesuffix("]")
        attributes = {"service.name": target.job, "service.instance.id": target.instance}
        if _is_discernible(host):
            attributes["server.address"] = host
        return attributes | {"server.port": port, "url.scheme": self.target.scheme}


def _is_discernible(host: str) -> bool:
    """Whether a host's name tells it from others."""
    try:
        address = ip_address(host)
    except ValueError:
        return host != "localhost"
    return not (address.is_loopback or address.is_unspecified)
