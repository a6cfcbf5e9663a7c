"""The targets of a job, which come and go."""

import asyncio
import time

import structlog

from belvedere.collector.receivers.prometheus.client import ScrapeClient
from belvedere.collector.receivers.prometheus.discovery import FileDiscovery, labels_of_group
from belvedere.collector.receivers.prometheus.loop import Deliver, Options, ScrapeLoop
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.collector.receivers.prometheus.target import (
    ScrapeTarget,
    TargetError,
    discovered,
    make_target,
)
from belvedere.prometheus.model import Labels, labels_of

log = structlog.get_logger(__name__)


class ScrapePool:
    """Keeps a loop for each target of a job."""

    def __init__(self, job: ScrapeConfig, key: str, options: Options, deliver: Deliver) -> None:
        """A pool without targets.

        Raises:
            ConfigError: a certificate cannot be used.
        """
        self.job = job
        self.loops: dict[ScrapeTarget, ScrapeLoop] = {}
        self.dropped: list[Labels] = []
        """Discovered labels of targets that rules dropped."""
        self._options, self._deliver = options, deliver
        self._client = ScrapeClient(job, key)
        self._files = [FileDiscovery(each) for each in job.file_sd_configs]
        self._complaints: set[str] = set()

    async def refresh(self) -> None:
        """Start loops of new targets, and end those of targets that are gone."""
        found, dropped = await asyncio.to_thread(self._discover)
        limit = self.job.keep_dropped_targets
        self.dropped = dropped[:limit] if limit else dropped
        for target in [target for target in self.loops if target not in found]:
            await self.loops.pop(target).stop(gone=True)
        for target in found:
            if target not in self.loops:
                loop = ScrapeLoop(target, self.job, self._client, self._options, self._deliver)
                self.loops[target] = loop
                loop.start()
        self._limit()

    async def stop(self) -> None:
        """End all loops. Their targets are still there, so their series do not end."""
        loops, self.loops = list(self.loops.values()), {}
        await asyncio.gather(*(loop.stop(gone=False) for loop in loops))
        await self._client.close()

    @property
    def watches_files(self) -> bool:
        """Whether targets may come and go."""
        return bool(self._files)

    def _discover(self) -> tuple[dict[ScrapeTarget, None], list[Labels]]:
        now_s = time.monotonic()
        groups = [
            *(each for group in self.job.static_configs for each in labels_of_group(group, {})),
            *(each for file in self._files for each in file.groups(now_s)),
        ]
        found: dict[ScrapeTarget, None] = {}
        dropped: list[Labels] = []
        complaints: set[str] = set()
        for labels in groups:
            try:
                target = make_target(self.job, labels)
            except TargetError as error:
                complaints.add(f"{labels['__address__']}: {error}")
                continue
            if target is None:
                dropped.append(labels_of(discovered(self.job, labels)))
            else:
                found.setdefault(target)
        for complaint in sorted(complaints - self._complaints):
            log.error("target_not_scraped", job=self.job.job_name, error=complaint)
        self._complaints = complaints
        return found, dropped

    def _limit(self) -> None:
        limit = self.job.target_limit
        refused = ""
        if limit and len(self.loops) > limit:
            refused = f"the job has {len(self.loops)} targets, target_limit is {limit}"
        for loop in self.loops.values():
            loop.refused = refused
