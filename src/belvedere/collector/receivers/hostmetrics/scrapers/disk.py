"""`disk` and `filesystem`."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import psutil
from pydantic import Field

from belvedere.collector.receivers.hostmetrics.metric import (
    Definition,
    Measured,
    Value,
    counter,
    gauge,
    up_down,
)
from belvedere.collector.receivers.hostmetrics.root import mounts
from belvedere.collector.receivers.hostmetrics.scrapers.base import (
    Scraper,
    ScraperConfig,
    passes,
)
from belvedere.collector.receivers.hostmetrics.scrapers.filters import (
    DeviceFilter,
    FsTypeFilter,
    MountPointFilter,
    matches_of,
)

_MS: Final = 1e-3

_BY_DIRECTION: Final = (
    ("system.disk.io", "read_bytes", "write_bytes", None),
    ("system.disk.operations", "read_count", "write_count", None),
    ("system.disk.operation_time", "read_time", "write_time", _MS),
    ("system.disk.merged", "read_merged_count", "write_merged_count", None),
)
"""Metric, psutil's field of reads and of writes, and the factor of floats."""


class DiskConfig(ScraperConfig):
    """`disk`."""

    definitions = (
        counter("system.disk.io", "Disk bytes transferred.", "By"),
        counter("system.disk.operations", "Disk operations count.", "{operations}"),
        counter("system.disk.io_time", "Time disk spent activated.", "s"),
        counter("system.disk.operation_time", "Time spent in disk operations.", "s"),
        counter(
            "system.disk.weighted_io_time",
            "Time disk spent activated multiplied by the queue length.",
            "s",
        ),
        up_down(
            "system.disk.pending_operations", "The queue size of pending I/O operations.",
            "{operations}",
        ),
        counter(
            "system.disk.merged",
            "The number of disk reads/writes merged into single physical disk access operations.",
            "{operations}",
        ),
    )  # fmt: skip

    include: DeviceFilter | None = Field(None, description="Devices that are measured.")
    exclude: DeviceFilter | None = Field(None, description="Devices that are not, of those.")

    def build(self) -> Scraper:
        """The scraper."""
        return Disk(self)


class Disk:
    """Counters of block devices."""

    def __init__(self, config: DiskConfig) -> None:
        self._passes = passes(matches_of(config.include), matches_of(config.exclude))

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        values = []
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        for device, counts in counters.items():
            if not self._passes(device):
                continue
            for name, read, write, factor in _BY_DIRECTION:
                for direction, field in (("read", read), ("write", write)):
                    number = getattr(counts, field, None)
                    if number is not None:
                        attributes = {"device": device, "direction": direction}
                        values.append(
                            Value(name, number * factor if factor else number, attributes)
                        )
            busy_ms = getattr(counts, "busy_time", None)
            if busy_ms is not None:
                values.append(Value("system.disk.io_time", busy_ms * _MS, {"device": device}))
        if not wanted.keys().isdisjoint(_LINUX_ONLY):
            values += self._linux()
        yield Measured(values)

    def _linux(self) -> Iterator[Value]:
        """What psutil leaves out of Linux's table."""
        if not psutil.LINUX:
            return
        with open(f"{psutil.PROCFS_PATH}/diskstats") as table:  # noqa: PTH123 - a file of the kernel
            for line in table:
                fields = line.split()
                device = fields[2]
                if self._passes(device):
                    pending, weighted_ms = int(fields[11]), int(fields[13])
                    attributes = {"device": device}
                    yield Value("system.disk.pending_operations", pending, attributes)
                    yield Value("system.disk.weighted_io_time", weighted_ms * _MS, attributes)


_LINUX_ONLY: Final = ("system.disk.pending_operations", "system.disk.weighted_io_time")


class FilesystemConfig(ScraperConfig):
    """`filesystem`."""

    definitions = (
        up_down("system.filesystem.usage", "Filesystem bytes used.", "By"),
        up_down("system.filesystem.inodes.usage", "FileSystem inodes used.", "{inodes}"),
        gauge(
            "system.filesystem.utilization", "Fraction of filesystem bytes used.", "1",
            enabled=False,
        ),
    )  # fmt: skip

    include_virtual_filesystems: bool = Field(
        False, description="Whether filesystems without a device (tmpfs, ...) are measured."
    )
    include_devices: DeviceFilter | None = Field(None, description="Devices that are measured.")
    exclude_devices: DeviceFilter | None = Field(
        None, description="Devices that are not, of those."
    )
    include_fs_types: FsTypeFilter | None = Field(None, description="Types that are measured.")
    exclude_fs_types: FsTypeFilter | None = Field(None, description="Types that are not, of those.")
    include_mount_points: MountPointFilter | None = Field(
        None, description="Mount points that are measured."
    )
    exclude_mount_points: MountPointFilter | None = Field(
        None, description="Mount points that are not, of those."
    )

    def build(self) -> Scraper:
        """The scraper."""
        return Filesystem(self)


class Filesystem:
    """Space and inodes of mounted filesystems. One that does not answer is left out."""

    def __init__(self, config: FilesystemConfig) -> None:
        self._is_virtual = config.include_virtual_filesystems
        self._device, self._type, self._mount = (
            passes(
                matches_of(getattr(config, f"include_{what}")),
                matches_of(getattr(config, f"exclude_{what}")),
            )
            for what in ("devices", "fs_types", "mount_points")
        )

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:  # noqa: ARG002 - the protocol's
        values: list[Value] = []
        seen: set[tuple[str, str]] = set()
        for mount in mounts(with_virtual=self._is_virtual):
            key = (mount.device, mount.mount_point)
            is_meant = (
                self._device(mount.device)
                and self._type(mount.type)
                and self._mount(mount.mount_point)
            )
            if not is_meant or key in seen:
                continue
            seen.add(key)
            attributes = {
                "device": mount.device,
                "mode": "ro" if "ro" in mount.options.split(",") else "rw",
                "mountpoint": mount.mount_point,
                "type": mount.type,
            }
            try:
                values += _space(mount.path, attributes)
            except OSError:
                continue
        yield Measured(values)


def _space(path: str, attributes: Mapping[str, str]) -> Iterator[Value]:
    if not hasattr(os, "statvfs"):  # Windows
        space = psutil.disk_usage(path)
        used, free, reserved, files = space.used, space.free, None, None
    else:
        stat = os.statvfs(path)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        free = stat.f_bavail * stat.f_frsize
        reserved, files = (stat.f_bfree - stat.f_bavail) * stat.f_frsize, stat
    for state, number in (("used", used), ("free", free), ("reserved", reserved)):
        if number is not None:
            yield Value("system.filesystem.usage", number, {**attributes, "state": state})
    if used + free:
        yield Value("system.filesystem.utilization", used / (used + free), attributes)
    if files is not None:
        inodes = {"used": files.f_files - files.f_ffree, "free": files.f_ffree}
        for state, number in inodes.items():
            yield Value("system.filesystem.inodes.usage", number, {**attributes, "state": state})
