"""What the exporter `belvedere` accepted is stored once or still queued, whatever fails."""

import asyncio
import errno
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere import internal_telemetry as telemetry
from belvedere.collector.component import Host
from belvedere.collector.errors import Retryable
from belvedere.collector.exporters.belvedere import BelvedereExporter
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.store.clickhouse import insert_error
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.projects import Projects

PASSING = (
    # Of ClickHouse's errors, those that an insert gives while something else is the matter.
    *("ABORTED", "AIO_WRITE_ERROR", "ALL_CONNECTION_TRIES_FAILED", "ALL_REPLICAS_LOST"),
    *("AUTHENTICATION_FAILED", "CANNOT_ALLOCATE_MEMORY", "CANNOT_APPEND_TO_FILE"),
    *("CANNOT_CLOSE_FILE", "CANNOT_CREATE_DIRECTORY", "CANNOT_CREATE_FILE", "CANNOT_FSTAT"),
    *("CANNOT_FSYNC", "CANNOT_LINK", "CANNOT_OPEN_FILE", "CANNOT_PARSE_PROTOBUF_SCHEMA"),
    *("CANNOT_READ_FROM_FILE_DESCRIPTOR", "CANNOT_RMDIR", "CANNOT_SCHEDULE_TASK", "CANNOT_STAT"),
    *("CANNOT_STATVFS", "CANNOT_UNLINK", "CANNOT_WRITE_TO_FILE_DESCRIPTOR"),
    *("CANNOT_WRITE_AFTER_BUFFER_CANCELED", "CHECKSUM_DOESNT_MATCH", "DIRECTORY_ALREADY_EXISTS"),
    *("DIRECTORY_DOESNT_EXIST", "KEEPER_EXCEPTION", "LIMIT_EXCEEDED", "LOGICAL_ERROR"),
    *("MEMORY_LIMIT_EXCEEDED", "NETWORK_ERROR", "NOT_ENOUGH_SPACE", "NO_FREE_CONNECTION"),
    *("NO_ZOOKEEPER", "PART_IS_TEMPORARILY_LOCKED", "POCO_EXCEPTION", "QUERY_WAS_CANCELLED"),
    *("QUOTA_EXCEEDED", "READONLY", "SERVER_OVERLOADED", "SOCKET_TIMEOUT", "STD_EXCEPTION"),
    *("SYSTEM_ERROR", "TABLE_IS_BEING_RESTARTED", "TABLE_IS_READ_ONLY", "TIMEOUT_EXCEEDED"),
    *("TOO_FEW_LIVE_REPLICAS", "TOO_MANY_BYTES", "TOO_MANY_PARTS", "TOO_MANY_SIMULTANEOUS_QUERIES"),
    *("UNKNOWN_DATABASE", "UNKNOWN_EXCEPTION", "UNKNOWN_STATUS_OF_INSERT", "UNKNOWN_TABLE"),
    *("UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",),
)


class Faulty:
    """A real database, whose next inserts fail: before they reach it, or after they are done."""

    def __init__(self, db: EmbeddedClickHouse) -> None:
        self._db = db
        self.writes = None
        self.failures: list[tuple[str, Exception]] = []
        self.query, self.execute, self.close = db.query, db.execute, db.close

    def insert(
        self,
        table: str,
        data: bytes | Path,
        *,
        format: str,  # noqa: A002 - the protocol's
        database: str = "default",
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        stage, error = self.failures.pop(0) if self.failures else ("", None)
        if stage != "before":
            self._db.insert(table, data, format=format, database=database, settings=settings)
        if error is not None:
            raise error


def batch(name: str, project: str = "default") -> Batch:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    scope.spans.add(
        trace_id=os.urandom(16), span_id=b"s" * 8, name=name, start_time_unix_nano=time.time_ns()
    )
    return Batch(Signal.TRACES, message.SerializeToString(), 1, project)


@asynccontextmanager
async def running(db: Any, directory: Path, **queue: Any) -> AsyncIterator[BelvedereExporter]:
    config = BelvedereExporter.Config.model_validate(
        {
            "directory": directory,
            "drain_timeout": "20s",
            "queue": {
                "segment_age": "10ms",
                "initial_interval": "10ms",
                "max_interval": "50ms",
                "reserve_mib": 0,
                **queue,
            },
        }
    )
    exporter = BelvedereExporter(config, Host("belvedere", {Projects: Projects(db)}))
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.shutdown()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the store has no event for it
            await asyncio.sleep(0.01)


def names(db: EmbeddedClickHouse, database: str = "default") -> Counter[str]:
    rows = db.query("SELECT SpanName FROM otel_traces", database=database)
    return Counter(rows.column("SpanName").to_pylist())


@pytest.mark.parametrize("stage", ["before", "after"])
async def test_after_every_error_that_may_pass_a_batch_is_stored_once(
    migrated: EmbeddedClickHouse, tmp_path: Path, stage: str
) -> None:
    db = Faulty(migrated)
    async with running(db, tmp_path / "data") as exporter:
        for code in PASSING:
            error = insert_error(f"Code: 1. DB::Exception: made up. ({code}) (version 26.9)")
            db.failures = [(stage, error), (stage, OSError(errno.EMFILE, "Too many open files"))]
            await exporter.consume(batch(code))
            await until(exporter.queue.is_empty)
            assert not db.failures
    assert names(migrated) == dict.fromkeys(PASSING, 1)
    assert await exporter.rejected() == []


async def test_a_segment_that_cannot_be_deleted_is_stored_once(
    migrated: EmbeddedClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's error is made up here."""
    failures = iter(range(3))
    real_unlink = Path.unlink

    def failing_unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix == ".otlp" and next(failures, None) is not None:
            raise OSError(errno.EIO, "Input/output error")
        real_unlink(path, missing_ok=missing_ok)

    async with running(migrated, tmp_path / "data") as exporter:
        monkeypatch.setattr(Path, "unlink", failing_unlink)
        await exporter.consume(batch("a"))
        await until(exporter.queue.is_empty)
        monkeypatch.undo()
    assert names(migrated) == {"a": 1}


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ("DROP DATABASE `team-a`", None),
        ("DETACH TABLE `team-a`.otel_traces", "ATTACH TABLE `team-a`.otel_traces"),
        (
            "ALTER TABLE `team-a`.otel_traces MODIFY SETTING parts_to_throw_insert = 1",
            "ALTER TABLE `team-a`.otel_traces RESET SETTING parts_to_throw_insert",
        ),
    ],
    ids=["a dropped project, which is made again", "a missing table", "too many parts"],
)
async def test_a_project_that_cannot_be_stored_does_not_hold_up_others(
    migrated: EmbeddedClickHouse, tmp_path: Path, broken: str, repaired: str | None
) -> None:
    async with running(migrated, tmp_path / "data") as exporter:
        migrated.execute("SYSTEM STOP MERGES")
        await exporter.consume(batch("before", "team-a"))
        await until(exporter.queue.is_empty)
        migrated.execute(broken)
        for number in range(10):  # more than there are workers
            await exporter.consume(batch(f"a{number}", "team-a"))
            await exporter.queue.close_segments()
        await exporter.consume(batch("b"))
        await until(lambda: "b" in names(migrated))
        if repaired:
            assert exporter.queue.failing() > 0
            migrated.execute(repaired)
        await until(exporter.queue.is_empty)
    assert names(migrated, "team-a") == Counter(
        [*(f"a{number}" for number in range(10)), *(["before"] if repaired else [])]
    )


async def test_unreadable_data_is_listed_and_replayed(
    migrated: EmbeddedClickHouse, tmp_path: Path
) -> None:
    whole = batch("a")
    unreadable = b"\x0a\x06\x12\xff\xff\xff\xff\x0f"
    async with running(migrated, tmp_path / "data") as exporter:
        await exporter.queue.append("default/traces", unreadable + whole.data, 1)
        await until(exporter.queue.is_empty)
        (entry,) = await exporter.rejected("default")
        assert (entry.project, entry.data, entry.size_bytes) == ("default", "traces", 8)
        assert "eof" in entry.error
        assert await exporter.rejected("other") == []
        await exporter.replay(entry)
        await until(exporter.queue.is_empty)
        assert [again.id for again in await exporter.rejected()] == [entry.id]
        entry.path.write_bytes(batch("b").data)  # as after an upgrade that can read it
        await exporter.replay(entry)
        await until(exporter.queue.is_empty)
        assert await exporter.rejected() == []
    assert names(migrated) == {"a": 1, "b": 1}
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


async def test_failing_inserts_are_a_problem_and_a_success_ends_it(
    migrated: EmbeddedClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Faulty(migrated)
    async with running(db, tmp_path / "data") as exporter:
        assert exporter.problem() == ""
        failure = insert_error("Code: 241. DB::Exception: too much. (MEMORY_LIMIT_EXCEEDED)")
        db.failures = [("before", failure)] * 1000
        await exporter.consume(batch("a"))
        await until(lambda: exporter.queue.failing() > 0)
        assert exporter.problem() == "", "it may pass"
        later_s = time.monotonic() + 3600
        monkeypatch.setattr("time.monotonic", lambda: later_s)
        assert exporter.problem().startswith("nothing could be stored for 36")
        monkeypatch.undo()
        db.failures = []
        await until(exporter.queue.is_empty)
        assert exporter.problem() == ""


async def test_a_data_directory_that_is_removed_is_a_problem_and_refuses(
    migrated: EmbeddedClickHouse, tmp_path: Path
) -> None:
    async with running(migrated, tmp_path / "data") as exporter:
        await exporter.consume(batch("a"))
        await until(exporter.queue.is_empty)
        shutil.rmtree(tmp_path / "data")
        await until(lambda: bool(exporter.problem()))
        with pytest.raises(Retryable, match="queue's directory: No such file"):
            await exporter.consume(batch("b"))


async def test_a_segment_whose_file_somebody_deleted_is_counted_and_holds_up_nothing(
    migrated: EmbeddedClickHouse, tmp_path: Path
) -> None:
    dropped = telemetry.STORE_DROPPED["traces"].labels("default", "segment deleted")
    before = dropped._value.get()
    db = Faulty(migrated)
    failure = insert_error("Code: 243. DB::Exception: full. (NOT_ENOUGH_SPACE)")
    async with running(db, tmp_path / "data") as exporter:
        db.failures = [("before", failure)] * 1000
        await exporter.consume(batch("deleted"))
        await until(lambda: exporter.queue.failing() > 0)
        for file in (tmp_path / "data" / "queue").rglob("*.otlp"):
            file.unlink()
        db.failures = []
        await exporter.consume(batch("a"))
        await until(exporter.queue.is_empty)
    assert names(migrated) == {"a": 1}
    assert dropped._value.get() - before == 1


async def test_an_orderly_stop_does_not_wait_for_what_cannot_be_stored(
    migrated: EmbeddedClickHouse, tmp_path: Path
) -> None:
    db = Faulty(migrated)
    failure = insert_error("Code: 243. DB::Exception: full. (NOT_ENOUGH_SPACE)")
    async with running(db, tmp_path / "data", initial_interval="1h", max_interval="1h") as exporter:
        db.failures = [("before", failure)] * 1000
        for number in range(20):
            await exporter.consume(batch(str(number)))
            await exporter.queue.close_segments()
        before_s = time.monotonic()
    assert time.monotonic() - before_s < 15, "and its timeout is 20 s"
    async with running(migrated, tmp_path / "data") as exporter:
        await until(exporter.queue.is_empty)
    assert names(migrated) == {str(number): 1 for number in range(20)}
