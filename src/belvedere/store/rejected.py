"""What the store could not read, kept as it came: a folder of files, to look at and to replay."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from belvedere.store.ingest import Door

_DATA: Final = ".otlp"
_ERROR: Final = ".error"
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Requests that the store rejected together."""

    project: str
    data: Door
    id: str
    """Unique; the deduplication token of its next insert."""
    path: Path
    size_bytes: int
    rejected_at_s: float
    """Unix time."""
    error: str
    """First line of what ClickHouse answered; empty if it was not kept."""


class RejectedFolder:
    """`<folder>/<project>/<traces|metrics|logs|points>/<id>.otlp`, the reason beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, project: str, data: Door, id: str, content: bytes, error: str) -> Path:  # noqa: A002 - the segment's id
        """Keep `content`. When this returns, it is on the device.

        Returns:
            The file.

        Raises:
            OSError: it cannot be written; nothing was kept.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True, parents=True)
        path = self.folder / project / data / f"{id}{_DATA}"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(_PART)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _reason(path).write_text(error, encoding="utf-8")
        part.replace(path)
        return path

    def entries(self, project: str | None = None) -> list[Rejected]:
        """What was rejected, oldest first; of one project, or of all.

        Raises:
            OSError: the folder cannot be read.
        """
        found = []
        for path in self.folder.glob(f"{project or '*'}/*/*{_DATA}"):
            status = path.stat()
            reason = _reason(path)
            found.append(
                Rejected(
                    project=path.parent.parent.name,
                    data=Door(path.parent.name),
                    id=path.stem,
                    path=path,
                    size_bytes=status.st_size,
                    rejected_at_s=status.st_mtime,
                    error=reason.read_text(encoding="utf-8") if reason.exists() else "",
                )
            )
        return sorted(found, key=lambda entry: (entry.rejected_at_s, entry.id))

    def forget(self, entry: Rejected) -> None:
        """Its file was moved: remove the reason, too.

        Raises:
            OSError: it cannot be removed.
        """
        _reason(entry.path).unlink(missing_ok=True)


def _reason(path: Path) -> Path:
    return path.with_suffix(_ERROR)
