"""Parts that chDB takes for written although the disk refused their bytes: found, and undone.

chDB drops the errors of `write` (ENOSPC, EIO, EFBIG): an insert returns, a merge replaces its
sources, and the files of the new part are short or empty. ClickHouse counts each failed write, so
one look at that counter says whether parts may be affected; those that are new are then checked.

- A part that an insert wrote is dropped, and with it what ClickHouse remembers of the insert's
  deduplication token: the insert fails, and its retry adds the rows.
- A part that a merge wrote has sources, which ClickHouse keeps for minutes. Detaching the table
  and attaching it again sets the broken part aside and brings them back.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from belvedere.store.clickhouse import literal, quote
from belvedere.store.errors import StoreError, StoreUnavailable

log = structlog.get_logger(__name__)

FAILED_WRITES: Final = (
    "SELECT value FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"
)
_CHECK_EVERY_S: Final = 30.0
"""Far less than the 8 minutes for which ClickHouse keeps the sources of a merge."""
_WATCH_S: Final = 600.0
"""How long after a failed write new parts are checked: a merge may end long after it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was known when an insert began."""

    failed_writes: int
    undone: int


@dataclass(frozen=True, slots=True)
class _Part:
    database: str
    table: str
    name: str
    partition_id: str
    min_block: int
    max_block: int


class PartCheck:
    """The check of one database. Calls block, and may come from any thread."""

    def __init__(
        self,
        rows: Callable[[str], list[dict[str, Any]]],
        execute: Callable[[str], None],
        failed_writes: Callable[[], int],
    ) -> None:
        """A check that runs its statements by these functions.

        Args:
            rows: the rows of a query.
            execute: runs a statement.
            failed_writes: what `FAILED_WRITES` returns; 0 for no row.
        """
        self._rows, self._execute, self._failed_writes = rows, execute, failed_writes
        self._lock = threading.Lock()
        self._seen = failed_writes()
        self._undone = 0
        self._failed_s = float("-inf")
        """Unix time of the look before the one that found the last failed write."""
        self._looked_s = time.time()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="belvedere-parts", daemon=True)
        self._thread.start()

    def begin(self) -> Mark:
        """Called before an insert."""
        return Mark(self._seen, self._undone)

    def end(self, mark: Mark) -> None:
        """Called after an insert that seems done.

        Raises:
            StoreUnavailable: its rows may be missing; a retry adds those that are.
        """
        if self._failed_writes() != mark.failed_writes:
            self.check()
        if self._undone != mark.undone:
            raise StoreUnavailable(
                "the disk refused writes of ClickHouse: is it full?",
                code="CANNOT_WRITE_TO_FILE_DESCRIPTOR",
            )

    def check(self) -> None:
        """Check the parts that are new since writes began to fail; undo those that are broken.

        Raises:
            StoreError: a statement failed.
        """
        with self._lock:
            now_s = time.time()
            if (failed_writes := self._failed_writes()) != self._seen:
                self._failed_s = self._looked_s
            if now_s - self._failed_s <= _WATCH_S:
                broken = [part for part in self._new_parts() if not self._is_whole(part)]
                if broken:
                    self._undo(broken)
            self._seen, self._looked_s = failed_writes, now_s

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_EVERY_S):
            try:
                self.check()
            except StoreError as error:
                log.warning("parts_not_checked", error=str(error), retry_in_s=_CHECK_EVERY_S)

    def _new_parts(self) -> list[_Part]:
        rows = self._rows(
            "SELECT database, table, name, partition_id, min_block_number, max_block_number"
            f" FROM system.parts WHERE active AND modification_time >= {self._failed_s - 2:.0f}"
        )
        return [_Part(*row.values()) for row in rows]

    def _is_whole(self, part: _Part) -> bool:
        rows = self._rows(
            f"CHECK TABLE {_table(part)} PART {literal(part.name, quoted=True)}"
            " SETTINGS check_query_single_value_result = 0"
        )
        return all(row["is_passed"] for row in rows)

    def _undo(self, broken: list[_Part]) -> None:
        self._undone += 1
        merged = []
        for part in broken:
            is_merged = self._has_sources(part)
            log.error(
                "part_not_written",
                project=part.database,
                table=part.table,
                part=part.name,
                hint="the disk refused ClickHouse's writes; "
                + ("the merge is undone" if is_merged else "the insert is retried"),
            )
            if is_merged:
                merged.append(part)
            else:
                self._execute(
                    f"ALTER TABLE {_table(part)} DROP PART {literal(part.name, quoted=True)}"
                )
        for table in sorted({_table(part) for part in merged}):
            self._execute(f"DETACH TABLE {table} SYNC")
            self._execute(f"ATTACH TABLE {table}")
        for part in merged:
            self._execute(
                f"ALTER TABLE {_table(part)} DROP DETACHED PART"
                f" {literal(f'broken-on-start_{part.name}', quoted=True)}"
                " SETTINGS allow_drop_detached = 1"
            )

    def _has_sources(self, part: _Part) -> bool:
        rows = self._rows(
            "SELECT 1 FROM system.parts WHERE NOT active"
            f" AND database = {literal(part.database, quoted=True)}"
            f" AND table = {literal(part.table, quoted=True)}"
            f" AND partition_id = {literal(part.partition_id, quoted=True)}"
            f" AND min_block_number >= {part.min_block} AND max_block_number <= {part.max_block}"
            " LIMIT 1"
        )
        return bool(rows)


def _table(part: _Part) -> str:
    return f"{quote(part.database)}.{quote(part.table)}"
