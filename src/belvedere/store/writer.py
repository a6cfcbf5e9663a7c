"""Writing segments: inserted whole if possible, else in pieces, and what cannot be read is kept.

A segment holds the requests of many clients. When the database cannot read one, it is cut in
halves, and again, until what it cannot read stands alone. That goes into the folder `rejected`,
as it came, for someone to look at; its neighbours are stored.
"""

from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from belvedere import internal_telemetry as telemetry
from belvedere.otlp.batch import count_items
from belvedere.otlp.signal import Signal
from belvedere.otlp.wire import halves
from belvedere.store.database import Database
from belvedere.store.errors import InvalidData
from belvedere.store.ingest import insert
from belvedere.store.projects import Projects

log = structlog.get_logger(__name__)


class SegmentWriter:
    """Writes segments to a store. Calls block, and may come from any thread."""

    def __init__(self, db: Database, projects: Projects, rejected: Path) -> None:
        """A writer to `db`.

        Args:
            db: the store.
            projects: its projects, made when their first segment comes.
            rejected: folder for what the database cannot read.
        """
        self._db = db
        self._projects = projects
        self._rejected = rejected

    def write(
        self, project: str, signal: Signal, segment_id: str, data: bytes, items: int | None = None
    ) -> None:
        """Store a segment; the same `segment_id` again adds nothing twice.

        Args:
            project: whose tables.
            signal: of the requests.
            segment_id: unique for good.
            data: serialized requests, one after another.
            items: how many items are in it, where that is known without parsing.

        Raises:
            InvalidProject: there cannot be such a project.
            StoreUnavailable: try again later, with the same id.
            OSError: the folder for rejected data cannot be written.
        """
        self._projects.ensure(project)
        stored = self._write(project, signal, segment_id, data, items)
        telemetry.STORE_FLUSHED[signal].labels(project).inc(stored)
        telemetry.STORE_FLUSHED_BYTES.labels(project, signal).inc(len(data))

    def _write(
        self, project: str, signal: Signal, token: str, data: bytes, items: int | None
    ) -> int:
        """Insert `data`, in pieces if need be. Returns the items inserted."""
        try:
            with telemetry.STORE_INSERT_DURATION.labels(signal).time():
                insert(self._db, project, signal, data, token=token)
        except InvalidData as error:
            parts = halves(data)
            if parts is None:
                self._reject(project, signal, token, data, error)
                return 0
            return sum(
                self._write(project, signal, f"{token}.{number}", part, None)
                for number, part in enumerate(parts)
            )
        return _count(signal, data) if items is None else items

    def _reject(
        self, project: str, signal: Signal, token: str, data: bytes, error: InvalidData
    ) -> None:
        path = self._rejected / project / signal / f"{token}.otlp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        items = _count(signal, data)
        telemetry.STORE_DROPPED[signal].labels(project, "unreadable").inc(items)
        log.error(
            "data_rejected",
            project=project,
            signal=signal,
            items=items,
            kept_in=str(path),
            error=str(error).splitlines()[0][:300],
        )


def _count(signal: Signal, data: bytes) -> int:
    """Items in `data`; what cannot be parsed counts as one."""
    try:
        return count_items(signal.request_type.FromString(data))
    except DecodeError:
        return 1
