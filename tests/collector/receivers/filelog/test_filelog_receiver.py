"""`filelog` on real files: following, rotation, restarts, refusals."""

import asyncio
import os
import random
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from collector_samples import Recorder, events, until
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.retry import Clock
from belvedere.collector.extensions.file_storage import FileStorage, FileStorageConfig
from belvedere.collector.receivers.filelog import FileLogReceiver
from belvedere.collector.receivers.filelog.files import Files
from belvedere.collector.receivers.filelog.reading import Reader
from belvedere.internal_telemetry import RECEIVER_ACCEPTED, RECEIVER_REFUSED
from belvedere.otlp.any_value import plain_value
from belvedere.otlp.signal import Signal


class InstantTime:
    """A clock on which pauses take no time, but are told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses_s: list[float] = []

    async def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.now_s += pause_s

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self.sleep, lambda: 0.5)


def records(recorder: Recorder) -> list[Any]:
    return [
        record
        for batch in recorder.batches
        for resource in batch.message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def lines(recorder: Recorder) -> list[Any]:
    return [plain_value(record.body) for record in records(recorder)]


def attributes(recorder: Recorder) -> list[dict[str, Any]]:
    return [
        {pair.key: plain_value(pair.value) for pair in record.attributes}
        for record in records(recorder)
    ]


@asynccontextmanager
async def reading(
    folder: Path,
    recorder: Recorder | None = None,
    name: str = "filelog",
    stored: bool = False,  # noqa: FBT001, FBT002 - a switch of the test
    time: InstantTime | None = None,
    **config: Any,
) -> AsyncIterator[Recorder]:
    settings = FileLogReceiver.Config.model_validate(
        {"include": [f"{folder}/*.log"], "start_at": "beginning", "poll_interval": "5ms"}
        | ({"storage": "file_storage"} if stored else {})
        | config
    )
    recorder = recorder or Recorder()
    keeping = folder / "storage"
    extension = FileStorage(
        FileStorageConfig(directory=keeping, create_directory=True), Host("file_storage")
    )
    if stored:
        await extension.start()
    host = Host(name, extensions={"file_storage": extension})
    receiver = FileLogReceiver(
        settings, host, {Signal.LOGS: recorder}, clock=time.clock if time else None
    )
    try:
        await receiver.start()
        yield recorder
    finally:
        await receiver.shutdown()
        await extension.shutdown()


def append(path: Path, *texts: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("".join(text + end for text in texts))


async def settled() -> None:
    """Some polls."""
    await asyncio.sleep(0.06)


async def test_reads_and_follows(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "one", "  two  ", "", "three")
    async with reading(tmp_path) as recorder:
        await until(lambda: len(lines(recorder)) == 3)
        append(path, "four")
        append(tmp_path / "other.log", "five")
        await until(lambda: len(lines(recorder)) == 5)
        await settled()
    assert lines(recorder)[:3] == ["one", "two", "three"]
    assert sorted(lines(recorder)[3:]) == ["five", "four"]
    assert attributes(recorder)[0] == {"log.file.name": "app.log"}
    assert records(recorder)[0].observed_time_unix_nano
    assert records(recorder)[0].time_unix_nano == 0


async def test_start_at_end_is_for_the_first_look(tmp_path: Path) -> None:
    append(tmp_path / "old.log", "before")
    async with reading(tmp_path, start_at="end") as recorder:
        await settled()
        append(tmp_path / "old.log", "after")
        append(tmp_path / "new.log", "all")
        await until(lambda: len(lines(recorder)) == 2)
    assert sorted(lines(recorder)) == ["after", "all"]


async def test_a_last_part_is_a_record_after_a_while(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "whole", "part", end="\n")
    append(tmp_path / "a.log", "ial", end="")
    async with reading(tmp_path, force_flush_period="0s") as recorder:
        await settled()
        assert lines(recorder) == ["whole", "part"]
    async with reading(tmp_path, force_flush_period="50ms") as recorder:
        await until(lambda: len(lines(recorder)) == 3)
    assert lines(recorder) == ["whole", "part", "ial"]


async def test_attributes_of_files(tmp_path: Path) -> None:
    append(tmp_path / "real.txt", "x", "y")
    (tmp_path / "link.log").symlink_to(tmp_path / "real.txt")
    keys = (
        "file_path file_name_resolved file_path_resolved file_owner_name file_owner_group_name"
        " file_record_number file_record_offset"
    )
    config = {f"include_{key}": True for key in keys.split()}
    resource, own = {"host.name": "h"}, {"env": "prod"}
    async with reading(tmp_path, resource=resource, attributes=own, **config) as recorder:
        await until(lambda: len(lines(recorder)) == 2)
    found = attributes(recorder)[1]
    owner, group = found.pop("log.file.owner.name"), found.pop("log.file.owner.group.name")
    assert (owner, group) == ((tmp_path / "real.txt").owner(), (tmp_path / "real.txt").group())
    assert found == {
        "env": "prod",
        "log.file.name": "link.log",
        "log.file.path": str(tmp_path / "link.log"),
        "log.file.name_resolved": "real.txt",
        "log.file.path_resolved": str(tmp_path / "real.txt"),
        "log.file.record_number": 2,
        "log.file.record_offset": 2,
    }
    (pair,) = recorder.batches[0].message.resource_logs[0].resource.attributes
    assert (pair.key, pair.value.string_value) == ("host.name", "h")


@pytest.mark.parametrize(
    ("encoding", "data", "bodies"),
    [
        ("utf-8", "é\n".encode() + b"\xff!\n", ["é", "\N{REPLACEMENT CHARACTER}!"]),
        ("utf-16le", "Ċé\nx\n".encode("utf-16le"), ["Ċé", "x"]),
        ("latin1", b"\xe9\n", ["é"]),
        ("nop", b"\xff\xfe\n", ["//4="]),
    ],
)
async def test_encodings(tmp_path: Path, encoding: str, data: bytes, bodies: list[str]) -> None:
    (tmp_path / "a.log").write_bytes(data)
    async with reading(tmp_path, encoding=encoding) as recorder:
        await until(lambda: len(lines(recorder)) == len(bodies))
    assert lines(recorder) == bodies


async def test_operators_and_multiline(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "E 1 first", "  at x", "W 2 second", "E 3 third")
    async with reading(
        tmp_path,
        multiline={"line_start_pattern": r"^[A-Z] \d"},
        force_flush_period="30ms",
        operators=[
            {"type": "regex_parser", "regex": r"(?s)^(?P<s>\w) (?P<n>\d) (?P<msg>.*)$"},
            {"type": "filter", "expr": "attributes.s == 'W'"},
            {"type": "move", "from": "attributes.msg", "to": "body"},
        ],
    ) as recorder:
        await until(lambda: len(lines(recorder)) == 2)
    assert lines(recorder) == ["first\n  at x", "third"]


async def test_large_files_are_read_in_turn(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        append(tmp_path / name, *(f"{name} {number}" for number in range(30_000)))
    async with reading(tmp_path, max_log_size="64KiB") as recorder:
        await until(lambda: sum(batch.items for batch in recorder.batches) == 60_000)
    first_of_b = next(n for n, line in enumerate(lines(recorder)) if line.startswith("b"))
    assert first_of_b < 30_000
    assert len(set(lines(recorder))) == 60_000


@pytest.mark.parametrize("include", ["app.log", "app.log*"])
async def test_rotation_by_renaming(tmp_path: Path, include: str) -> None:
    path = tmp_path / "app.log"
    async with reading(tmp_path, include=[f"{tmp_path}/{include}"]) as recorder:
        for number in range(5):
            append(path, f"{number} a")
            await until(lambda number=number: len(lines(recorder)) == 3 * number + 1)
            append(path, f"{number} b")
            path.rename(tmp_path / f"app.log.{number}")
            append(tmp_path / f"app.log.{number}", f"{number} late")
            await until(lambda number=number: len(lines(recorder)) == 3 * number + 3)
        await settled()
    assert lines(recorder) == [f"{n} {what}" for n in range(5) for what in ("a", "b", "late")]


async def test_rotation_by_copying_and_truncating(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    async with reading(tmp_path, include=[f"{tmp_path}/app.log*"]) as recorder:
        for number in range(5):
            append(path, f"{number} a", f"{number} b")
            await until(lambda number=number: len(lines(recorder)) >= 3 * number + 2)
            append(path, f"{number} unread")
            shutil.copy(path, tmp_path / f"app.log.{number}")
            await settled()
            os.truncate(path, 0)
        await until(lambda: len(lines(recorder)) == 15)
        await settled()
    assert lines(recorder) == [f"{n} {what}" for n in range(5) for what in ("a", "b", "unread")]


async def test_truncated_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "a", "b", "c")
    async with reading(tmp_path) as recorder:
        await until(lambda: len(lines(recorder)) == 3)
        path.write_text("x\n")
        await until(lambda: len(lines(recorder)) == 4)
    assert lines(recorder)[3] == "x"


async def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.log" for number in range(7)]
    async with reading(tmp_path, max_concurrent_files=2) as recorder:
        for turn in range(3):
            for path in paths:
                append(path, f"{path.stem} {turn}")
            await until(lambda turn=turn: len(lines(recorder)) == 7 * (turn + 1))
    assert len(set(lines(recorder))) == 21


async def test_exclude_and_age(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "old.log"):
        append(tmp_path / name, name)
    os.utime(tmp_path / "old.log", (1, 1))
    exclude = [f"{tmp_path}/b*"]
    async with reading(tmp_path, exclude=exclude, exclude_older_than="1h") as recorder:
        await settled()
    assert lines(recorder) == ["a.log"]


async def test_refused_for_now_pauses_reading(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "1", "2")
    time = InstantTime()
    recorder = Recorder(*[Retryable("full", after_s=7)] * 3)
    async with reading(tmp_path, recorder, "filelog/pauses", time=time):
        await until(lambda: len(recorder.batches) == 4)
        await settled()
    assert time.pauses_s == [7, 7, 7]
    assert lines(recorder) == ["1", "2"] * 4
    assert RECEIVER_ACCEPTED["logs"].labels("filelog/pauses", "file")._value.get() == 2


@pytest.mark.parametrize(
    ("outcome", "config"),
    [
        (Permanent("never"), {}),
        (Retryable("full"), {"retry_on_failure": {"enabled": False}}),
        (Retryable("full"), {"retry_on_failure": {"max_elapsed_time": "1ms"}}),
    ],
    ids=["permanent", "no-retries", "given-up"],
)
async def test_given_up_is_counted(
    tmp_path: Path, outcome: Exception, config: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    append(tmp_path / "a.log", "1", "2")
    name = f"filelog/{request.node.name}"
    with capture_logs() as logs:
        async with reading(tmp_path, Recorder(outcome), name, time=InstantTime(), **config) as to:
            await until(lambda: bool(to.batches))
            append(tmp_path / "a.log", "3")
            await until(lambda: len(to.batches) == 2)
    assert events(logs, "error") == ["records_dropped"]
    assert RECEIVER_REFUSED["logs"].labels(name, "file")._value.get() == 2
    assert lines(to) == ["1", "2", "3"]


RECOMBINE = [{"type": "recombine", "combine_field": "body", "is_first_entry": "body matches '^E'"}]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(True, ["E1\n x", "E2\n y\n z"]), (False, ["E1\n x", "E2\n y"])],
    ids=["read-again", "handed-on"],
)
async def test_what_operators_hold_back_at_a_stop(
    tmp_path: Path, stored: bool, expected: list[str]  # noqa: FBT001 - a column of the table
) -> None:  # fmt: skip
    path = tmp_path / "a.log"
    append(path, "E1", " x", "E2", " y")
    async with reading(
        tmp_path, operators=RECOMBINE, stored=stored, preserve_leading_whitespaces=True
    ) as first:
        await until(lambda: len(lines(first)) == 1)
    append(path, " z", "E3")
    if not stored:
        assert lines(first) == expected
        return
    async with reading(
        tmp_path, operators=RECOMBINE, stored=True, preserve_leading_whitespaces=True
    ) as second:
        await until(lambda: len(lines(second)) == 1)
    assert lines(first) + lines(second) == expected


async def test_a_restart_reads_on(tmp_path: Path) -> None:
    path, found = tmp_path / "app.log", []
    for number in range(6):
        append(path, *(f"{number} {line}" for line in range(3)))
        if number == 3:
            path.rename(tmp_path / "old.log")
        async with reading(tmp_path, stored=True, start_at="end" if number else "beginning") as to:
            await until(lambda to=to: len(lines(to)) == 3)
            await settled()
        found += lines(to)
    assert sorted(found) == sorted(f"{n} {line}" for n in range(6) for line in range(3))


async def test_refused_at_a_stop_is_read_again(tmp_path: Path) -> None:
    append(tmp_path / "a.log", *map(str, range(10)))
    refusing = Recorder(*[Retryable("full", after_s=60)] * 9)
    async with reading(tmp_path, refusing, stored=True):
        await until(lambda: bool(refusing.batches))
    async with reading(tmp_path, stored=True) as accepting:
        await until(lambda: len(lines(accepting)) == 10)
    assert lines(accepting) == list(map(str, range(10)))


PROGRAM = """
import asyncio, sys
from pathlib import Path
from belvedere.collector.component import Host
from belvedere.collector.exporters.file import FileExporter
from belvedere.collector.extensions.file_storage import FileStorage
from belvedere.collector.exporters.retry import Clock
from belvedere.collector.receivers.filelog import FileLogReceiver
from belvedere.collector.receivers.filelog.files import Files
from belvedere.collector.receivers.filelog.reading import Reader
from belvedere.otlp.signal import Signal

async def main(folder):
    storage = FileStorage(FileStorage.Config(directory=folder), Host("file_storage"))
    await storage.start()
    config = {"path": folder / "out.json", "append": True}
    out = FileExporter(FileExporter.Config.model_validate(config), Host("file"))
    await out.start()
    config = {"include": [f"{folder}/*.log"], "start_at": "beginning", "storage": "file_storage",
              "poll_interval": "5ms", "max_log_size": "1KiB"}
    host = Host("filelog", extensions={"file_storage": storage})
    config = FileLogReceiver.Config.model_validate(config)
    receiver = FileLogReceiver(config, host, {Signal.LOGS: out})
    await receiver.start()
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


@asynccontextmanager
async def killed_at_the_end(folder: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(folder))
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def end_of(path: Path) -> bytes:
    """The last lines: reading all of them over and over would keep the other process waiting."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return file.read()


async def test_nothing_is_lost_by_kill_9(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    append(tmp_path / "a.log", *(f"line {number}." for number in range(100_000)))
    for kill in range(3):
        before = out.stat().st_size if out.exists() else 0
        async with killed_at_the_end(tmp_path):
            await until(lambda before=before: out.exists() and out.stat().st_size > before + 99_999)
        append(tmp_path / "a.log", f"after {kill}.")
    async with killed_at_the_end(tmp_path):
        await until(lambda: b"after 2." in end_of(out))
    text = out.read_text()
    assert all(f'"line {number}."' in text for number in range(0, 100_000, 1000))
    assert len(set(text.split('"line ')[1:])) >= 100_000


@pytest.mark.parametrize("seed", range(3))
async def test_random_writing_rotating_and_restarting(tmp_path: Path, seed: int) -> None:
    chance, written, found = random.Random(seed), 0, []
    path = tmp_path / "app.log"
    config = {"include": [f"{tmp_path}/app.log*"], "force_flush_period": "0s"}
    for _ in range(4):
        async with reading(tmp_path, stored=True, **config) as recorder:
            for _ in range(15):
                numbers = range(written, written + chance.randrange(1, 40))
                append(path, *(f"{number} {'x' * 20}" for number in numbers))
                written = numbers.stop
                action = chance.random()
                if action < 0.2:
                    path.rename(tmp_path / f"app.log.{written}")
                elif action < 0.4:
                    shutil.copy(path, tmp_path / f"app.log.{written}")
                    os.truncate(path, 0)
                await asyncio.sleep(chance.choice([0, 0.003, 0.02]))
            await settled()
        found += lines(recorder)
    async with reading(tmp_path, stored=True, **config) as recorder:
        await settled()
    found += lines(recorder)
    assert sorted(int(line.split()[0]) for line in found) == list(range(written))


async def test_a_file_that_is_truncated_while_it_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    append(path, "one", "two")
    config = {"include": [f"{path}*"], "stored": True}
    async with reading(tmp_path, **config) as recorder:
        await until(lambda: lines(recorder) == ["one", "two"])
    append(path, "three")
    fstat: Callable[[int], os.stat_result] = os.fstat

    def rotate_first(descriptor: int) -> os.stat_result:
        if not copy.exists() and fstat(descriptor).st_ino == path.stat().st_ino:
            shutil.copy(path, copy)
            os.truncate(path, 0)
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", rotate_first)
    async with reading(tmp_path, **config) as recorder:
        await until(lambda: recorder.batches)
        await settled()
    assert lines(recorder) == ["three"]


def test_a_file_that_is_copied_truncated_and_renamed_at_once(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    config = {"include": [f"{path}*"], "start_at": "beginning"}
    files = Files(FileLogReceiver.Config.model_validate(config))
    reader = Reader(FileLogReceiver.Config.model_validate(config))

    def read() -> list[Any]:
        found: list[Any] = []
        for file in files.find():
            piece = reader.read(file)
            file.state.offset = piece.offset
            found += [entry.body for entry in piece.entries]
        return found

    append(path, "one")
    assert read() == ["one"]
    append(path, "two")
    shutil.copy(path, copy)
    os.truncate(path, 0)
    append(path, "three")
    path.rename(tmp_path / "elsewhere")
    assert sorted(read()) == ["three", "two"]
    files.close()


async def test_checkpoints_that_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "storage" / "receiver_file_log_"
    folder.mkdir(parents=True)
    (folder / "checkpoints.json").write_text("{")
    with pytest.raises(ConfigError, match="no file of checkpoints"):
        async with reading(tmp_path, stored=True):
            pass


async def test_a_storage_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"filelog::storage: .*'elsewhere'"):
        async with reading(tmp_path, storage="elsewhere"):
            pass


async def test_a_file_that_cannot_be_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "a.log", "a")
    append(tmp_path / "b.log", "b")
    opening: Callable[..., int] = os.open

    def refuse(path: Any, *more: Any) -> int:
        if str(path).endswith("a.log"):
            raise PermissionError(13, "Permission denied")
        return opening(path, *more)

    monkeypatch.setattr(os, "open", refuse)
    with capture_logs() as logs:
        async with reading(tmp_path) as recorder:
            await until(lambda: lines(recorder) == ["b"])
            await settled()
    assert events(logs, "warning") == ["file_not_readable"]


async def test_names_that_are_no_utf_8_do_not_stop_other_files(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd \xff.log")
    append(odd, "odd")
    append(tmp_path / "z.log", "z")
    for _ in range(2):  # the second time, from checkpoints
        async with reading(tmp_path, stored=True, include_file_path=True) as recorder:
            await until(lambda recorder=recorder: len(lines(recorder)) == 2)
        assert lines(recorder) == ["odd", "z"]
        assert attributes(recorder)[0]["log.file.name"] == "odd \ufffd.log"
        append(odd, "odd")
        append(tmp_path / "z.log", "z")


@pytest.mark.parametrize("levels", [10, 50, 99, 5000])
async def test_a_line_that_is_nested_deeply_is_like_any_other(tmp_path: Path, levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    append(tmp_path / "a.log", deep, '{"b":"2"}')
    operators = [{"type": "json_parser", "on_error": "send_quiet"}]
    async with reading(tmp_path, operators=operators) as recorder:
        await until(lambda: len(lines(recorder)) == 2)
    assert lines(recorder)[0] == deep
    for batch in recorder.batches:
        assert Signal.LOGS.request_type.FromString(batch.data) == batch.message
    assert attributes(recorder)[1]["b"] == "2"
    assert ("a" in attributes(recorder)[0]) is (levels < 100)


async def test_a_defect_after_the_receiver_costs_one_batch(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    class Defective(Recorder):
        async def consume(self, batch: Any) -> None:
            if b"bad" in batch.data:
                raise RuntimeError("a defect")
            await super().consume(batch)

    append(tmp_path / "a.log", "bad")
    name = f"filelog/{request.node.name}"
    with capture_logs() as logs:
        async with reading(tmp_path, Defective(), name) as recorder:
            await until(lambda: logs)
            append(tmp_path / "a.log", "good")
            await until(lambda: lines(recorder) == ["good"])
    assert events(logs, "error") == ["records_dropped"]
    assert RECEIVER_REFUSED["logs"].labels(name, "file")._value.get() == 1


async def test_a_defect_with_one_file_is_told_once_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "a.log", "bad")
    append(tmp_path / "b.log", "good")
    read = Reader.read

    def defective(self: Reader, file: Any) -> Any:
        if file.state.path.endswith("a.log"):
            raise RuntimeError("a defect")
        return read(self, file)

    monkeypatch.setattr(Reader, "read", defective)
    with capture_logs() as logs:
        async with reading(tmp_path) as recorder:
            await until(lambda: lines(recorder) == ["good"])
            await settled()
    assert events(logs, "error") == ["file_not_read"]


async def test_files_with_nothing_new_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        append(tmp_path / f"{number}.log", f"first of {number}")
    names: list[str] = []
    read = Reader.read

    def told(self: Reader, file: Any) -> Any:
        names.append(Path(file.state.path).name)
        return read(self, file)

    monkeypatch.setattr(Reader, "read", told)
    async with reading(tmp_path) as recorder:
        await until(lambda: len(lines(recorder)) == 5)
        await settled()
        names.clear()
        append(tmp_path / "3.log", "second")
        await until(lambda: len(lines(recorder)) == 6)
        await settled()
    assert set(names) == {"3.log"}
