"""`EmbeddedClickHouse`: ClickHouse inside this process, as chDB."""

import atexit
import hashlib
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from chdb.state.sqlitelike import Connection

from belvedere.store.clickhouse import (
    BLOCK_CACHE,
    SMALL_BLOCKS,
    insert_error,
    literal,
    quote,
    read_error,
    too_many_bytes,
)
from belvedere.store.database import QueryLimits
from belvedere.store.errors import StoreInUse, StoreUnavailable
from belvedere.store.lock import lock_directory
from belvedere.store.part_check import FAILED_WRITES, PartCheck

_SERVER_SETTINGS: Final = {
    # chDB's caches are sized for a database server by default; these are sized for a laptop.
    "mark_cache_size": 64 << 20,
    "index_mark_cache_size": 32 << 20,
    "primary_index_cache_size": 64 << 20,
    "text_index_header_cache_size": 32 << 20,
    "query_condition_cache_size": 16 << 20,
    "compiled_expression_cache_size": 16 << 20,
    # Of 2 h of 11,000 series, 42 ms to read become 16. 24 bytes a sample; not taken before used.
    "uncompressed_cache_size": 256 << 20,
    "background_pool_size": 2,
}
_MAX_IDLE_READERS: Final = 8
_DDL_BYTES: Final = 1 << 20
_INSERTING: Final = "inserting-"
"""Prefix of files that live as long as an insert."""
_UNUSABLE: Final = frozenset("?:*{}")
"""What means something else to ClickHouse in a path: options, a schema's message, globs."""
_READS_END_S: Final = 5.0
"""How long `close` waits for queries: ClickHouse cannot interrupt each of them."""


class EmbeddedClickHouse:
    """A `Database` in a directory of this machine. One process at a time has it open.

    chDB runs one statement at a time on a connection and releases the GIL meanwhile, so there
    is a pool of connections: writers, and for each set of limits readers that are locked into
    ClickHouse's `readonly = 1` (from which a session cannot leave again).
    """

    def __init__(self, directory: Path | str, *, memory_bytes: int = 4 << 30) -> None:
        """Open the database in `directory`, made if need be.

        Args:
            directory: where tables live. Nothing else may be in it.
            memory_bytes: what all queries, inserts and merges together may use.

        Raises:
            StoreInUse: another process has it open.
            StoreUnavailable: the directory cannot be written.
        """
        self.directory = Path(directory).absolute()
        if unusable := _UNUSABLE.intersection(str(self.directory)):
            raise StoreUnavailable(
                f"invalid data directory {str(self.directory)!r}: ClickHouse cannot use a path"
                f" with {' '.join(sorted(unusable))}; choose another with --data-dir"
            )
        self._lock_file = lock_directory(self.directory)
        for left_by_a_killed_process in self.directory.glob(f"{_INSERTING}*"):
            left_by_a_killed_process.unlink(missing_ok=True)
        settings = {
            **_SERVER_SETTINGS,
            "max_server_memory_usage": memory_bytes,
        }
        options = "&".join(f"{name}={value}" for name, value in settings.items())
        self._url = f"{self.directory / 'clickhouse'}?{options}"
        self._writers: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._readers: dict[QueryLimits, list[Connection]] = {}
        self._readers_lock = threading.Lock()
        self._running = threading.Condition()
        self._statements = 0
        self._reads = 0
        self._writes = 0
        self._closed = False
        self._schema_files: set[str] = set()
        self._schema_lock = threading.Lock()
        try:
            self._writers.put(Connection(self._url))
            self.part_check = PartCheck(
                lambda sql: self.query(sql).to_pylist(), self._execute, self._failed_writes
            )
        except RuntimeError as error:
            self._lock_file.close()
            if "already initialized" in str(error):
                raise StoreInUse(
                    f"this process has another data directory open than {self.directory};"
                    " chDB opens one at a time"
                ) from None
            raise StoreUnavailable(
                f"cannot open the database in {self.directory}: {read_error(str(error))}"
            ) from None

    @property
    def writes(self) -> int:
        return self._writes

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        database: str = "default",
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        texts = {name: literal(value) for name, value in (params or {}).items()}
        bounds = limits or QueryLimits()
        with self._reader(bounds) as connection:
            try:
                connection.query(f"USE {quote(database)}")
                if bounds.answer_bytes:
                    return _read_bounded(connection, sql, texts, bounds.answer_bytes)
                return _table(connection.query(sql, "Arrow", params=texts))
            except RuntimeError as error:
                raise read_error(str(error)) from None

    def execute(self, sql: str, *, database: str = "default") -> None:
        if shutil.disk_usage(self.directory).free < _DDL_BYTES:
            # A file of metadata that chDB could not write would stop the next start.
            raise StoreUnavailable("the disk is full")
        self._execute(sql, database)

    def _execute(self, sql: str, database: str = "default") -> None:
        with self._writer() as connection:
            try:
                connection.query(f"USE {quote(database)}")
                connection.query(sql)
            except RuntimeError as error:
                raise read_error(str(error)) from None

    def insert(
        self,
        table: str,
        data: bytes | Path,
        *,
        format: str,  # noqa: A002 - ClickHouse's word
        database: str = "default",
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        if isinstance(data, bytes):
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=_INSERTING) as file:
                file.write(data)
                file.flush()
                self.insert(
                    table, Path(file.name), format=format, database=database, settings=settings
                )
            return
        clause = ", ".join(
            f"{name} = {literal(value, quoted=True)}"
            for name, value in self._with_schema_file(settings or {}).items()
        )
        # Of chDB's ways to insert bytes, FROM INFILE is the one that reports all errors. Its
        # `send_insert` loses those that ClickHouse finds after the last byte (a full disk, too
        # many parts); `rows_written` of its result counts what was read.
        sql = (
            f"INSERT INTO {quote(database)}.{quote(table)}"
            f" FROM INFILE {literal(str(data.absolute()), quoted=True)}"
            + (f" SETTINGS {clause}" if clause else "")
            + f" FORMAT {format}"
        )
        mark = self.part_check.begin()
        with self._writer() as connection:
            try:
                result = connection.query(sql)
            except RuntimeError as error:
                raise insert_error(str(error)) from None
        if not result.rows_read():
            raise StoreUnavailable(f"ClickHouse read no rows of {data}")
        self.part_check.end(mark)

    def close(self) -> None:
        self.part_check.close()
        with self._running:
            if self._closed:
                return
            self._closed = True
            self._running.wait_for(lambda: self._statements == self._reads)
            if not self._running.wait_for(lambda: self._statements == 0, _READS_END_S):
                # Neither chDB nor its shutdown at exit survives the loss of a running query.
                atexit.register(self._end_process)
                return
        with self._readers_lock:
            idle = [c for connections in self._readers.values() for c in connections]
            self._readers.clear()
        while not self._writers.empty():
            idle.append(self._writers.get_nowait())
        for connection in idle:
            connection.close()
        self._lock_file.close()

    def _failed_writes(self) -> int:
        with self._writer(counts=False) as connection:
            return int(connection.query(FAILED_WRITES, "TabSeparated").bytes() or 0)

    def _end_process(self) -> None:
        """End the process without chDB's shutdown, which crashes or hangs while a query runs.

        All that was inserted is on disk: inserts have ended.
        """
        if self._statements:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def _with_schema_file(self, settings: Mapping[str, str | int]) -> Mapping[str, str | int]:
        """With a schema text made a file: chDB would make one in the working folder."""
        if settings.get("format_schema_source") != "string":
            return settings
        text = str(settings["format_schema"])
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.proto"
        path = self.directory / "format_schemas" / name
        with self._schema_lock:
            # ClickHouse reads the file once and keeps what it read for the process's life.
            if name not in self._schema_files:
                _write_atomically(path, text)
                self._schema_files.add(name)
        return {**settings, "format_schema_source": "file", "format_schema": str(path)}

    @contextmanager
    def _statement(self) -> Iterator[None]:
        """Count a running statement, so that `close` waits for it."""
        with self._running:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            self._statements += 1
        try:
            yield
        finally:
            with self._running:
                self._statements -= 1
                self._running.notify_all()

    @contextmanager
    def _writer(self, *, counts: bool = True) -> Iterator[Connection]:
        """A connection that may write; `counts` says whether it does."""
        with self._statement():
            try:
                connection = self._writers.get_nowait()
            except queue.Empty:
                connection = Connection(self._url)
            try:
                yield connection
            finally:
                if counts:
                    with self._running:
                        self._writes += 1
                self._writers.put(connection)

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Count a running statement that `close` need not wait for."""
        with self._running:
            self._reads += 1
        try:
            yield
        finally:
            with self._running:
                self._reads -= 1

    @contextmanager
    def _reader(self, limits: QueryLimits) -> Iterator[Connection]:
        with self._statement(), self._read():
            with self._readers_lock:
                idle = self._readers.get(limits)
                connection = idle.pop() if idle else None
            if connection is None:
                connection = Connection(self._url)
                connection.query(_reader_settings(limits))
            try:
                yield connection
            finally:
                with self._readers_lock:
                    keep = (
                        sum(map(len, self._readers.values())) < _MAX_IDLE_READERS
                        and not self._closed
                    )
                    if keep:
                        self._readers.setdefault(limits, []).append(connection)
                if not keep:
                    connection.close()


def _write_atomically(path: Path, text: str) -> None:
    """Write a file that is whole whenever it is there.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fdatasync(file.fileno())
    part.replace(path)


def _table(result: Any) -> pa.Table:
    return pa.ipc.open_file(_buffer(result)).read_all() if result.size() else pa.table({})


def _read_bounded(
    connection: Connection, sql: str, params: Mapping[str, str], most_bytes: int
) -> pa.Table:
    """The result of a query, read block by block, so that no more than `most_bytes` are kept."""
    try:
        stream = connection.send_query(sql, "Arrow", params=params)
    except RuntimeError as error:
        if "Streaming query is not supported" not in str(error):
            raise
        return _checked(connection.query(sql, "Arrow", params=params), most_bytes)
    tables, size = [], 0
    with stream:
        for block in stream:
            size += block.size()
            if size > most_bytes:
                raise too_many_bytes(most_bytes)
            tables.append(_table(block))
    return pa.concat_tables(tables) if tables else _empty(connection, sql, params)


def _empty(connection: Connection, sql: str, params: Mapping[str, str]) -> pa.Table:
    """The columns of a query without rows: a stream without blocks does not have them."""
    try:
        return _table(connection.query(f"SELECT * FROM ({sql}\n) LIMIT 0", "Arrow", params=params))
    except RuntimeError:  # two columns of one name, say, which no subquery may have
        return _table(connection.query(sql, "Arrow", params=params))


def _checked(result: Any, most_bytes: int) -> pa.Table:
    if result.size() > most_bytes:
        raise too_many_bytes(most_bytes)
    return _table(result)


def _buffer(result: Any) -> pa.Buffer:
    """The bytes of a result where they lie: a copy of 60 MB takes 30 ms.

    chDB's own view of them does not keep them alive; the buffer does.
    """
    lent = result.get_memview()
    view = lent.view()
    address = np.frombuffer(view, np.uint8).ctypes.data
    return pa.foreign_buffer(address, len(view), base=(result, lent))


def _reader_settings(limits: QueryLimits) -> str:
    more = (BLOCK_CACHE if limits.block_cache else {}) | (
        SMALL_BLOCKS if limits.answer_bytes else {}
    )
    return (
        f"SET max_execution_time = {limits.time_s}, max_memory_usage = {limits.memory_bytes},"
        f" max_result_rows = {limits.result_rows}, max_result_bytes = {limits.result_bytes},"
        f" max_threads = {limits.threads}, result_overflow_mode = 'throw',"
        + "".join(f" {name} = {value}," for name, value in more.items())
        + " enable_time_series_aggregate_functions = 1,"
        " output_format_arrow_compression_method = 'none', readonly = 1"
    )
