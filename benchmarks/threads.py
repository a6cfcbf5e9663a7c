"""Where a process spends its CPU time: by name of thread, from /proc (Linux)."""

import os
import threading
from pathlib import Path
from typing import Final, Self

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_SAMPLE_S: Final = 0.25


class ThreadTimes:
    """CPU seconds of each thread of a process, while it is a context.

    Threads come and go: each is read several times a second, and what it last had counts.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._first = _read(pid)
        self._last = dict(self._first)
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._sampler.join()

    def by_name(self) -> dict[str, float]:
        """CPU seconds of all threads of a name, most first. `main` runs the event loop."""
        seconds: dict[str, float] = {}
        for thread, (own_name, cpu_s) in self._last.items():
            before_s = self._first.get(thread, ("", 0.0))[1]
            name = "main" if thread == self._pid else own_name
            seconds[name] = seconds.get(name, 0.0) + cpu_s - before_s
        return dict(sorted(seconds.items(), key=lambda item: -item[1]))

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self._last.update(_read(self._pid))
        self._last.update(_read(self._pid))


def _read(pid: int) -> dict[int, tuple[str, float]]:
    """Thread → its name, its CPU seconds."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            text = (task / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has just ended
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        found[int(task.name)] = (name, (int(fields[11]) + int(fields[12])) / _TICKS_PER_S)
    return found
