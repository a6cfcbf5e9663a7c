"""`hostmetrics` on this machine."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from collector_samples import Recorder, events, until
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Retryable
from belvedere.collector.receivers.hostmetrics import HostMetricsReceiver
from belvedere.collector.receivers.hostmetrics.config import HostMetricsConfig, Scrapers
from belvedere.collector.receivers.hostmetrics.scrapers.cpu import Cpu
from belvedere.collector.receivers.hostmetrics.scrapers.processes import (
    Processes,
    ProcessesConfig,
)
from belvedere.internal_telemetry import RECEIVER_REFUSED, SCRAPER_ERRORED_METRIC_POINTS
from belvedere.otlp.any_value import plain_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

FAST = {"collection_interval": "20ms", "initial_delay": "0s"}


@asynccontextmanager
async def running(
    scrapers: dict[str, Any],
    recorder: Recorder | None = None,
    name: str = "hostmetrics",
    **keys: Any,
) -> AsyncIterator[Recorder]:
    recorder = recorder or Recorder()
    config = HostMetricsConfig.model_validate(FAST | keys | {"scrapers": scrapers})
    receiver = HostMetricsReceiver(config, Host(name), {Signal.METRICS: recorder})
    await receiver.start()
    try:
        yield recorder
    finally:
        await receiver.shutdown()


async def scraped(scraper: str, *, times: int = 1, **keys: Any) -> Batch:
    async with running({scraper: keys}) as recorder:
        await until(lambda: len(recorder.batches) >= times)
    return recorder.batches[times - 1]


def points(batch: Batch) -> Iterator[tuple[Any, dict[str, str], Any]]:
    """Metric, attributes, point."""
    for resource in batch.message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    attributes = {pair.key: plain_value(pair.value) for pair in point.attributes}
                    yield metric, attributes, point


def units(batch: Batch) -> dict[str, str]:
    return {metric.name: metric.unit for metric, _, _ in points(batch)}


def values(batch: Batch, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(attributes.values()): point.as_int or point.as_double
        for metric, attributes, point in points(batch)
        if metric.name == name
    }


@pytest.mark.parametrize(
    ("scraper", "expected"),
    [
        ("cpu", {"system.cpu.time": "s"}),
        ("load", {f"system.cpu.load_average.{n}m": "{thread}" for n in (1, 5, 15)}),
        ("memory", {"system.memory.usage": "By"}),
        ("filesystem",
         {"system.filesystem.usage": "By", "system.filesystem.inodes.usage": "{inodes}"}),
        ("network", {
            "system.network.connections": "{connections}", "system.network.dropped": "{packets}",
            "system.network.errors": "{errors}", "system.network.io": "By",
            "system.network.packets": "{packets}",
        }),
        ("processes",
         {"system.processes.count": "{processes}", "system.processes.created": "{processes}"}),
        ("process", {
            "process.cpu.time": "s", "process.disk.io": "By", "process.memory.usage": "By",
            "process.memory.virtual": "By",
        }),
        ("system", {"system.uptime": "s"}),
        ("disk", {
            "system.disk.io": "By", "system.disk.operations": "{operations}",
            "system.disk.io_time": "s", "system.disk.operation_time": "s",
            "system.disk.weighted_io_time": "s",
            "system.disk.pending_operations": "{operations}",
            "system.disk.merged": "{operations}",
        }),
        ("paging", {
            "system.paging.faults": "{faults}", "system.paging.operations": "{operations}",
            "system.paging.usage": "By",
        }),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_metrics_that_are_on_by_default(scraper: str, expected: dict[str, str]) -> None:
    keys = {"include_virtual_filesystems": True} if scraper == "filesystem" else {}
    found = units(await scraped(scraper, **keys))
    if scraper == "paging" and not psutil.swap_memory().total:
        expected = {name: unit for name, unit in expected.items() if "usage" not in name}
    if scraper == "disk" and not psutil.disk_io_counters(perdisk=True):
        expected = {}
    assert found == expected


async def test_sums_and_gauges() -> None:
    batch = await scraped("cpu", metrics={"system.cpu.logical.count": {"enabled": True}})
    kinds = {metric.name: metric for metric, _, _ in points(batch)}
    assert kinds["system.cpu.time"].sum.is_monotonic
    assert kinds["system.cpu.time"].sum.aggregation_temporality == 2
    assert not kinds["system.cpu.logical.count"].sum.is_monotonic
    for metric, attributes, point in points(batch):
        assert abs(point.start_time_unix_nano / 1e9 - psutil.boot_time()) < 2
        assert abs(point.time_unix_nano / 1e9 - time.time()) < 60
        if metric.name == "system.cpu.time":
            assert attributes.keys() == {"cpu", "state"}
    assert values(batch, "system.cpu.logical.count") == {(): psutil.cpu_count()}
    states = {state for _, state in values(batch, "system.cpu.time")}
    assert states == {"user", "system", "idle", "interrupt", "nice", "softirq", "steal", "wait"}


def test_every_metric_can_be_switched() -> None:
    for name in Scrapers.model_fields:
        config = Scrapers.model_validate({name: None}).chosen()[name]
        for each in config.definitions:
            switched = {"metrics": {each.name: {"enabled": not each.is_enabled}}}
            enabled = Scrapers.model_validate({name: switched}).chosen()[name].enabled()
            assert (each.name in enabled) is not each.is_enabled


def test_cpu_utilization_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(10.0, 5.0, 85.0), (13.0, 6.0, 91.0)])

    class Times:
        def __init__(self, user: float, system: float, idle: float) -> None:
            self.user, self.system, self.idle = user, system, idle

    monkeypatch.setattr(psutil, "cpu_times", lambda **_: [Times(*next(times))])
    monkeypatch.setattr(psutil, "cpu_count", lambda **_: 0)
    cpu = Cpu()
    (first,), (second,) = list(cpu.scrape({})), list(cpu.scrape({}))
    assert not [value for value in first.values if value.name == "system.cpu.utilization"]
    shares = {
        value.attributes["state"]: value.value
        for value in second.values
        if value.name == "system.cpu.utilization"
    }
    assert shares == {"user": 0.3, "system": 0.1, "idle": 0.6}


async def test_memory_that_is_not_available_is_used() -> None:
    names = ("system.memory.limit", "system.linux.memory.available")
    batch = await scraped("memory", metrics={name: {"enabled": True} for name in names})
    usage = values(batch, "system.memory.usage")
    (limit,), (available,) = (values(batch, name).values() for name in names)
    assert usage["used",] == limit - available
    assert all(usage[f"slab_{kind}",] for kind in ("reclaimable", "unreclaimable"))
    assert usage["free",] + usage["buffered",] + usage["cached",] < limit


async def test_load_of_each_cpu() -> None:
    one, each = await scraped("load"), await scraped("load", cpu_average=True)
    cpus = psutil.cpu_count() or 1
    for name in ("system.cpu.load_average.15m",):
        assert values(each, name)[()] == pytest.approx(values(one, name)[()] / cpus, abs=0.2)


def test_states_that_no_process_is_in_any_more_are_0(monkeypatch: pytest.MonkeyPatch) -> None:
    class Process:
        def __init__(self, status: str) -> None:
            self.info = {"status": status}

    scraper = Processes()
    found = []
    for statuses in (["running", "zombie"], ["running"]):
        processes = [Process(status) for status in statuses]
        monkeypatch.setattr(psutil, "process_iter", lambda _, processes=processes: processes)
        (measured,) = scraper.scrape({"system.processes.count": ProcessesConfig.definitions[0]})
        found.append({each.attributes["status"]: each.value for each in measured.values})
    assert found == [{"running": 1, "zombies": 1}, {"running": 1, "zombies": 0}]


async def test_processes_are_resources() -> None:
    name = psutil.Process().name()
    batch = await scraped(
        "process",
        times=2,
        include={"names": [f"^{name}$"], "match_type": "regexp"},
        metrics={
            each: {"enabled": True}
            for each in ("process.threads", "process.uptime", "process.cpu.utilization")
        },
        resource_attributes={"process.owner": {"enabled": False}},
    )
    found = {}
    for resource in batch.message.resource_metrics:
        attributes = {pair.key: plain_value(pair.value) for pair in resource.resource.attributes}
        found[attributes["process.pid"]] = attributes
    own = found[os.getpid()]
    assert own["process.executable.name"] == name
    assert own["process.parent_pid"] == os.getppid()
    assert own["process.command_line"].startswith(own["process.command"])
    assert "process.owner" not in own
    assert {"process.threads", "process.uptime", "process.cpu.utilization"} <= units(batch).keys()
    assert all(attributes["process.executable.name"] == name for attributes in found.values())


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({}, {"lo", "eth0", "eth1"}),
        ({"include": {"interfaces": ["eth0"]}}, {"eth0"}),
        ({"exclude": {"interfaces": ["lo"]}}, {"eth0", "eth1"}),
        ({"include": {"interfaces": ["^eth"], "match_type": "regexp"},
          "exclude": {"interfaces": ["eth1"]}}, {"eth0"}),
    ],
    ids=["all", "include", "exclude", "both"],
)  # fmt: skip
async def test_filters(
    keys: dict[str, Any], kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = psutil._ntuples.snetio(1, 2, 3, 4, 5, 6, 7, 8)
    monkeypatch.setattr(
        psutil, "net_io_counters", lambda **_: dict.fromkeys(("lo", "eth0", "eth1"), counts)
    )
    off = {"system.network.connections": {"enabled": False}}
    batch = await scraped("network", metrics=off, **keys)
    assert {device for device, _ in values(batch, "system.network.io")} == kept
    assert values(batch, "system.network.io")[("eth0", "receive")] == 2
    assert values(batch, "system.network.packets")[("eth0", "transmit")] == 3


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        ({}, True),
        ({"include_mount_points": {"mount_points": ["/"]}}, True),
        ({"exclude_mount_points": {"mount_points": ["/"]}}, False),
        ({"include_devices": {"devices": ["no such"]}}, False),
        ({"exclude_fs_types": {"fs_types": [".*"], "match_type": "regexp"}}, False),
    ],
    ids=str,
)
async def test_filesystem_filters(keys: dict[str, Any], there: bool) -> None:  # noqa: FBT001 - a column of the table
    async with running(
        {"filesystem": {"include_virtual_filesystems": True} | keys, "load": None}
    ) as recorder:
        await until(lambda: bool(recorder.batches))
    found = [
        attributes
        for metric, attributes, _ in points(recorder.batches[0])
        if metric.name == "system.filesystem.usage" and attributes["mountpoint"] == "/"
    ]
    assert bool(found) is there
    if found:
        assert {each["state"] for each in found} == {"used", "free", "reserved"}
        assert found[0].keys() == {"device", "mode", "mountpoint", "type", "state"}


async def test_scrapes_again_and_a_failure_of_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(psutil, "getloadavg", fail)
    with capture_logs() as logs:
        async with running({"load": None, "system": None}, name="hostmetrics/fails") as recorder:
            await until(lambda: len(recorder.batches) >= 3)
    assert set(events(logs, "warning")) == {"scraper_failed"}
    assert units(recorder.batches[2]) == {"system.uptime": "s"}
    counter = SCRAPER_ERRORED_METRIC_POINTS.labels("hostmetrics/fails", "load")
    assert counter._value.get() >= 3


@pytest.mark.parametrize("limit", ["0s", "20ms"])
async def test_a_filesystem_that_hangs_keeps_one_thread_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    hangs = threading.Event()
    measure = HostMetricsReceiver._measured
    measured: list[HostMetricsReceiver] = []

    def hanging(self: HostMetricsReceiver) -> Batch:
        measured.append(self)
        if len(measured) == 1:
            hangs.wait()
        return measure(self)

    monkeypatch.setattr(HostMetricsReceiver, "_measured", hanging)
    with capture_logs() as logs:
        async with running({"load": None}, timeout=limit) as recorder:
            await asyncio.sleep(0.2)
            assert (len(measured), recorder.batches) == (1, [])
            hangs.set()
            await until(lambda: len(recorder.batches) >= 2)
    assert events(logs, "warning")[:1] == ["scrape_takes_long"]
    assert len(measured) >= len(recorder.batches) + (limit != "0s")


async def test_a_stop_waits_for_nothing_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    begun = threading.Event()

    def hanging(_: HostMetricsReceiver) -> Batch:
        begun.set()
        hangs.wait()
        return Batch(Signal.METRICS, b"", 0)

    monkeypatch.setattr(HostMetricsReceiver, "_measured", hanging)
    async with running({"load": None}):
        await until(begun.is_set)
    hangs.set()


async def test_refused_values_are_counted() -> None:
    recorder = Recorder(Retryable("full"))
    async with running({"system": None}, recorder, "hostmetrics/refused"):
        await until(lambda: len(recorder.batches) >= 2)
    refused = RECEIVER_REFUSED["metrics"].labels("hostmetrics/refused", "host")
    assert refused._value.get() == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scrapers": {}}, "at least one is required"),
        ({"scrapers": {"gpu": None}}, "gpu"),
        (
            {"scrapers": {"cpu": {"metrics": {"system.cpu.tim": {"enabled": True}}}}},
            "did you mean 'system.cpu.time'",
        ),
        (
            {"scrapers": {"disk": {"include": {"devices": ["("], "match_type": "regexp"}}}},
            "no regular expression",
        ),
        (
            {"scrapers": {"process": {"resource_attributes": {"pid": {"enabled": False}}}}},
            "no attribute 'pid'",
        ),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HostMetricsConfig.model_validate(config)
