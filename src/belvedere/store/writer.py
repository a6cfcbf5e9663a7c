"""Writing segments: inserted whole if possible, else in pieces, and what cannot be read is kept.

A segment holds the requests of many clients. When the database cannot read one, it is cut in
halves, and again, until what it cannot read stands alone. That goes into the folder `rejected`,
as it came; its neighbours are stored. Any other error is left to the caller, who tries again.
"""

from pathlib import Path
from typing import Final

import structlog
from google.protobuf.message import DecodeError

from belvedere import internal_telemetry as telemetry
from belvedere.otlp.batch import count_items
from belvedere.otlp.wire import halves
from belvedere.prometheus.points import count_points
from belvedere.store.database import Database
from belvedere.store.errors import InvalidData, StoreUnavailable
from belvedere.store.ingest import Door, insert
from belvedere.store.projects import Projects
from belvedere.store.rejected import RejectedFolder

log = structlog.get_logger(__name__)

SCHEMA_GONE: Final = frozenset({"UNKNOWN_DATABASE", "UNKNOWN_TABLE"})
"""ClickHouse's errors where somebody dropped the tables of a project."""


class SegmentWriter:
    """Writes segments to a store. Calls block, and may come from any thread."""

    def __init__(self, db: Database, projects: Projects, rejected: RejectedFolder) -> None:
        """A writer to `db`.

        Args:
            db: the store.
            projects: its projects, made when their first segment comes.
            rejected: where what the database cannot read is kept.
        """
        self._db = db
        self._projects = projects
        self._rejected = rejected

    def write(
        self,
        project: str,
        door: Door,
        segment_id: str,
        data: bytes | Path,
        items: int | None = None,
    ) -> None:
        """Store a segment; the same `segment_id` again adds nothing twice.

        Args:
            project: whose tables.
            door: what is in it.
            segment_id: unique for good.
            data: serialized requests, one after another, or the file that holds them.
            items: how many items are in it, where that is known without parsing.

        Raises:
            InvalidProject: there cannot be such a project.
            StoreUnavailable: try again later, with the same id.
            OSError: `data` cannot be read, or the folder for rejected data not be written.
        """
        self._projects.ensure(project)
        size_bytes = data.stat().st_size if isinstance(data, Path) else len(data)
        try:
            stored = self._write(project, door, segment_id, data, items)
        except StoreUnavailable as error:
            telemetry.STORE_INSERT_ERRORS.labels(project, door, error.code).inc()
            if error.code in SCHEMA_GONE:
                self._projects.forget(project)
            raise
        telemetry.STORE_FLUSHED[door.signal].labels(project).inc(stored)
        telemetry.STORE_FLUSHED_BYTES.labels(project, door).inc(size_bytes)

    def _write(
        self, project: str, door: Door, token: str, data: bytes | Path, items: int | None
    ) -> int:
        """Insert `data`, in pieces if need be. Returns the items inserted."""
        try:
            with telemetry.STORE_INSERT_DURATION.labels(door).time():
                insert(self._db, project, door, data, token=token)
        except InvalidData as error:
            content = data.read_bytes() if isinstance(data, Path) else data
            parts = halves(content)
            if parts is None:
                self._reject(project, door, token, content, error)
                return 0
            return sum(
                self._write(project, door, f"{token}.{number}", part, None)
                for number, part in enumerate(parts)
            )
        if items is None:
            return _count(door, data.read_bytes() if isinstance(data, Path) else data)
        return items

    def _reject(
        self, project: str, door: Door, token: str, data: bytes, error: InvalidData
    ) -> None:
        reason = str(error).splitlines()[0][:300]
        path = self._rejected.add(project, door, token, data, reason)
        items = _count(door, data)
        telemetry.STORE_DROPPED[door.signal].labels(project, "unreadable").inc(items)
        log.error(
            "data_rejected",
            project=project,
            data=door,
            items=items,
            kept_in=str(path),
            error=reason,
            hint="see `belvedere rejected`",
        )


def _count(door: Door, data: bytes) -> int:
    """Items in `data`; what cannot be parsed counts as one."""
    try:
        if door is Door.POINTS:
            return count_points(data)
        return count_items(door.signal.request_type.FromString(data))
    except DecodeError:
        return 1
