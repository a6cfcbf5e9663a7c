"""`memory` and `paging`."""

import mmap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

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

_KIB: Final = 1024


class MemoryConfig(ScraperConfig):
    """`memory`."""

    definitions = (
        up_down("system.memory.usage", "Bytes of memory in use.", "By"),
        gauge(
            "system.memory.utilization", "Percentage of memory bytes in use.", "1", enabled=False
        ),
        up_down("system.memory.limit", "Total bytes of memory available.", "By", enabled=False),
        gauge("system.memory.page_size", "Page size of the machine.", "By", enabled=False),
        up_down(
            "system.linux.memory.available",
            "An estimate of how much memory is available for starting new applications, without"
            " swapping.",
            "By",
            enabled=False,
        ),
        up_down(
            "system.linux.memory.dirty", "Bytes that wait to be written to the disk.", "By",
            enabled=False,
        ),
    )  # fmt: skip

    def build(self) -> Scraper:
        """The scraper."""
        return Memory()


class Memory:
    """Bytes by state. On Linux `used` is what is not available, as upstream has it since 0.137."""

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:  # noqa: ARG002 - the protocol's
        memory, info = psutil.virtual_memory(), _meminfo()
        states = dict(_states(memory, info))
        values = [Value("system.memory.usage", n, {"state": s}) for s, n in states.items()]
        values += [
            Value("system.memory.utilization", n / memory.total, {"state": s})
            for s, n in states.items()
        ]
        values.append(Value("system.memory.limit", memory.total))
        values.append(Value("system.memory.page_size", mmap.PAGESIZE))
        if info:
            values.append(Value("system.linux.memory.available", memory.available))
            values.append(Value("system.linux.memory.dirty", info.get("Dirty", 0)))
        yield Measured(values)


def _states(memory: Any, info: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    if not info:
        yield from (("used", memory.used), ("free", memory.free))
        yield "inactive", getattr(memory, "inactive", memory.available - memory.free)
        return
    reclaimable = info.get("SReclaimable", 0)
    cached = info.get("Cached", 0) + reclaimable
    free, buffered = info.get("MemFree", 0), info.get("Buffers", 0)
    yield "used", max(0, memory.total - memory.available)
    yield from (("free", free), ("buffered", buffered), ("cached", cached))
    yield "slab_reclaimable", reclaimable
    yield "slab_unreclaimable", info.get("SUnreclaim", 0)


def _meminfo() -> dict[str, int]:
    """Linux's own table, in bytes; empty on other platforms."""
    return {key: int(text.split()[0]) * _KIB for key, text in _table("meminfo", ":")}


def _table(name: str, separator: str | None = None) -> Iterator[tuple[str, str]]:
    path = Path(psutil.PROCFS_PATH) / name if psutil.LINUX else None
    if path is None:
        return
    for line in path.read_text().splitlines():
        key, text = line.split(separator, 1)
        yield key, text


class PagingConfig(ScraperConfig):
    """`paging`."""

    definitions = (
        counter("system.paging.faults", "The number of page faults.", "{faults}"),
        counter("system.paging.operations", "The number of paging operations.", "{operations}"),
        up_down("system.paging.usage", "Swap (unix) or pagefile (windows) usage.", "By"),
        gauge(
            "system.paging.utilization", "Swap (unix) or pagefile (windows) utilization.", "1",
            enabled=False,
        ),
    )  # fmt: skip

    def build(self) -> Scraper:
        """The scraper."""
        return Paging()


class Paging:
    """Swap devices and page faults."""

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:  # noqa: ARG002 - the protocol's
        values: list[Value] = []
        for device, total, used in _swaps():
            for state, number in (("used", used), ("free", total - used)):
                attributes = {"device": device, "state": state}
                values.append(Value("system.paging.usage", number, attributes))
                if total:
                    values.append(Value("system.paging.utilization", number / total, attributes))
        stat = {key: int(text) for key, text in _table("vmstat")}
        if stat:
            major = stat.get("pgmajfault", 0)
            minor = stat.get("pgfault", 0) - major
            values.append(Value("system.paging.faults", major, {"type": "major"}))
            values.append(Value("system.paging.faults", minor, {"type": "minor"}))
            for direction, major_key, minor_key in (
                ("page_in", "pswpin", "pgpgin"),
                ("page_out", "pswpout", "pgpgout"),
            ):
                for kind, key in (("major", major_key), ("minor", minor_key)):
                    attributes = {"direction": direction, "type": kind}
                    operations = stat.get(key, 0)
                    values.append(Value("system.paging.operations", operations, attributes))
        yield Measured(values)


def _swaps() -> Iterator[tuple[str, int, int]]:
    """Device, bytes and used bytes of each."""
    if psutil.LINUX:
        for device, text in list(_table("swaps"))[1:]:
            _, total, used, _ = text.split()[:4]
            yield device, int(total) * _KIB, int(used) * _KIB
        return
    swap = psutil.swap_memory()
    yield "", swap.total, swap.used
