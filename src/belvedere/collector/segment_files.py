"""The files of a durable queue: one file per segment, whose name is the segment's id.

    <id>.open            the segment that is being written
    <id>.otlp            a closed segment
    <first>_<last>.otlp  the segments from <first> to <last> of the same folder, joined
    <id>.part            a file that is being written anew; without meaning after a crash

Ids sort by age, and within a queue no two are equal, so the name of a joined segment says which
segments it replaces: those that are still there after a crash are deleted, not stored again.
"""

import errno
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

OPEN: Final = ".open"
CLOSED: Final = ".otlp"
PART: Final = ".part"

_ID: Final = re.compile(r"\d{20}-[0-9a-f]{16}")
_JOINED: Final = re.compile(rf"({_ID.pattern})_({_ID.pattern})")


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment, taken from the queue."""

    lane: str
    id: str
    """Unique for good; sorts by age."""
    path: Path
    size_bytes: int
    items: int | None
    """Items that were appended; None for a segment found after a crash."""
    joined: tuple[Path, ...] = ()
    """The files of the segments that this one replaces."""

    def read(self) -> bytes:
        """The serialized requests."""
        return self.path.read_bytes()


@dataclass(slots=True)
class OpenSegment:
    """The segment that a lane's appends go to."""

    id: str
    path: Path
    fd: int
    opened_s: float = field(default_factory=time.monotonic)
    size_bytes: int = 0
    """Bytes that were accepted; the file holds more after a failed write that could not be
    undone."""
    items: int = 0
    is_torn: bool = False
    """Whether the file has to be cut to `size_bytes` before anything else."""

    def write(self, parts: Sequence[bytes], *, sync: bool) -> None:
        """Append `parts`, all or none.

        Raises:
            OSError: nothing was appended. `ENOENT` if the file was deleted: what it held is lost.
        """
        self._cut()
        try:
            written = 0
            for part in parts:
                view = memoryview(part)
                while view:
                    count = os.write(self.fd, view)
                    view = view[count:]
                    written += count
            if sync:
                os.fdatasync(self.fd)
            if os.fstat(self.fd).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the segment's file was deleted")
        except OSError:
            self.is_torn = True
            self._cut()
            raise
        self.size_bytes += written

    def close(self, *, sync: bool) -> Path | None:
        """Close the file and give it its final name. None if nothing was accepted.

        Raises:
            OSError: the segment stays open. `FileNotFoundError` if the file was deleted.
        """
        self._cut()
        if sync:
            os.fdatasync(self.fd)
        path = None
        if self.size_bytes:
            path = self.path.rename(self.path.with_suffix(CLOSED))
        else:
            self.path.unlink()
        os.close(self.fd)
        return path

    def _cut(self) -> None:
        if self.is_torn:
            os.ftruncate(self.fd, self.size_bytes)
            self.is_torn = False


def open_segment(root: Path, lane: str, id_ns: int, *, sync: bool) -> OpenSegment:
    """Start a segment in the folder of `lane` below `root`, which must be there.

    Raises:
        OSError: the file cannot be made. `root` itself is never made: it may have been removed.
    """
    folder = root
    for name in Path(lane).parts:
        parent, folder = folder, folder / name
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        if sync:
            sync_directory(parent)
    segment_id = f"{id_ns:020d}-{secrets.token_hex(8)}"
    path = folder / f"{segment_id}{OPEN}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o640)
    if sync:
        sync_directory(folder)
    return OpenSegment(segment_id, path, fd)


def join(paths: Sequence[Path], *, sync: bool) -> Path:
    """Write the closed segments `paths`, oldest first, into one that replaces them.

    They must be all segments of their folder from the first to the last. Whether they could be
    deleted is not reported: the caller deletes them again before the joined segment.

    Raises:
        OSError: nothing has changed.
    """
    joined = paths[0].with_name(f"{paths[0].stem}_{paths[-1].stem}{CLOSED}")
    part = joined.with_suffix(PART)
    try:
        with part.open("wb") as file:
            for path in paths:
                file.write(path.read_bytes())
            file.flush()
            if sync:
                os.fdatasync(file.fileno())
        part.rename(joined)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if sync:
        sync_directory(joined.parent)
    return joined


def recover(root: Path, whole_bytes: Callable[[bytes], int]) -> list[Path]:
    """The closed segments below `root` after an earlier process, oldest first.

    A segment that was open is cut after its last whole field and closed. Files that were being
    written anew, and segments that a joined one replaces, are deleted.

    Raises:
        OSError: `root` cannot be read or written.
    """
    for part in root.rglob(f"*{PART}"):
        part.unlink()
    for joined in root.rglob(f"*{CLOSED}"):
        if found := _JOINED.fullmatch(joined.stem):
            for path in joined.parent.glob(f"*{CLOSED}"):
                if _ID.fullmatch(path.stem) and found[1] <= path.stem <= found[2]:
                    path.unlink()
    for path in root.rglob(f"*{OPEN}"):
        _close_recovered(path, whole_bytes)
    return sorted(root.rglob(f"*{CLOSED}"), key=lambda path: path.stem)


def _close_recovered(path: Path, how_much: Callable[[bytes], int]) -> None:
    """Cut a torn last field off a segment that a process left open, and close it."""
    data = path.read_bytes()
    whole_bytes = how_much(data)
    if whole_bytes < len(data):
        log.warning("queue_segment_cut", segment=path.name, cut_bytes=len(data) - whole_bytes)
        os.truncate(path, whole_bytes)
    if whole_bytes == 0:
        path.unlink()
    else:
        path.rename(path.with_suffix(CLOSED))


def sync_directory(directory: Path) -> None:
    """Force the names in `directory` to the device."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
