"""A file for each value of a resource attribute: `group_by` of the exporter `file`."""

import contextlib
import errno
import os
import posixpath
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.exporters.file.rotating import RotatingFile
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS

log = structlog.get_logger(__name__)

_MAX_DEPTH: Final = 32
"""Directories that a value may name below those of the configuration."""
_FAULTS_OF_THE_VALUE: Final = frozenset(
    {
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ELOOP,
    }
)
"""Errors that opening the same name raises again; others, such as a full disk, may pass."""


class GroupByConfig(ComponentConfig):
    """`group_by` of the exporter `file`."""

    enabled: bool = Field(False, description="Whether there is a file for each value.")
    resource_attribute: str = Field(
        "fileexporter.path_segment",
        min_length=1,
        description="The resource attribute whose text replaces the * of path. Resources without"
        " it are dropped, and counted as failed.",
    )
    max_open_files: int = Field(
        100, ge=1, description="Files that are open at once; the least recently used are closed."
    )


class GroupedFiles:
    """Files below the fixed part of a path, each for the resources of one value.

    Not for several threads at once.
    """

    def __init__(
        self,
        path: Path,
        config: GroupByConfig,
        *,
        make: Callable[[Path, bool], RotatingFile],
        encode: Callable[[Batch], bytes],
        truncates: bool,
        directory_mode: int,
    ) -> None:
        """Open nothing yet.

        Args:
            path: with one `*`, which a value replaces.
            config: the attribute, and how many files are open.
            make: the file of a path, which is emptied when it is opened, or not.
            encode: the bytes of a batch.
            truncates: whether the first opening of a file empties it.
            directory_mode: permissions of the directories that are made.
        """
        self._prefix, self._suffix = str(path).split("*")
        self._config, self._make, self._encode = config, make, encode
        self._truncates, self._directory_mode = truncates, directory_mode
        self._begun: set[str] = set()
        """Paths that were opened: what is in them is this exporter's, and stays."""
        self._open: OrderedDict[str, RotatingFile] = OrderedDict()
        """The least recently used first."""
        self._has_warned = False

    def append(self, batch: Batch) -> int:
        """Write each group to its file: all of them, or none if that fails.

        Returns:
            The number of items that are dropped, as no file can be named after their resource.

        Raises:
            OSError: if a file cannot be written, and may be written later.
        """
        dropped = 0
        begun: list[tuple[str, int]] = []
        try:
            for path, group in self._groups(batch).items():
                file = self._file(path) if path else None
                if file is None:
                    dropped += group.items
                    continue
                begun.append((path, file.append(self._encode(group))))
        except OSError:
            for path, size_bytes in begun:
                with contextlib.suppress(OSError):
                    os.truncate(path, size_bytes)
            raise
        return dropped

    def sync(self) -> None:
        """Force what is written to the device.

        Raises:
            OSError: if that fails for one of the files; the others are forced all the same.
        """
        self._each(lambda file: file.sync())

    def close(self) -> None:
        """Sync and close all; safe when repeated.

        Raises:
            OSError: if that fails for one of the files; the others are closed all the same.
        """
        try:
            self._each(lambda file: file.close())
        finally:
            self._open.clear()

    def path_of(self, value: str) -> str:
        """Return the path of a value's file; empty if none can be named after it.

        The value is a relative path whose root is the fixed part of the configured path: `..`
        never leads out of it, and neither does a leading slash.
        """
        segment = posixpath.normpath(f"/{value}").lstrip("/")
        if "\0" in segment or segment.count("/") > _MAX_DEPTH:
            return ""
        return f"{self._prefix}{segment}{self._suffix}"

    def _groups(self, batch: Batch) -> dict[str, Batch]:
        """Return path → the resources that belong there, in order; those without one under ""."""
        resources = LEVELS[batch.signal].resources
        groups: dict[str, list[Any]] = {}
        for entry in getattr(batch.message, resources):
            groups.setdefault(self._path(entry.resource), []).append(entry)
        if len(groups) == 1:
            return dict.fromkeys(groups, batch)
        divided = {}
        for path, entries in groups.items():
            message = batch.signal.request_type()
            getattr(message, resources).extend(entries)
            divided[path] = Batch.of(
                batch.signal, message, project=batch.project, metadata=batch.metadata
            )
        return divided

    def _path(self, resource: Any) -> str:
        name = self._config.resource_attribute
        for attribute in resource.attributes:
            if attribute.key == name:
                if attribute.value.WhichOneof("value") != "string_value":
                    break
                path = self.path_of(attribute.value.string_value)
                if not path:
                    self._warn("the value is not a path", attribute.value.string_value)
                return path
        self._warn("the resource does not have it as a text")
        return ""

    def _file(self, path: str) -> RotatingFile | None:
        """Return the open file, made with its directories; None if it cannot have this name."""
        file = self._open.get(path)
        if file is not None:
            self._open.move_to_end(path)
            return file
        file = self._make(Path(path), self._truncates and path not in self._begun)
        while len(self._open) >= self._config.max_open_files:
            _, oldest = self._open.popitem(last=False)
            oldest.close()
        try:
            self._make_directory(file.path.parent)
            file.open()
        except OSError as error:
            if error.errno not in _FAULTS_OF_THE_VALUE:
                raise
            self._warn(f"no file has this name: {error.strerror}", path)
            return None
        file.truncates = False  # when it is opened again
        self._begun.add(path)
        self._open[path] = file
        return file

    def _make_directory(self, path: Path) -> None:
        missing = []
        while not path.exists():
            missing.append(path)
            path = path.parent
        for directory in reversed(missing):
            directory.mkdir(self._directory_mode, exist_ok=True)

    def _each(self, call: Callable[[RotatingFile], None]) -> None:
        failed = None
        for file in self._open.values():
            try:
                call(file)
            except OSError as error:
                failed = error
        if failed:
            raise failed

    def _warn(self, reason: str, value: str = "") -> None:
        """Log the first drop: a sender can cause any number, and they are counted."""
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "dropped_by_group_by",
                attribute=self._config.resource_attribute,
                reason=reason,
                value=value[:100],
                hint="further ones are counted in otelcol_exporter_send_failed_…, not logged",
            )
