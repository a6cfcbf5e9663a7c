"""The files that a receiver follows, known again by their first bytes.

A file is the same as before if it has the same inode and still begins as it did; or else, if it
begins as one did that is not there any more: that one was renamed, or copied and truncated. What
begins as another file that is there, and has no more than it, is a copy in the making and is not
read. A file that is shorter than what was read of it was truncated: it is a new one.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import structlog

from belvedere.collector.receivers.filelog.config import FileLogConfig
from belvedere.collector.receivers.filelog.globs import matching

log = structlog.get_logger(__name__)

_LINGER_S: Final = 5.0
"""How long a file is followed that has no name which matches, after it last grew."""

_REMEMBERED: Final = 10_000
"""Files that are remembered without being open."""
_REMEMBERED_OF_ONE: Final = 10
"""Earlier contents of a file, which is truncated again and again, that are."""


@dataclass(slots=True)
class FileState:
    """What is known of a file, also across restarts."""

    path: str
    fingerprint: bytes
    """Its first bytes."""
    offset: int = 0
    """Up to where it was read."""
    device: int = 0
    inode: int = 0
    records: int = 0
    """Records read of it."""


@dataclass(slots=True)
class OpenFile:
    """A file that is followed."""

    state: FileState
    descriptor: int
    attributes: dict[str, str] = field(default_factory=dict)
    """`log.file.*` of its records."""
    rest_bytes: int = 0
    """Bytes after the offset, when it was last read."""
    grown_s: float = 0.0
    """When there was last something new, on the monotonic clock."""
    is_named: bool = True
    """Whether a path that matches leads to it."""
    size_bytes: int = 0
    """When it was last looked at."""

    @property
    def may_have_more(self) -> bool:
        """Whether there is something to be read. What has no name is not looked at."""
        return not self.is_named or self.size_bytes != self.state.offset


class Files:
    """Finds files. Not for several threads at once."""

    def __init__(self, config: FileLogConfig, now_s: Callable[[], float] = time.monotonic) -> None:
        self._config, self._now_s = config, now_s
        self._open: dict[tuple[int, int], OpenFile] = {}
        self._remembered: dict[tuple[int, int], list[FileState]] = {}
        """By device and inode, the latest last."""
        self._from_beginning = config.start_at == "beginning"
        self._unreadable: set[str] = set()
        self._next = ""

    def restore(self, states: list[FileState]) -> None:
        """Take up what was known before a restart."""
        for state in states:
            self._remember(state)
        self._from_beginning = self._from_beginning or bool(states)

    def states(self) -> list[FileState]:
        """All that is known, to be restored later."""
        remembered = chain.from_iterable(self._remembered.values())
        return [*remembered, *(file.state for file in self._open.values())]

    def find(self) -> list[OpenFile]:
        """The files with something to be read, of those that match, or did until lately."""
        for file in self._open.values():
            file.is_named = False
        waiting: list[tuple[str, int, bytes]] = []
        paths = list(matching(self._config.include, self._config.exclude))
        if self._next in paths:  # there was no room for it the last time
            at = paths.index(self._next)
            paths = [*paths[at:], *paths[:at]]
        self._next = ""
        for path in paths:
            try:
                self._take(path, waiting)
            except OSError as error:
                if path not in self._unreadable:
                    self._unreadable.add(path)
                    log.warning("file_not_readable", path=_text(path), error=error.strerror)
        for file in self._open.values():
            if not file.is_named:  # it may have been copied, and truncated, before it was renamed
                with contextlib.suppress(OSError):  # removed on a server of files: it is let go
                    self._know_again(file, os.fstat(file.descriptor).st_size)
        for path, descriptor, fingerprint in waiting:
            self._begin(path, descriptor, fingerprint)
        self._from_beginning = True
        self._forget_unnamed()
        return [file for file in self._open.values() if file.may_have_more]

    def __len__(self) -> int:
        """How many files are open."""
        return len(self._open)

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            os.close(file.descriptor)
        self._open.clear()

    def _take(self, path: str, waiting: list[tuple[str, int, bytes]]) -> None:
        """Recognise an open file, or open it; `waiting` takes those that may be others' copies."""
        status = os.stat(path)  # noqa: PTH116 - thousands of them, five times a second
        file = self._open.get((status.st_dev, status.st_ino))
        if file is not None:
            if not file.is_named:
                self._see_again(file, path, status.st_size)
            return
        too_old = self._config.exclude_older_than
        if not status.st_size or (too_old and time.time() - status.st_mtime > too_old):
            return
        if not self._has_room(len(waiting)):
            self._next = self._next or path
            return
        descriptor = os.open(path, os.O_RDONLY)
        self._unreadable.discard(path)
        waiting.append((path, descriptor, self._fingerprint(descriptor)))

    def _see_again(self, file: OpenFile, path: str, size_bytes: int) -> None:
        self._know_again(file, size_bytes)
        if file.state.path != _text(path) or not file.attributes:
            file.state.path = _text(path)
            file.attributes = _attributes(path, file.descriptor, self._config)
        file.is_named, file.size_bytes = True, size_bytes

    def _know_again(self, file: OpenFile, size_bytes: int) -> None:
        """See what an open file begins with now; truncated, it is a new one."""
        fingerprint, state = self._fingerprint(file.descriptor), file.state
        if size_bytes < state.offset or not fingerprint.startswith(state.fingerprint):
            self._remember(state)
            state = FileState(state.path, fingerprint, 0, state.device, state.inode)
            file.state, file.rest_bytes = state, 0
        state.fingerprint = fingerprint

    def _begin(self, path: str, descriptor: int, fingerprint: bytes) -> None:
        status = os.fstat(descriptor)
        if not self._fingerprint(descriptor).startswith(fingerprint):
            os.close(descriptor)  # truncated since it was found, so its size says nothing
            return
        key = (status.st_dev, status.st_ino)
        state = self._recognised(key, fingerprint, status.st_size)
        if key in self._open or (state is None and self._is_copy(fingerprint)):
            os.close(descriptor)
            return
        if state is None:
            offset = 0 if self._from_beginning else status.st_size
            state = FileState(_text(path), fingerprint, offset)
        state.path, state.fingerprint = _text(path), fingerprint
        state.device, state.inode = key
        attributes = _attributes(path, descriptor, self._config)
        self._open[key] = OpenFile(
            state, descriptor, attributes, grown_s=self._now_s(), size_bytes=status.st_size
        )

    def _recognised(
        self, key: tuple[int, int], fingerprint: bytes, size_bytes: int
    ) -> FileState | None:
        """The remembered file that this is, which is not remembered any more then."""
        own = self._remembered.get(key, [])
        for states in (own, chain.from_iterable(self._remembered.values())):
            same = [
                state
                for state in states
                if fingerprint.startswith(state.fingerprint) and state.offset <= size_bytes
            ]
            if same:
                best = max(same, key=lambda state: (len(state.fingerprint), state.offset))
                self._forget(best)
                return best
        return None

    def _is_copy(self, fingerprint: bytes) -> bool:
        return any(file.state.fingerprint.startswith(fingerprint) for file in self._open.values())

    def _fingerprint(self, descriptor: int) -> bytes:
        return os.pread(descriptor, self._config.fingerprint_size, 0)

    def _forget_unnamed(self) -> None:
        for key, file in list(self._open.items()):
            if not file.is_named and self._now_s() - file.grown_s > _LINGER_S:
                self._stop_following(key)

    def _has_room(self, waiting: int) -> bool:
        """Whether one more may be open, if need be instead of the one that is read and rests."""
        if len(self._open) + waiting < self._config.max_concurrent_files:
            return True
        resting = [item for item in self._open.items() if not item[1].rest_bytes]
        if not resting:
            return False
        key, _ = min(resting, key=lambda item: item[1].grown_s)
        self._stop_following(key)
        return True

    def _stop_following(self, key: tuple[int, int]) -> None:
        file = self._open.pop(key)
        os.close(file.descriptor)
        self._remember(file.state)

    def _remember(self, state: FileState) -> None:
        if not state.fingerprint:
            return
        key = (state.device, state.inode)
        states = self._remembered.pop(key, [])
        self._remembered[key] = [*states, state][-_REMEMBERED_OF_ONE:]
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _forget(self, state: FileState) -> None:
        key = (state.device, state.inode)
        others = [each for each in self._remembered.pop(key) if each is not state]
        if others:
            self._remembered[key] = others


def _attributes(path: str, descriptor: int, config: FileLogConfig) -> dict[str, str]:
    return {
        name: _text(text)
        for key, name, read in _ATTRIBUTES
        if getattr(config, key) and (text := read(path, descriptor))
    }


def _text(path: str) -> str:
    """A path as it may be shown and sent: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode(errors="replace")


def _owner(_path: str, descriptor: int) -> str:
    import pwd  # noqa: PLC0415 - there is none on Windows

    try:
        return pwd.getpwuid(os.fstat(descriptor).st_uid).pw_name
    except KeyError:
        return ""


def _group(_path: str, descriptor: int) -> str:
    import grp  # noqa: PLC0415 - there is none on Windows

    try:
        return grp.getgrgid(os.fstat(descriptor).st_gid).gr_name
    except KeyError:
        return ""


_ATTRIBUTES: Final[tuple[tuple[str, str, Callable[[str, int], str]], ...]] = (
    ("include_file_name", "log.file.name", lambda path, _: os.path.basename(path)),  # noqa: PTH119 - of text
    ("include_file_path", "log.file.path", lambda path, _: path),
    (
        "include_file_name_resolved",
        "log.file.name_resolved",
        lambda path, _: os.path.basename(os.path.realpath(path)),  # noqa: PTH119 - of text
    ),
    (
        "include_file_path_resolved",
        "log.file.path_resolved",
        lambda path, _: os.path.realpath(path),
    ),
    ("include_file_owner_name", "log.file.owner.name", _owner),
    ("include_file_owner_group_name", "log.file.owner.group.name", _group),
)
