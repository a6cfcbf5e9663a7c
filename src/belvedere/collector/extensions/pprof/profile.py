"""A CPU profile of all threads by sampling: which stacks run, and for how long."""

import contextlib
import sys
import threading
import time
from collections import defaultdict
from types import FrameType
from typing import Any, Final

_EVERY_S: Final = 0.02
_THREAD_CLOCK: Final = 6
"""CPUCLOCK_PERTHREAD and CPUCLOCK_SCHED of the kernel."""
_LEAST_S: Final = 0.001
"""Less than this, of threads that are not Python's, is what passes between two readings."""
_NATIVE: Final = "[native threads, without Python]"


class Profiler:
    """Samples from a thread of its own, between `start` and `stop`.

    On Linux a stack weighs the CPU time that its thread used since the last sample; elsewhere,
    where that cannot be had, the time that passed, waiting included.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[tuple[str, ...], float] = defaultdict(float)
        """Stacks, from the thread's name to the innermost function → seconds."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pprof", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End; safe when repeated."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def collapsed(self) -> str:
        """One stack a line, with its milliseconds: what flame graph programs read."""
        lines = (
            f"{';'.join(stack)} {max(1, round(seconds * 1000))}"
            for stack, seconds in sorted(self.seconds.items())
        )
        return "".join(f"{line}\n" for line in lines)

    def speedscope(self) -> dict[str, Any]:
        """The file format of speedscope.app: one profile a thread."""
        names = sorted({name for stack in self.seconds for name in stack[1:]})
        index = {name: number for number, name in enumerate(names)}
        profiles = []
        for thread in sorted({stack[0] for stack in self.seconds}):
            own = {stack: s for stack, s in sorted(self.seconds.items()) if stack[0] == thread}
            profiles.append(
                {
                    "type": "sampled",
                    "name": thread,
                    "unit": "seconds",
                    "startValue": 0,
                    "endValue": sum(own.values()),
                    "samples": [[index[name] for name in stack[1:]] for stack in own],
                    "weights": list(own.values()),
                }
            )
        return {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "shared": {"frames": [{"name": name} for name in names]},
            "profiles": profiles,
            "exporter": "belvedere",
        }

    def _run(self) -> None:
        before, before_s, total_s = _cpu_seconds(), time.monotonic(), time.process_time()
        while not self._stopping.wait(_EVERY_S):
            stacks, now, now_s = _stacks(), _cpu_seconds(), time.monotonic()
            used_s = {each: now[each] - before.get(each, 0.0) for each in now}
            for native_id, stack in stacks.items():
                own_s = used_s.get(native_id, 0.0) if now else now_s - before_s
                if own_s > 0 and native_id != threading.get_native_id():
                    self.seconds[stack] += own_s
            before, before_s = now, now_s
            if now:
                before_total_s, total_s = total_s, time.process_time()
                elsewhere_s = total_s - before_total_s - sum(used_s.values())
                if elsewhere_s >= _LEAST_S:
                    self.seconds[_NATIVE,] += elsewhere_s


def thread_stacks() -> str:
    """What every thread does now, the outermost function first."""
    return "\n\n".join("\n  ".join(stack) for stack in sorted(_stacks().values())) + "\n"


def _cpu_seconds() -> dict[int, float]:
    """CPU time of each Python thread by its native id; empty where it is not to be had.

    By the clocks that Linux has for threads (as pthread_getcpuclockid makes their numbers): to read
    /proc for each gives up Python's lock as often, which takes long beside a thread that computes.
    """
    if sys.platform != "linux":
        return {}
    seconds = {}
    for thread in threading.enumerate():
        if thread.native_id is not None:
            with contextlib.suppress(OSError):  # it has just ended
                seconds[thread.native_id] = time.clock_gettime(
                    ~thread.native_id << 3 | _THREAD_CLOCK
                )
    return seconds


def _stacks() -> dict[int, tuple[str, ...]]:
    """The stack of each Python thread by its native id: its name, then functions inwards."""
    frames = sys._current_frames()  # noqa: SLF001 - the documented way to all threads' stacks
    return {
        thread.native_id: (thread.name, *_functions(frames[thread.ident]))
        for thread in threading.enumerate()
        if thread.native_id is not None and thread.ident in frames
    }


def _functions(frame: FrameType | None) -> list[str]:
    functions = []
    while frame is not None:
        code = frame.f_code
        module = frame.f_globals.get("__name__", "?")
        functions.append(f"{module}.{code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    return functions[::-1]
