"""`Database`: what the rest of Belvedere knows of ClickHouse, be it chDB or a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # half of what `belvedere --help` would take
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Bounds of one query. A query that goes over one fails with `QueryTooLarge`."""

    time_s: float = 30.0
    memory_bytes: int = 1 << 30
    result_rows: int = 100_000
    result_bytes: int = 64 << 20
    threads: int = 2
    answer_bytes: int = 0
    """Bytes of the result as it is returned; 0: `result_bytes` alone, which counts a value that
    all rows of a block share once. Costs up to a tenth of the speed: blocks are smaller."""
    block_cache: bool = False
    """No bound: what is read stays in memory, decompressed, for the next query that reads it. For
    what is asked for again and again; ClickHouse bounds that memory (least used goes first)."""


class Database(Protocol):
    """ClickHouse. Calls block and may come from any thread, several at once.

    No SQL outside `store` knows which implementation it runs on.
    """

    @property
    def writes(self) -> int | None:
        """How often anything was written so far; None if others than this process write, too.

        Of two equal numbers, what tables hold is the same; it is counted before a write returns.
        """
        ...

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        database: str = "default",
        limits: QueryLimits | None = None,
    ) -> "pa.Table":
        """Read: run one statement, return its result. It cannot change anything.

        Args:
            sql: one SELECT, SHOW, DESCRIBE or EXPLAIN; `{name:Type}` are placeholders.
            params: values of the placeholders.
            database: the database of names that have none, that is: the project's.
            limits: bounds; None stands for the defaults of `QueryLimits`.

        Raises:
            QueryError: the statement cannot run; the text is ClickHouse's, without its stack.
            StoreUnavailable: the database cannot be reached.
        """
        ...

    def execute(self, sql: str, *, database: str = "default") -> None:
        """Run one statement that changes the schema or settings.

        Raises:
            QueryError: the statement cannot run.
            StoreUnavailable: the database cannot be reached, or its disk is full.
        """
        ...

    def insert(
        self,
        table: str,
        data: bytes | Path,
        *,
        format: str,  # noqa: A002 - ClickHouse's word
        database: str = "default",
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        """Insert `data`, encoded in a ClickHouse input format, in one atomic block per table.

        When this returns, the rows are in all tables that they go to.

        With the setting `insert_deduplication_token` the same data can be inserted again after
        a crash and is not added twice.

        Args:
            table: where to.
            data: the bytes, or the file that holds them.
            format: their format.
            database: the database of `table`.
            settings: ClickHouse's, for this insert.

        Raises:
            InvalidData: the database cannot read `data`.
            StoreUnavailable: any other error; some tables may have the rows. Retry, with the
                same token.
            OSError: the file cannot be read.
        """
        ...

    def close(self) -> None:
        """Finish what runs and free everything. Safe when repeated."""
        ...
