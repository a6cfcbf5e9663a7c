"""`file`: what is in the file, rotation, and what happens when it cannot be written."""

import asyncio
import errno
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard
from collector_samples import batch_of, numbers_in, until
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.file.exporter import FileConfig, FileExporter
from belvedere.otlp.batch import Batch
from belvedere.otlp.json import parse_json
from belvedere.otlp.signal import Signal

NOON_S = 1_700_000_000.123
"""2023-11-14T22:13:20.123Z."""


@asynccontextmanager
async def exporter(
    path: Path, name: str = "file", now_s: Callable[[], float] = lambda: NOON_S, **config: Any
) -> AsyncIterator[FileExporter]:
    settings = FileConfig.model_validate({"path": path} | config)
    running = FileExporter(settings, Host(name), now_s=now_s)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


def messages(data: bytes, config: dict[str, str]) -> list[bytes]:
    """The messages in a file, read after the upstream documentation."""
    if config.get("format") != "proto" and "compression" not in config:
        assert data.endswith(b"\n")
        return data.splitlines()
    found = []
    while data:
        (length,) = struct.unpack(">I", data[:4])
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    if "compression" in config:
        return [zstandard.ZstdDecompressor().decompress(each) for each in found]
    return found


def numbers(path: Path, signal: Signal = Signal.LOGS, **config: str) -> list[int]:
    """The numbers of the items in a file."""
    result = []
    for message in messages(path.read_bytes(), config):
        is_proto = config.get("format") == "proto"
        request = (
            signal.request_type.FromString(message) if is_proto else parse_json(signal, message)
        )
        result += numbers_in(Batch.of(signal, request))
    return result


FORMATS = [
    {},
    {"compression": "zstd"},
    {"format": "proto"},
    {"format": "proto", "compression": "zstd"},
]


def _moved(path: Path) -> None:
    path.rename(path.with_suffix(".1"))


def _deleted(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    os.truncate(path, 0)


def _replaced(path: Path) -> None:
    _moved(path)
    path.touch()


@pytest.mark.parametrize("others", [_moved, _deleted, _truncated, _replaced])
@pytest.mark.parametrize("config", [{}, {"rotation": {}}, {"format": "proto"}], ids=str)
async def test_others_may_rotate_the_file(
    tmp_path: Path, others: Callable[[Path], None], config: Any
) -> None:
    path = tmp_path / "telemetry"
    async with exporter(path, **config) as writing:
        await writing.consume(batch_of(Signal.LOGS, [1, 2]))
        others(path)
        await writing.consume(batch_of(Signal.LOGS, [3]))
    form = {key: value for key, value in config.items() if key == "format"}
    assert numbers(path, **form) == [3]


@pytest.mark.parametrize("config", FORMATS, ids=str)
@pytest.mark.parametrize("signal", Signal)
async def test_formats(tmp_path: Path, signal: Signal, config: dict[str, str]) -> None:
    path = tmp_path / "telemetry"
    async with exporter(path, **config) as writing:
        await writing.consume(batch_of(signal, [1, 2]))
        await writing.consume(batch_of(signal, [3]))
        assert numbers(path, signal, **config) == [1, 2, 3], "accepted is written"
    assert len(messages(path.read_bytes(), config)) == 2


@pytest.mark.parametrize(
    ("config", "kept"),
    [({}, [2]), ({"append": True}, [1, 2]), ({"rotation": {}}, [1, 2])],
    ids=["truncates", "append", "rotation"],
)
async def test_what_was_there_before(
    tmp_path: Path, config: dict[str, Any], kept: list[int]
) -> None:
    path = tmp_path / "logs.json"
    for number in (1, 2):
        async with exporter(path, **config) as writing:
            await writing.consume(batch_of(Signal.LOGS, [number]))
    assert numbers(path) == kept


@pytest.mark.parametrize("config", FORMATS, ids=str)
async def test_a_message_that_a_crash_tore(tmp_path: Path, config: dict[str, str]) -> None:
    path = tmp_path / "logs"
    for torn in (False, True):
        async with exporter(path, rotation={}, **config) as writing:
            await writing.consume(batch_of(Signal.LOGS, [1]))
        if not torn:
            with path.open("r+b") as file:
                whole = file.read()
                file.write(whole[:-5])
    if config:
        assert numbers(path, **config) == [1, 1]
    else:
        first, torn_line, last = path.read_bytes().splitlines()
        assert first == last
        assert first.startswith(torn_line)


async def test_rotates_by_size(tmp_path: Path) -> None:
    path, batch = tmp_path / "logs.json", batch_of(Signal.LOGS, range(16_000))
    async with exporter(path, rotation={"max_megabytes": 1}) as writing:
        for _ in range(5):
            await writing.consume(batch)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [
        "logs-2023-11-14T22-13-20.123.json",
        "logs-2023-11-14T22-13-20.124.json",
        "logs.json",
    ]
    assert sum(len(numbers(tmp_path / name)) for name in names) == 5 * 16_000
    assert all((tmp_path / name).stat().st_size <= 1 << 20 for name in names)


async def test_a_batch_larger_than_a_file_may_be(tmp_path: Path) -> None:
    path, large = tmp_path / "logs.json", batch_of(Signal.LOGS, range(40_000))
    async with exporter(path, rotation={"max_megabytes": 1}) as writing:
        for batch in (batch_of(Signal.LOGS, [1]), large, batch_of(Signal.LOGS, [2])):
            await writing.consume(batch)
    assert sorted(len(numbers(file)) for file in tmp_path.iterdir()) == [1, 1, 40_000]


@pytest.mark.parametrize(
    ("rotation", "left"),
    [
        ({"max_backups": 2}, 2),
        ({"max_backups": 0}, 5),
        ({"max_days": 2}, 3),
        ({"max_days": 2, "max_backups": 1}, 1),
    ],
    ids=str,
)
async def test_old_files_are_deleted(tmp_path: Path, rotation: dict[str, int], left: int) -> None:
    path, batch = tmp_path / "logs.json", batch_of(Signal.LOGS, range(25_000))
    other = tmp_path / "logs-of-somebody-else.json"
    other.touch()
    days = iter(range(9))
    async with exporter(
        path, rotation={"max_megabytes": 1} | rotation, now_s=lambda: NOON_S + 86400 * next(days)
    ) as writing:
        for _ in range(6):
            await writing.consume(batch)
    assert path.exists()
    assert other.exists()
    assert len(list(tmp_path.iterdir())) == left + 2


async def test_a_full_disk_is_retryable_and_leaves_whole_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Callable[[str], dict[str, float]]
) -> None:
    path, write = tmp_path / "logs.json", os.pwrite

    def half_then_full(descriptor: int, data: Any, offset: int) -> int:
        monkeypatch.setattr(os, "pwrite", full)
        return write(descriptor, data[: len(data) // 2], offset)

    def full(descriptor: int, data: Any, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with exporter(path, "file/full") as writing:
        await writing.consume(batch_of(Signal.LOGS, [1]))
        monkeypatch.setattr(os, "pwrite", half_then_full)
        with pytest.raises(Retryable, match="No space left") as caught:
            await writing.consume(batch_of(Signal.LOGS, [2]))
        assert caught.value.after_s
        monkeypatch.setattr(os, "pwrite", write)
        await writing.consume(batch_of(Signal.LOGS, [3]))
    assert numbers(path) == [1, 3]
    assert counted("file/full") == {"sent_log_records": 2, "send_failed_log_records": 1}


@pytest.mark.parametrize("interval", ["0s", "10ms"])
async def test_is_forced_to_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: str
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    async with exporter(tmp_path / "logs.json", flush_interval=interval) as writing:
        await writing.consume(batch_of(Signal.LOGS))
        await until(lambda: len(synced) == 1)
        await asyncio.sleep(0.03)
    assert len(synced) == 1, "only what was written"


async def test_concurrent_batches_are_whole(tmp_path: Path) -> None:
    async with exporter(tmp_path / "logs.json") as writing:
        await asyncio.gather(*(writing.consume(batch_of(Signal.LOGS, [n, n])) for n in range(50)))
    assert sorted(numbers(tmp_path / "logs.json")) == sorted([*range(50), *range(50)])


async def test_makes_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "logs.json"
    with pytest.raises(ConfigError, match=r"file::path: .*create_directory: true"):
        async with exporter(path):
            pass
    async with exporter(path, create_directory=True, directory_permissions="0700") as writing:
        await writing.consume(batch_of(Signal.LOGS))
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_consume_after_shutdown(tmp_path: Path) -> None:
    async with exporter(tmp_path / "logs.json") as stopped:
        pass
    with pytest.raises(Retryable, match="not running"):
        await stopped.consume(batch_of(Signal.LOGS))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"append": True, "rotation": {}}, "append and rotation"),
        ({"append": True, "compression": "zstd"}, "append and compression"),
        ({"format": "xml"}, "'json' or 'proto'"),
        ({"compression": "gzip"}, "'zstd' or ''"),
        ({"group_by": {"enabled": True}}, r"exactly one \*"),
        ({"path": "*/*.json", "group_by": {"enabled": True}}, r"exactly one \*"),
        ({"path": "*.json", "group_by": {"enabled": True}}, r"must not start with \*"),
        ({"group_by": {"max_open_files": 0}}, "greater than or equal to 1"),
        ({"group_by": {"resource_attribute": ""}}, "at least 1 character"),
        ({"encoding": "otlp_encoding"}, "does not have it"),
        ({"path": ""}, "the path of a file is required"),
        ({"directory_permissions": "0999"}, "pattern"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileConfig.model_validate({"path": "logs.json"} | config)
