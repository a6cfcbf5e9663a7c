"""`processes` and `system`: the machine's processes in numbers, and how long it runs."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import psutil

from belvedere.collector.receivers.hostmetrics.metric import (
    Definition,
    Measured,
    Value,
    counter,
    gauge,
    up_down,
)
from belvedere.collector.receivers.hostmetrics.scrapers.base import Scraper, ScraperConfig

_STATUSES: Final = {
    psutil.STATUS_RUNNING: "running",
    psutil.STATUS_SLEEPING: "sleeping",
    psutil.STATUS_DISK_SLEEP: "blocked",
    psutil.STATUS_STOPPED: "stopped",
    psutil.STATUS_TRACING_STOP: "stopped",
    psutil.STATUS_ZOMBIE: "zombies",
    psutil.STATUS_IDLE: "idle",
    psutil.STATUS_LOCKED: "locked",
    psutil.STATUS_WAITING: "blocked",
    psutil.STATUS_PARKED: "idle",
}
"""psutil's status → the official one; any other is unknown."""


class ProcessesConfig(ScraperConfig):
    """`processes`."""

    definitions = (
        up_down(
            "system.processes.count", "Total number of processes in each state.", "{processes}"
        ),
        counter("system.processes.created", "Total number of created processes.", "{processes}"),
    )

    def build(self) -> Scraper:
        """The scraper."""
        return Processes()


class Processes:
    """Counts processes. A state that they were in once is told for good, that it may become 0."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        values = []
        if "system.processes.count" in wanted:
            found = Counter(
                _STATUSES.get(process.info["status"], "unknown")
                for process in psutil.process_iter(["status"])
            )
            self._seen |= found.keys()
            values += [
                Value("system.processes.count", found[status], {"status": status})
                for status in sorted(self._seen)
            ]
        if psutil.LINUX and "system.processes.created" in wanted:
            stat = (Path(psutil.PROCFS_PATH) / "stat").read_text()
            created = int(stat.split("\nprocesses ", 1)[1].split(None, 1)[0])
            values.append(Value("system.processes.created", created))
        yield Measured(values)


class SystemConfig(ScraperConfig):
    """`system`."""

    definitions = (gauge("system.uptime", "The time the system has been running.", "s"),)

    def build(self) -> Scraper:
        """The scraper."""
        return System()


class System:
    """How long the machine runs."""

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:  # noqa: ARG002 - the protocol's
        yield Measured([Value("system.uptime", max(0.0, time.time() - psutil.boot_time()))])
