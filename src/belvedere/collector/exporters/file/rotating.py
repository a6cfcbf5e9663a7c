"""A file that batches are appended to, each whole or not at all, and that may rotate."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.exporters.file.encoding import repair

_STAMP = "%Y-%m-%dT%H-%M-%S"


class RotationConfig(ComponentConfig):
    """`rotation` of the exporter `file`."""

    max_megabytes: int = Field(
        100, ge=1, description="Size in MiB that a file does not exceed: then a new one is begun."
    )
    max_days: int = Field(0, ge=0, description="Days after which old files are deleted; 0: never.")
    max_backups: int = Field(
        100, ge=0, description="Old files that are kept, the newest; 0: all of them."
    )
    localtime: bool = Field(False, description="Local time in old files' names, rather than UTC.")


@dataclass(slots=True)
class RotatingFile:
    """Appends to `path`. Not for several threads at once."""

    path: Path
    lines: bool
    """Whether it is lines, or messages with their length."""
    truncates: bool
    """Whether `open` empties the file."""
    rotation: RotationConfig | None = None
    now_s: Callable[[], float] = time.time
    _descriptor: int = -1
    _size_bytes: int = 0
    _is_dirty: bool = False

    def open(self) -> None:
        """Open or make the file; what is there stays, unless it `truncates`.

        Raises:
            OSError: it cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if self.truncates else 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        size_bytes = os.fstat(self._descriptor).st_size
        self._size_bytes = repair(self._descriptor, size_bytes, lines=self.lines)

    def append(self, data: bytes) -> int:
        """Write `data` at the end; if that fails, the file is as it was.

        A file that would get too large is rotated first. What is larger than a file may be has a
        file of its own (upstream refuses it).

        Returns:
            Where in the file `data` begins.

        Raises:
            OSError: the disk is full, ...
        """
        self._look()
        rotation, after_bytes = self.rotation, self._size_bytes + len(data)
        if rotation and self._size_bytes and after_bytes > rotation.max_megabytes << 20:
            self._rotate(rotation)
        written, view = 0, memoryview(data)
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, view[written:], self._size_bytes + written)
        except OSError:
            os.ftruncate(self._descriptor, self._size_bytes)
            raise
        begin, self._size_bytes = self._size_bytes, self._size_bytes + len(data)
        self._is_dirty = True
        return begin

    def _look(self) -> None:
        """See what others (logrotate, ...) did: moved or deleted the file, or made it shorter."""
        if self._descriptor >= 0:
            own = os.fstat(self._descriptor)
            try:
                there = self.path.stat()
            except FileNotFoundError:
                there = None
            if there and (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                self._size_bytes = min(self._size_bytes, own.st_size)
                return
            self.close()
        self.open()

    def sync(self) -> None:
        """Force what is written to the device.

        Raises:
            OSError: that fails.
        """
        if self._is_dirty and self._descriptor >= 0:
            os.fsync(self._descriptor)
            self._is_dirty = False

    def close(self) -> None:
        """Sync and close; safe when repeated.

        Raises:
            OSError: what was written could not be forced to the device.
        """
        try:
            self.sync()
        finally:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _rotate(self, rotation: RotationConfig) -> None:
        self.close()
        moment = datetime.fromtimestamp(self.now_s(), UTC)
        while (backup := self._backup(moment, rotation)).exists():
            moment += timedelta(milliseconds=1)
        self.path.rename(backup)
        self.open()
        self._delete_old(moment, rotation)

    def _backup(self, moment: datetime, rotation: RotationConfig) -> Path:
        shown = moment.astimezone() if rotation.localtime else moment
        stamp = f"{shown.strftime(_STAMP)}.{shown.microsecond // 1000:03d}"
        return self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}")

    def _delete_old(self, now: datetime, rotation: RotationConfig) -> None:
        name = re.compile(
            re.escape(self.path.stem)
            + r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}"
            + re.escape(self.path.suffix)
        )
        backups = sorted(
            (file for file in self.path.parent.iterdir() if name.fullmatch(file.name)),
            reverse=True,
        )
        too_many = backups[rotation.max_backups :] if rotation.max_backups else []
        oldest = self._backup(now - timedelta(days=rotation.max_days), rotation)
        too_old = [file for file in backups if file < oldest] if rotation.max_days else []
        for file in {*too_many, *too_old}:
            file.unlink(missing_ok=True)
