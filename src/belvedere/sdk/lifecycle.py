"""The ends of a process: exit, SIGTERM, and the workers of a process pool.

Telemetry is delivered before the process goes, in bounded time, and whatever would have happened
without us happens: the handler that was there is called, the default action kills.
"""

import atexit
import contextlib
import functools
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Final

from belvedere.sdk.telemetry import SHUTDOWN_TIMEOUT_S, Telemetry

_log = logging.getLogger("belvedere.sdk")

_CHAINED_TIMEOUT_S: Final = 1.0
"""Where the application handles SIGTERM itself: its own end flushes again."""


_live: Final[list[Telemetry]] = []
_previous: Any = None  # what signal.getsignal returned
_installed = False


def watch(telemetry: Telemetry) -> None:
    """Deliver `telemetry` when this process, or a fork of it, ends."""
    if not _live:
        atexit.register(_at_exit)
    _live.append(telemetry)
    _install()


def forget(telemetry: Telemetry) -> None:
    """`telemetry` was shut down: leave no trace of `watch`."""
    with contextlib.suppress(ValueError):
        _live.remove(telemetry)
    if not _live:
        atexit.unregister(_at_exit)
        _uninstall()


def _at_exit() -> None:
    for telemetry in _live:
        _end(telemetry)


def _end(telemetry: Telemetry) -> None:
    telemetry._end_with_the_process(SHUTDOWN_TIMEOUT_S)  # noqa: SLF001 - for this module alone


def _flush(timeout_s: float) -> None:
    for telemetry in _live:
        telemetry.force_flush(timeout_s)


def _install() -> None:
    global _previous, _installed
    if _installed or threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)
    if previous in {signal.SIG_IGN, None}:  # None: a handler that Python did not install
        return
    _previous, _installed = previous, True
    signal.signal(signal.SIGTERM, _on_sigterm)


def _uninstall() -> None:
    global _previous, _installed
    if not _installed or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, _previous)
    _previous, _installed = None, False


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    previous = _previous
    # In a thread: the code that the signal interrupted may hold a lock that a flush needs.
    timeout_s = _CHAINED_TIMEOUT_S if callable(previous) else SHUTDOWN_TIMEOUT_S
    flushing = threading.Thread(target=_flush, args=(timeout_s,), daemon=True)
    with contextlib.suppress(RuntimeError):  # the interpreter is ending
        flushing.start()
        flushing.join(timeout_s)
    if callable(previous):
        previous(number, frame)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _after_fork_in_child() -> None:
    """Workers of pools leave by os._exit, past atexit: have their pools call us."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        for telemetry in _live:
            # It forgets its parent's finalizers first, and then calls this.
            util.register_after_fork(
                telemetry, lambda each: util.Finalize(each, _end, (each,), exitpriority=0)
            )
    gunicorn: Any = sys.modules.get("gunicorn.workers.base")
    if gunicorn is not None:
        _install_again_in(gunicorn.Worker)
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_at_worker_exit, weak=False)


def _install_again_in(worker_class: Any) -> None:
    """Uvicorn's worker of gunicorn resets SIGTERM, and in the end leaves by it, past atexit.

    What it takes over at its start is what it restores then: have ours there. Only in this child.
    """
    load_wsgi = worker_class.load_wsgi  # called after the reset and before the start

    @functools.wraps(load_wsgi)
    def installed(worker: Any) -> Any:
        if _live and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            _uninstall()
            _install()
        return load_wsgi(worker)

    worker_class.load_wsgi = installed


def _at_worker_exit(**_: object) -> None:
    _at_exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
