"""One `/metrics` for all the processes of a pre-fork server (gunicorn's workers).

Each process writes what it counted into a file of the directory `PROMETHEUS_MULTIPROC_DIR`, at
most `SNAPSHOT_INTERVAL_S` old, and whoever is asked adds up the files. prometheus_client's own
multi-process mode cannot do that: it keeps the values of its own metric classes, not the SDK's.

    belvedere-{process}.json    what a process counted since it began (a fork begins a process)
    belvedere-{process}.lock    held by it while it lives; the kernel lets go of it, also at SIGKILL
    belvedere-ended.json        the sums of processes that have ended
    belvedere.lock              held while files are added up or folded into the sums

Counters and histograms are summed over all processes, ended ones included, so that they never
fall when a worker is replaced. Up-down counters are summed over living processes. Gauges, which
have no sum, are shown for each living process with the label `pid`. Empty the directory before
the server starts if its counters are to begin at zero.
"""

import contextlib
import fcntl
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from opentelemetry.util.types import AnyValue

from belvedere.sdk.metrics.rows import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Identity,
    Rows,
    add,
    dump,
    load,
    subtract,
    with_attribute,
)

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus_client, and of everyone who runs it under gunicorn."""

SNAPSHOT_INTERVAL_S: Final = 1.0

_log: Final = logging.getLogger(__name__)
_ENDED: Final = "belvedere-ended.json"
_LASTING: Final = frozenset({COUNTER, HISTOGRAM})


class Counted(NamedTuple):
    """What a process, or all of them, counted."""

    rows: Rows
    resource: Mapping[str, AnyValue]
    """What the processes have in common; empty where nothing was counted."""


class Member:
    """This process among those that share a directory.

    Args:
        directory: Made if it is not there.
        collect: What this process counted, and what it had inherited when it was forked. Called
            on a thread of its own as well.

    Raises:
        OSError: The directory cannot be made or written to.
    """

    def __init__(self, directory: Path, collect: Callable[[], Counted]) -> None:
        self._directory = directory
        self._collect = collect
        self._at_fork: Rows = {}
        self._warned = False
        self._written = ""
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        directory.mkdir(parents=True, exist_ok=True)
        self._begin({})

    def before_fork(self) -> None:
        """Remember what the parent had counted: that is not the child's."""
        self._at_fork = self._collect().rows

    def after_fork_in_child(self) -> None:
        """Be a process of its own."""
        os.close(self._lock_fd)
        self._begin(self._at_fork)

    def write(self) -> None:
        """Write this process's file, if it has something new to say.

        Raises:
            OSError: It cannot be written.
        """
        rows, resource = self._collect()
        own = dump(subtract(rows, self._baseline))
        content = json.dumps({"pid": os.getpid(), "rows": own, "resource": dict(resource)})
        with self._writing:
            if content != self._written:
                _replace(self._path, content)
                self._written = content

    def of_all(self, own: Counted) -> Counted:
        """What all processes counted: this one `own`, the others what they last wrote.

        Args:
            own: As `collect` has it.

        Raises:
            OSError: The directory cannot be read or written to.
        """
        total: Rows = {}
        resource = own.resource
        _add_process(total, subtract(own.rows, self._baseline), os.getpid())
        with self._merging():
            add(total, self._fold())
            for path in self._others():
                written = _read(path)
                _add_process(total, load(written["rows"]), written["pid"])
                resource = resource or written["resource"]
        return Counted(total, resource)

    def close(self) -> None:
        """Write the last file and leave: what was counted stays counted. May be repeated."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        try:
            self.write()
        except Exception:  # noqa: BLE001 - the application is ending, or was told so already
            self._warn()
        os.close(self._lock_fd)

    def _begin(self, baseline: Rows) -> None:
        self._baseline = baseline
        self._written = ""
        self._writing = threading.Lock()
        name = f"belvedere-{os.getpid()}-{secrets.token_hex(4)}.json"
        self._path: Path = self._directory / name
        self._lock_fd = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o644)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        self._stopped = threading.Event()
        threading.Thread(
            target=self._write_on, args=(self._stopped,), name="belvedere-metrics", daemon=True
        ).start()

    def _write_on(self, stopped: threading.Event) -> None:
        while not stopped.wait(SNAPSHOT_INTERVAL_S):
            try:
                self.write()
            except Exception:  # noqa: BLE001 - the next attempt may do: a full disk passes
                self._warn()

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "Could not write %s: /metrics of other processes lacks what this one (%d) counts "
                "until it works again (said once)",
                self._path,
                os.getpid(),
                exc_info=True,
            )

    @contextlib.contextmanager
    def _merging(self) -> Iterator[None]:
        with (self._directory / "belvedere.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _others(self) -> list[Path]:
        files = self._directory.glob("belvedere-*-*.json")
        return sorted(path for path in files if path != self._path)

    def _fold(self) -> Rows:
        """Add the files of ended processes to the sums, once, and remove them.

        A fold that was cut off after the sums were written is finished: they name the files that
        are in them.
        """
        path = self._directory / _ENDED
        sums = _read(path)
        ended = load(sums["rows"])
        gone = [other for other in self._others() if _has_ended(other)]
        fresh = [other for other in gone if other.name not in sums["folded"]]
        for other in fresh:
            counted = load(_read(other)["rows"])
            add(ended, {key: row for key, row in counted.items() if key.kind in _LASTING})
        if fresh:
            folded = [other.name for other in gone]
            _replace(path, json.dumps({"rows": dump(ended), "folded": folded}))
        for other in gone:
            other.unlink()
            other.with_suffix(".lock").unlink(missing_ok=True)
        return ended


def _add_process(total: Rows, rows: Rows, pid: int) -> None:
    def named(identity: Identity) -> Identity:
        return with_attribute(identity, "pid", str(pid)) if identity.kind == GAUGE else identity

    add(total, {named(identity): values for identity, values in rows.items()})


def _read(path: Path) -> dict[str, Any]:
    """A file of a process or of the sums; empty if it is not there, or is none of ours."""
    content: dict[str, Any] = {"pid": 0, "rows": [], "resource": {}, "folded": []}
    try:
        content.update(json.loads(path.read_bytes()))
    except FileNotFoundError:
        pass
    except ValueError:
        _log.warning("%s is damaged: what it counted is lost. It may be removed.", path)
    return content


def _has_ended(path: Path) -> bool:
    try:
        fd = os.open(path.with_suffix(".lock"), os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(fd)


def _replace(path: Path, content: str) -> None:
    """Write a file that is seen whole or not at all."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(content)
    temporary.replace(path)
