"""`group_by` of the exporter `file`: which file a resource's records are in, and where it is."""

import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from collector_samples import batch_of, numbers_in
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Retryable
from belvedere.collector.exporters.file.exporter import FileConfig, FileExporter
from belvedere.collector.exporters.file.grouped import GroupByConfig, GroupedFiles
from belvedere.otlp.batch import Batch
from belvedere.otlp.json import parse_json
from belvedere.otlp.json_writer import json_bytes
from belvedere.otlp.levels import LEVELS
from belvedere.otlp.signal import Signal

ATTRIBUTE = "fileexporter.path_segment"


def path_id(path: Path) -> str:
    """A component for each test, as counters are for the whole process."""
    return f"file/{next(part for part in path.parts if part.startswith('test_'))}"


@asynccontextmanager
async def exporter(path: Path, group_by: Any = None, **config: Any) -> AsyncIterator[FileExporter]:
    settings = FileConfig.model_validate(
        {"path": path, "group_by": {"enabled": True} | (group_by or {})} | config
    )
    running = FileExporter(settings, Host(path_id(path)))
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


def grouped(signal: Signal, values: Mapping[int, Any], key: str = ATTRIBUTE) -> Batch:
    """A batch with a resource for each number, whose attribute has the value; None: without it."""
    message = signal.request_type()
    for number, value in values.items():
        part = batch_of(signal, [number]).message
        (resource,) = getattr(part, LEVELS[signal].resources)
        if value is not None:
            attribute = resource.resource.attributes.add(key=key)
            kind = "string_value" if isinstance(value, str) else "int_value"
            setattr(attribute.value, kind, value)
        message.MergeFrom(part)
    return Batch.of(signal, message)


def files(folder: Path, signal: Signal = Signal.LOGS) -> dict[str, list[int]]:
    """Path below the folder → the numbers of the items in the file."""
    return {
        str(path.relative_to(folder)): [
            number
            for line in path.read_bytes().splitlines()
            for number in numbers_in(Batch.of(signal, parse_json(signal, line)))
        ]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("signal", Signal)
async def test_a_file_for_each_value(tmp_path: Path, signal: Signal) -> None:
    async with exporter(tmp_path / "app-*.json") as writing:
        await writing.consume(grouped(signal, {1: "a", 2: "b", 3: "a"}))
        await writing.consume(grouped(signal, {4: "b"}))
    assert files(tmp_path, signal) == {"app-a.json": [1, 3], "app-b.json": [2, 4]}


async def test_another_attribute_and_formats(tmp_path: Path) -> None:
    config = {"format": "proto", "compression": "zstd"}
    group_by = {"resource_attribute": "service.name"}
    async with exporter(tmp_path / "*", group_by, **config) as writing:
        await writing.consume(grouped(Signal.LOGS, {1: "shop"}, "service.name"))
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("a/b", "out/x-a/b.json"),
        ("./a", "out/x-a.json"),
        (".././two/two", "out/x-two/two.json"),
        ("../../../../etc/passwd", "out/x-etc/passwd.json"),
        ("/etc/passwd", "out/x-etc/passwd.json"),
        ("a/../../../b", "out/x-b.json"),
        ("..", "out/x-.json"),
        ("", "out/x-.json"),
        ("a\\..\\b", "out/x-a\\..\\b.json"),
        ("a\nb", "out/x-a\nb.json"),
        ("~root", "out/x-~root.json"),
        ("%2e%2e/b", "out/x-%2e%2e/b.json"),
        ("é…😀", "out/x-é…😀.json"),
        ("nul\0byte", None),
        pytest.param("n" * 1000, None, id="a long name"),
        pytest.param("/".join("d" * 100), None, id="many directories"),
        pytest.param("/".join(["n" * 250] * 30), None, id="a long path"),
    ],
    ids=lambda value: "" if value is None else ascii(value),
)
async def test_no_value_leaves_the_folder(
    tmp_path: Path,
    value: str,
    name: str | None,
    counted: Callable[[str], dict[str, float]],
) -> None:
    async with exporter(tmp_path / "out" / "x-*.json") as writing:
        await writing.consume(grouped(Signal.LOGS, {1: "good", 2: value}))
    expected = {"out/x-good.json": [1]} | ({name: [2]} if name else {})
    assert files(tmp_path) == expected
    failed = {} if name else {"send_failed_log_records": 1}
    assert counted(path_id(tmp_path)) == {"sent_log_records": 2 if name else 1} | failed


@given(st.text() | st.lists(st.sampled_from(["..", ".", "", "a", "/"])).map("/".join))
def test_paths_are_below_the_fixed_part(value: str) -> None:
    found = GroupedFiles(
        Path("/data/out/x-*.json"),
        GroupByConfig(enabled=True),
        make=lambda *_: pytest.fail("opened"),
        encode=lambda batch: batch.data,
        truncates=True,
        directory_mode=0o755,
    ).path_of(value)
    if found:
        assert os.path.normpath(found) == found
        assert found.startswith("/data/out/x-")
        assert "/../" not in found


@pytest.mark.parametrize(
    "value", [pytest.param(None, id="absent"), pytest.param(3, id="not a text")]
)
async def test_resources_without_a_value_are_dropped_and_counted(
    tmp_path: Path, value: Any, counted: Callable[[str], dict[str, float]]
) -> None:
    with capture_logs() as logs:
        async with exporter(tmp_path / "*.json") as writing:
            await writing.consume(grouped(Signal.LOGS, {1: "a", 2: value}))
            await writing.consume(grouped(Signal.LOGS, {3: value}))
    assert files(tmp_path) == {"a.json": [1]}
    assert counted(path_id(tmp_path)) == {"sent_log_records": 1, "send_failed_log_records": 2}
    assert [line["attribute"] for line in logs] == [ATTRIBUTE]


async def test_names_that_are_taken_by_a_directory_or_a_file(
    tmp_path: Path, counted: Callable[[str], dict[str, float]]
) -> None:
    async with exporter(tmp_path / "out" / "*") as writing:
        for number, value in enumerate(("a/b", "a", "a/b/c")):
            await writing.consume(grouped(Signal.LOGS, {number: value}))
    assert files(tmp_path) == {"out/a/b": [0]}
    assert counted(path_id(tmp_path)) == {"sent_log_records": 1, "send_failed_log_records": 2}


@pytest.mark.parametrize("append", [True, False], ids=["append", "truncate"])
async def test_files_that_were_closed_go_on(tmp_path: Path, *, append: bool) -> None:
    (tmp_path / "a.json").write_bytes(json_bytes(batch_of(Signal.LOGS, [0]).message) + b"\n")
    descriptors = len(list(Path("/dev/fd").iterdir()))
    async with exporter(tmp_path / "*.json", {"max_open_files": 2}, append=append) as writing:
        for number, value in enumerate("abcdabcd", 1):
            await writing.consume(grouped(Signal.LOGS, {number: value}))
        assert len(list(Path("/dev/fd").iterdir())) <= descriptors + 2
    before = [0] if append else []
    assert files(tmp_path) == {
        "a.json": [*before, 1, 5],
        "b.json": [2, 6],
        "c.json": [3, 7],
        "d.json": [4, 8],
    }


@pytest.mark.parametrize("open_files", [1, 100], ids=["closed between", "open"])
async def test_a_batch_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_files: int
) -> None:
    """It is sent again: what had been written of it would be there twice."""
    write = os.pwrite

    def full_for_b(descriptor: int, data: Any, offset: int) -> int:
        b = tmp_path / "b.json"
        if b.exists() and b.stat().st_ino == os.fstat(descriptor).st_ino:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, offset)

    async with exporter(tmp_path / "*.json", {"max_open_files": open_files}) as writing:
        await writing.consume(grouped(Signal.LOGS, {1: "a"}))
        monkeypatch.setattr(os, "pwrite", full_for_b)
        batch = grouped(Signal.LOGS, {2: "a", 3: "b"})
        with pytest.raises(Retryable, match="No space left"):
            await writing.consume(batch)
        monkeypatch.setattr(os, "pwrite", write)
        await writing.consume(batch)
    assert files(tmp_path) == {"a.json": [1, 2], "b.json": [3]}


@pytest.mark.parametrize("interval", ["0s", "1h"])
async def test_all_files_are_forced_to_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: str
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    async with exporter(tmp_path / "*.json", flush_interval=interval) as writing:
        await writing.consume(grouped(Signal.LOGS, {1: "a", 2: "b"}))
        assert len(synced) == (2 if interval == "0s" else 0)
    assert len(synced) == 2


async def test_permissions_of_directories(tmp_path: Path) -> None:
    async with exporter(tmp_path / "out" / "*.json", directory_permissions="0700") as writing:
        await writing.consume(grouped(Signal.LOGS, {1: "a/b/c"}))
    made = [path for path in (tmp_path / "out").rglob("*") if path.is_dir()]
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "out", *made)] == [0o700] * 3


async def test_rotation_has_no_effect_and_is_said(tmp_path: Path) -> None:
    message = batch_of(Signal.LOGS, range(16_000)).take_message()
    (entry,) = message.resource_logs
    entry.resource.attributes.add(key=ATTRIBUTE).value.string_value = "a"
    with capture_logs() as logs:
        async with exporter(tmp_path / "*.json", rotation={"max_megabytes": 1}) as writing:
            for _ in range(3):
                await writing.consume(Batch.of(Signal.LOGS, message))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 1 << 20
    assert [(line["event"], line["key"]) for line in logs] == [("key_without_effect", "rotation")]
