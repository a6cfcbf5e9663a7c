"""How much memory this process may use: the machine's, or less in a container."""

from pathlib import Path

import psutil

_V2, _V1 = "memory.max", "memory.limit_in_bytes"


def total_memory_bytes(root: Path = Path("/")) -> int:
    """The machine's memory, or the least limit of the control groups around this process.

    Reads version 2 (`memory.max`) and version 1 (`memory.limit_in_bytes`) of Linux's control
    groups below `root`; elsewhere there are none.
    """
    limits = [
        int(text)
        for directory, name in _groups(root)
        if (text := _read(directory / name)).isdigit() and int(text) > 0
    ]
    return min([psutil.virtual_memory().total, *limits])


def _groups(root: Path) -> list[tuple[Path, str]]:
    """Directories of the process's memory groups and of those around them, with the file's name."""
    base = root / "sys/fs/cgroup"
    found = [(base, _V2), (base / "memory", _V1)]
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = base, _V2
        elif "memory" in controllers.split(","):
            top, name = base / "memory", _V1
        else:
            continue
        inner = Path(path.lstrip("/"))
        found += [(top / part, name) for part in (inner, *inner.parents)]
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
