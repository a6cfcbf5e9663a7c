"""`root_path`: where the machine's root directory stands, for a Collector in a container.

psutil has one place for a whole process (`PROCFS_PATH`), so all receivers share one root, as
upstream. What a container shares with its machine anyway (the CPUs' frequencies, load averages)
is read as ever.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psutil

import belvedere.collector.own_process  # noqa: F401 - is to be made before PROCFS_PATH changes

_HERE: Final = "/proc"
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")

_users: set[str] = set()


class Mount(NamedTuple):
    """A mounted filesystem."""

    device: str
    mount_point: str
    """As the machine sees it."""
    path: str
    """As we see it."""
    type: str
    options: str


def look_from(root: Path | None, user: str) -> bool:
    """See the machine below `root`; `user` is to `look_away` later.

    Returns whether that is so: not while another user sees another machine.
    """
    processes = _HERE if root is None else str(root / "proc")
    others = _users - {user}
    if others and processes != psutil.PROCFS_PATH:
        return False
    psutil.PROCFS_PATH = processes
    _users.add(user)
    return True


def look_away(user: str) -> None:
    """See our own machine again, unless others do not."""
    _users.discard(user)
    if not _users:
        psutil.PROCFS_PATH = _HERE


def mounts(*, with_virtual: bool) -> Iterator[Mount]:
    """What is mounted; without a device only `with_virtual`.

    Raises:
        OSError: the machine does not tell.
    """
    processes = Path(psutil.PROCFS_PATH)
    if not psutil.LINUX or psutil.PROCFS_PATH == _HERE:
        for each in psutil.disk_partitions(all=with_virtual):
            yield Mount(each.device, each.mountpoint, each.mountpoint, each.fstype, each.opts)
        return
    known = (processes / "filesystems").read_text().splitlines()
    physical = {line.split()[-1] for line in known if not line.startswith("nodev")} | {"zfs"}
    # The first process is the machine's: its mounts are not those of this container.
    for line in (processes / "1/mounts").read_text(errors="surrogateescape").splitlines():
        device, mount_point, kind, options = map(_unescaped, line.split(" ")[:4])
        if with_virtual or kind in physical:
            path = os.path.join(processes.parent, mount_point.lstrip("/"))  # noqa: PTH118 - of text
            yield Mount(device, mount_point, path, kind, options)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
