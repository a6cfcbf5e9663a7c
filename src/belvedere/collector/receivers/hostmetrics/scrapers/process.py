"""`process`: each process is a resource."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import psutil
from pydantic import Field, field_validator

from belvedere.collector.duration import Duration
from belvedere.collector.receivers.hostmetrics.metric import (
    Definition,
    Measured,
    Value,
    counter,
    gauge,
    up_down,
)
from belvedere.collector.receivers.hostmetrics.scrapers.base import (
    MetricSettings,
    Scraper,
    ScraperConfig,
    passes,
)
from belvedere.collector.receivers.hostmetrics.scrapers.filters import ProcessFilter, matches_of
from belvedere.collector.tree import nearest

_RESOURCE: Final = (
    "process.pid",
    "process.parent_pid",
    "process.executable.name",
    "process.executable.path",
    "process.command",
    "process.command_line",
    "process.owner",
)
_MUTED: Final = "Changes nothing: what a process does not tell is left out without a word."


class ProcessConfig(ScraperConfig):
    """`process`."""

    definitions = (
        counter("process.cpu.time", "Total CPU seconds broken down by different states.", "s"),
        counter("process.disk.io", "Disk bytes transferred.", "By"),
        up_down("process.memory.usage", "The amount of physical memory in use.", "By"),
        up_down("process.memory.virtual", "Virtual memory size.", "By"),
        gauge(
            "process.cpu.utilization",
            "Share of the time since the last scrape that the process used a CPU, of all CPUs.",
            "1",
            enabled=False,
        ),
        gauge(
            "process.memory.utilization",
            "Percentage of total physical memory that is used by the process.",
            "1",
            enabled=False,
        ),
        up_down("process.threads", "Process threads count.", "{threads}", enabled=False),
        up_down(
            "process.open_file_descriptors", "Number of file descriptors in use.", "{count}",
            enabled=False,
        ),
        counter(
            "process.context_switches", "Number of times the process has been context switched.",
            "{count}", enabled=False,
        ),
        counter(
            "process.disk.operations", "Number of disk operations performed.", "{operations}",
            enabled=False,
        ),
        gauge("process.uptime", "The time the process has been running.", "s", enabled=False),
    )  # fmt: skip

    include: ProcessFilter | None = Field(None, description="Processes that are measured.")
    exclude: ProcessFilter | None = Field(None, description="Processes that are not, of those.")
    scrape_process_delay: Duration = Field(
        0.0, description="Age from which on a process is measured."
    )
    resource_attributes: dict[str, MetricSettings] = Field(
        default_factory=dict, description="Attributes of processes that are left out."
    )
    mute_process_all_errors: bool = Field(False, description=_MUTED)
    mute_process_name_error: bool = Field(False, description=_MUTED)
    mute_process_exe_error: bool = Field(False, description=_MUTED)
    mute_process_io_error: bool = Field(False, description=_MUTED)
    mute_process_user_error: bool = Field(False, description=_MUTED)
    mute_process_cgroup_error: bool = Field(False, description=_MUTED)

    @field_validator("resource_attributes")
    @classmethod
    def _known(cls, value: dict[str, MetricSettings]) -> dict[str, MetricSettings]:
        for name in value:
            if name not in _RESOURCE:
                raise ValueError(f"there is no attribute {name!r} here; {nearest(name, _RESOURCE)}")
        return value

    def build(self) -> Scraper:
        """The scraper."""
        return ProcessScraper(self)


class ProcessScraper:
    """Measures each process; what it does not tell (to this user) is left out."""

    def __init__(self, config: ProcessConfig) -> None:
        self._passes = passes(matches_of(config.include), matches_of(config.exclude))
        self._delay_s = config.scrape_process_delay
        settings = config.resource_attributes
        self._left_out = {name for name, each in settings.items() if not each.enabled}
        self._before: dict[tuple[int, float], tuple[float, float]] = {}
        """Process → when it was measured, and its CPU seconds."""

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        now_s, seen = time.time(), set()
        for process in psutil.process_iter():
            try:
                with process.oneshot():
                    name, started_s = process.name(), process.create_time()
                    if not self._passes(name) or now_s - started_s < self._delay_s:
                        continue
                    seen.add((process.pid, started_s))
                    values = list(self._values(process, wanted, now_s))
                    yield Measured(values, self._resource(process, name), started_s)
            except psutil.Error:  # it has ended
                continue
        self._before = {key: before for key, before in self._before.items() if key in seen}

    def _resource(self, process: psutil.Process, name: str) -> dict[str, Any]:
        line = _told(process.cmdline) or []
        found = {
            "process.pid": process.pid,
            "process.parent_pid": _told(process.ppid),
            "process.executable.name": name,
            "process.executable.path": _told(process.exe),
            "process.command": line[0] if line else None,
            "process.command_line": " ".join(line) or None,
            "process.owner": _told(process.username),
        }
        return {
            key: value
            for key, value in found.items()
            if value is not None and key not in self._left_out
        }

    def _values(
        self, process: psutil.Process, wanted: Mapping[str, Definition], now_s: float
    ) -> Iterator[Value]:
        cpu = process.cpu_times()
        for state, field in (("user", "user"), ("system", "system"), ("wait", "iowait")):
            if hasattr(cpu, field):
                yield Value("process.cpu.time", float(getattr(cpu, field)), {"state": state})
        yield from self._utilization(process, cpu.user + cpu.system, now_s)
        memory = process.memory_info()
        yield Value("process.memory.usage", memory.rss)
        yield Value("process.memory.virtual", memory.vms)
        yield Value("process.memory.utilization", memory.rss / psutil.virtual_memory().total)
        yield Value("process.uptime", max(0.0, now_s - process.create_time()))
        yield from _io(process)
        if "process.threads" in wanted:
            yield Value("process.threads", process.num_threads())
        files = getattr(process, "num_fds", None)
        if "process.open_file_descriptors" in wanted and files and (n := _told(files)) is not None:
            yield Value("process.open_file_descriptors", n)
        if "process.context_switches" in wanted and (switches := _told(process.num_ctx_switches)):
            kinds = {"voluntary": switches.voluntary, "involuntary": switches.involuntary}
            for kind, n in kinds.items():
                yield Value("process.context_switches", n, {"type": kind})

    def _utilization(self, process: psutil.Process, used_s: float, now_s: float) -> Iterator[Value]:
        key = (process.pid, process.create_time())
        before = self._before.get(key)
        self._before[key] = (now_s, used_s)
        if before and now_s > before[0]:
            cpus = psutil.cpu_count() or 1
            share = (used_s - before[1]) / (now_s - before[0]) / cpus
            yield Value("process.cpu.utilization", max(0.0, share))


def _io(process: psutil.Process) -> Iterator[Value]:
    io = _told(getattr(process, "io_counters", lambda: None))
    if io is None:
        return
    for direction in ("read", "write"):
        attributes = {"direction": direction}
        yield Value("process.disk.io", getattr(io, f"{direction}_bytes"), attributes)
        yield Value("process.disk.operations", getattr(io, f"{direction}_count"), attributes)


def _told(ask: Any) -> Any:
    """What a process tells; None where this user may not ask.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    try:
        return ask()
    except (psutil.AccessDenied, psutil.ZombieProcess, NotImplementedError):
        return None
