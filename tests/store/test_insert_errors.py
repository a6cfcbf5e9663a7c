"""An insert that returns has stored its rows; one that fails says whether the data is at fault."""

import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from belvedere.store.clickhouse import insert_error
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import InvalidData, QueryError, StoreUnavailable
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate

UNREADABLE = {
    "ARGUMENT_OUT_OF_BOUND",
    "ATTEMPT_TO_READ_AFTER_EOF",
    "CANNOT_CONVERT_TYPE",
    "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    "CANNOT_PARSE_BOOL",
    "CANNOT_PARSE_DATE",
    "CANNOT_PARSE_DATETIME",
    "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    "CANNOT_PARSE_NUMBER",
    "CANNOT_PARSE_TEXT",
    "CANNOT_READ_ALL_DATA",
    "CANNOT_SKIP_UNKNOWN_FIELD",
    "DECIMAL_OVERFLOW",
    "INCORRECT_DATA",
    "PROTOBUF_BAD_CAST",
    "PROTOBUF_FIELD_NOT_REPEATED",
    "SIZES_OF_ARRAYS_DONT_MATCH",
    "SIZES_OF_NESTED_COLUMNS_ARE_INCONSISTENT",
    "TOO_LARGE_ARRAY_SIZE",
    "TOO_LARGE_STRING_SIZE",
    "UNEXPECTED_END_OF_FILE",
    "UNICODE_ERROR",
    "UNKNOWN_ELEMENT_OF_ENUM",
    "UNKNOWN_PROTOBUF_FORMAT",
    "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    "VIOLATED_CONSTRAINT",
}
"""Of all of ClickHouse's errors, those that no waiting resolves."""


def spans(count: int, name: str = "op") -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(count):
        scope.spans.add(
            trace_id=number.to_bytes(16),
            span_id=b"s" * 8,
            name=name,
            start_time_unix_nano=time.time_ns(),
        )
    return message.SerializeToString()


def stored(db: EmbeddedClickHouse, table: str = "otel_traces") -> int:
    return db.query(f"SELECT count() AS n FROM {table}").column("n")[0].as_py()


def test_of_all_errors_of_clickhouse_those_of_the_data_are_known(
    database: EmbeddedClickHouse,
) -> None:
    names = database.query(
        "SELECT number AS code, errorCodeToName(number) AS name FROM numbers(1, 1999)"
        " WHERE name != ''"
    ).to_pylist()
    assert len(names) > 600
    found = set()
    for row in names:
        error = insert_error(
            f"Code: {row['code']}. DB::Exception: It failed. ({row['name']}) (version 26.9.2.1)"
        )
        if isinstance(error, InvalidData):
            found.add(row["name"])
        else:
            assert isinstance(error, StoreUnavailable)
            assert error.code == row["name"]
    assert found == UNREADABLE


def test_too_many_partitions_are_the_datas_fault() -> None:
    text = (
        "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)."
        " (TOO_MANY_PARTS)"
    )
    assert isinstance(insert_error(text), InvalidData)


def test_an_error_without_a_name_is_retried() -> None:
    assert isinstance(insert_error("something unheard of"), StoreUnavailable)


BROKEN = {
    # What breaks a table, with the error that an insert then gives, and what repairs it.
    "too many parts": (
        "ALTER TABLE {table} MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1",
        "TOO_MANY_PARTS",
        "ALTER TABLE {table} RESET SETTING parts_to_throw_insert, parts_to_delay_insert",
    ),
    "too little free space": (
        "ALTER TABLE {table} MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1e15",
        "NOT_ENOUGH_SPACE",
        "ALTER TABLE {table} RESET SETTING min_free_disk_bytes_to_perform_insert",
    ),
    "a missing table": ("DETACH TABLE {table}", "UNKNOWN_TABLE", "ATTACH TABLE {table}"),
    "a constraint": (
        "ALTER TABLE {table} ADD CONSTRAINT no CHECK throwIf(1, 'no', 241::Int16) = 0",
        "",
        "ALTER TABLE {table} DROP CONSTRAINT no",
    ),
}


@pytest.mark.parametrize("table", ["otel_traces", "otel_traces_trace_id_ts"])
@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_table_that_refuses_fails_the_insert_and_a_retry_adds_nothing_twice(
    migrated: EmbeddedClickHouse, table: str, case: tuple[str, str, str]
) -> None:
    break_it, code, repair = (text.format(table=table) for text in case)
    migrated.execute("SYSTEM STOP MERGES")
    insert(migrated, "default", Door.TRACES, spans(1), token="before")
    migrated.execute(break_it)
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as failed:
            insert(migrated, "default", Door.TRACES, spans(100), token="segment")
        if code:
            assert failed.value.code == code
    migrated.execute(repair)
    for _ in range(2):
        insert(migrated, "default", Door.TRACES, spans(100), token="segment")
    assert stored(migrated) == 101
    assert stored(migrated, "otel_traces_trace_id_ts") == 101


def test_a_file_is_inserted_as_its_bytes_are(migrated: EmbeddedClickHouse, tmp_path: Path) -> None:
    file = tmp_path / "it's a 'segment' \\ of 100%.otlp"
    file.write_bytes(spans(3) + spans(4))
    insert(migrated, "default", Door.TRACES, file, token="1")
    insert(migrated, "default", Door.TRACES, file.read_bytes(), token="2")
    assert stored(migrated) == 14
    assert not list(migrated.directory.glob("inserting-*"))


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty file"])
def test_an_insert_of_nothing_is_not_reported_as_done(
    migrated: EmbeddedClickHouse, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "segment.otlp"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreUnavailable):
        insert(migrated, "default", Door.TRACES, file, token="1")


def test_threads_that_insert_first_at_the_same_time_all_succeed(
    migrated: EmbeddedClickHouse,
) -> None:
    """ClickHouse reads the schema's file once: it must be whole before the first of them."""
    together = threading.Barrier(16)
    errors = []

    def insert_one(number: int) -> None:
        together.wait()
        try:
            insert(migrated, "default", Door.TRACES, spans(5), token=str(number))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=insert_one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stored(migrated) == 80


@contextmanager
def failing_writes(after_bytes: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond a size (EFBIG), as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("after_bytes", [0, 100, 2000])
def test_writes_that_chdb_does_not_report_fail_the_insert(
    migrated: EmbeddedClickHouse, tmp_path: Path, after_bytes: int
) -> None:
    file = tmp_path / "segment.otlp"
    file.write_bytes(spans(300))
    insert(migrated, "default", Door.TRACES, file, token="before")
    for number in range(3):
        with (
            capture_logs(),  # which would be refused, too
            failing_writes(after_bytes),
            pytest.raises(StoreUnavailable, match="is it full"),
        ):
            insert(migrated, "default", Door.TRACES, file, token=str(number))
        for _ in range(2):
            insert(migrated, "default", Door.TRACES, file, token=str(number))
        assert stored(migrated) == 300 * (number + 2)
        assert stored(migrated, "otel_traces_trace_id_ts") > 0
        migrated.query("SELECT * FROM otel_traces")


def test_a_merge_whose_writes_fail_is_undone(migrated: EmbeddedClickHouse) -> None:
    for number in range(5):
        insert(migrated, "default", Door.TRACES, spans(100, f"op{number}"), token=str(number))
    with failing_writes(0):
        migrated.execute("OPTIMIZE TABLE otel_traces FINAL")
    with pytest.raises(QueryError):
        migrated.query("SELECT * FROM otel_traces")
    migrated.part_check.check()
    read = migrated.query("SELECT SpanName, count() AS n FROM otel_traces GROUP BY 1 ORDER BY 1")
    assert read.to_pylist() == [{"SpanName": f"op{number}", "n": 100} for number in range(5)]
    assert migrated.query("SELECT * FROM system.detached_parts").num_rows == 0
    insert(migrated, "default", Door.TRACES, spans(100, "op0"), token="0")
    assert stored(migrated) == 500, "and what it was told of before is not added again"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", directory],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_full_disk_fails_the_insert_and_what_was_refused_is_stored_later(
    small_disk: Path,
) -> None:
    db = EmbeddedClickHouse(small_disk / "data")
    try:
        migrate(db)
        filler = small_disk / "filler"
        for cycle in range(3):
            fill(filler)
            with pytest.raises((StoreUnavailable, OSError)):
                insert(db, "default", Door.TRACES, spans(100), token=str(cycle))
            filler.unlink()
            insert(db, "default", Door.TRACES, spans(100), token=str(cycle))
            assert stored(db) == 100 * (cycle + 1)
    finally:
        db.close()


def fill(file: Path) -> None:
    """Write until the file system is full, to the last byte."""
    with file.open("wb", buffering=0) as out:
        for size_bytes in (1 << 16, 1):
            try:
                while True:
                    out.write(b"x" * size_bytes)
            except OSError:
                continue


@pytest.mark.parametrize("character", [*"?:*{}"])
def test_a_directory_that_clickhouse_would_misread_is_refused(
    tmp_path: Path, character: str
) -> None:
    with pytest.raises(StoreUnavailable, match=r"invalid data directory .* --data-dir"):
        EmbeddedClickHouse(tmp_path / f"a{character}b")


def test_a_directory_with_other_unusual_characters_works(tmp_path: Path) -> None:
    db = EmbeddedClickHouse(tmp_path / "a 'b' \"c\" [d] é \\ &=#;,~$(|<+@%20")
    try:
        migrate(db)
        insert(db, "default", Door.TRACES, spans(2), token="1")
        assert stored(db) == 2
    finally:
        db.close()
