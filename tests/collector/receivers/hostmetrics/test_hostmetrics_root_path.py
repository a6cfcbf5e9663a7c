"""`root_path`: another machine's files, as a container sees its host's."""

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from collector_samples import Recorder, until

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.own_process import OWN_PROCESS
from belvedere.collector.receivers.hostmetrics import HostMetricsReceiver
from belvedere.collector.receivers.hostmetrics.config import HostMetricsConfig
from belvedere.otlp.any_value import plain_value
from belvedere.otlp.signal import Signal

FILES = {
    "stat": "cpu 3 0 0 0 0 0 0 0 0 0\ncpu0 100 0 200 300 0 0 0 0 0 0\nbtime 1000\nprocesses 7\n",
    "meminfo": "".join(
        f"{name}: {kib} kB\n"
        for name, kib in {
            "MemTotal": 100,
            "MemFree": 10,
            "MemAvailable": 40,
            "Buffers": 5,
            "Cached": 9,
            "Active": 1,
            "Inactive": 1,
            "Shmem": 1,
        }.items()
    ),
    "filesystems": "nodev\tproc\nnodev\ttmpfs\n\text4\n",
    "1/mounts": (
        "/dev/sda1 / ext4 rw,relatime 0 0\n"
        "/dev/sdb1 /the\\040data ext4 ro 0 0\n"
        "/dev/sdc1 /not/here ext4 rw 0 0\n"
        "proc /proc proc rw 0 0\n"
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "proc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "the data").mkdir()
    return tmp_path


def receiver(name: str, recorder: Recorder, root: Path | str | None, *scrapers: str) -> Any:
    config = {
        "collection_interval": "20ms",
        "initial_delay": "0s",
        "root_path": root,
        "scrapers": dict.fromkeys(scrapers),
    }
    return HostMetricsReceiver(
        HostMetricsConfig.model_validate(config), Host(name), {Signal.METRICS: recorder}
    )


def points(recorder: Recorder) -> dict[tuple[str, ...], float]:
    """Metric and attributes → value."""
    return {
        (metric.name, *(plain_value(pair.value) for pair in point.attributes)): (
            point.as_int or point.as_double
        )
        for resource in recorder.batches[0].message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    }


@pytest.mark.skipif(not psutil.LINUX, reason="other systems have no /proc")
async def test_the_machine_below_the_root_is_measured(root: Path) -> None:
    recorder = Recorder()
    tested = receiver("host_metrics", recorder, root, "cpu", "memory", "filesystem")
    await tested.start()
    try:
        await until(lambda: recorder.batches)
        assert OWN_PROCESS.memory_info().rss > 1 << 20, "we are still here"
    finally:
        await tested.shutdown()
    found = points(recorder)
    assert found["system.cpu.time", "cpu0", "user"] == 100 / os.sysconf("SC_CLK_TCK")
    assert found["system.memory.usage", "used"] == 60 << 10
    mounted = {key[1:5] for key in found if key[0] == "system.filesystem.usage"}
    assert mounted == {
        ("/dev/sda1", "rw", "/", "ext4"),
        ("/dev/sdb1", "ro", "/the data", "ext4"),
    }
    assert psutil.PROCFS_PATH == "/proc"


@pytest.mark.skipif(not psutil.LINUX, reason="other systems have no /proc")
async def test_there_is_one_root(root: Path) -> None:
    one, same, other, away = (
        receiver(f"host_metrics/{number}", Recorder(), where, "load")
        for number, where in enumerate((root, root, "/", root / "away"))
    )
    await one.start()
    await same.start()
    with pytest.raises(ConfigError, match=r"host_metrics/2::root_path: .*write the same in all"):
        await other.start()
    with pytest.raises(ConfigError, match=r"host_metrics/3::root_path: .*docker run -v"):
        await away.start()
    await one.shutdown()
    assert str(root / "proc") == psutil.PROCFS_PATH
    await same.shutdown()
    await other.start()
    await other.shutdown()
