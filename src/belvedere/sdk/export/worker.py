"""A queue and the thread that empties it in batches.

What the application's threads pay is one append to a deque, which needs no lock. The thread is
started by the first item, so that a process that forks before it has sent anything (gunicorn with
preloading, celery) forks without one, and a child starts its own.
"""

import contextlib
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from belvedere.sdk.export.outcome import Outcome, Retry

Item = TypeVar("Item")

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_ASKED_S: Final = 300.0
"""What a receiver may ask for."""
_GRACE_S: Final = 0.1
"""What the last attempt at shutdown gets at least."""


class BatchWorker(Generic[Item]):
    """Delivers items in batches, in order, one request at a time.

    An item is delivered once or counted as dropped: the oldest when the queue is full, a batch
    when the receiver refuses it for good, all that is left when shutdown runs out of time. While
    the receiver cannot be reached a batch is kept and tried again, with growing pauses.

    Args:
        deliver: makes one attempt, within the seconds given. Must not raise.
        dropped: told how many items were dropped since it was last told, from the worker's thread.
        ended: called by the worker's thread as its last act.
        queue_size: items kept at most.
        batch_size: items in a request at most, and how many make it go at once.
        delay_s: how long a smaller batch waits.
        timeout_s: one attempt's time.
        name: of the thread.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[Item], float], Outcome],
        *,
        dropped: Callable[[int], None],
        ended: Callable[[], None],
        queue_size: int,
        batch_size: int,
        delay_s: float,
        timeout_s: float,
        name: str,
    ) -> None:
        self._deliver = deliver
        self._dropped = dropped
        self._ended = ended
        self._queue_size = queue_size
        self._batch_size = batch_size
        self._delay_s = delay_s
        self._timeout_s = timeout_s
        self._name = name
        self._stopped = False
        self._reset()
        _workers.add(self)

    def _reset(self) -> None:
        """Begin anew, as after a fork: what is queued is the parent's to deliver."""
        self._queue: deque[Item] = deque()
        self._batch: list[Item] = []
        self._overflowed = 0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._changed = threading.Condition(threading.Lock())
        # A lock that whoever wants the worker releases: to do so takes no other lock, so that `put`
        # may come from a signal handler or a finalizer that interrupts another `put`.
        self._wake = threading.Lock()
        self._wake.acquire()
        self._hurry = threading.Event()  # ends a pause between attempts
        self._flushes_wanted = 0
        self._flushes_done = 0
        self._flushed_all = True
        self._deadline = float("inf")

    def put(self, item: Item) -> None:
        """Queue `item`. Never blocks and never raises; after shutdown the item is ignored."""
        if self._stopped:
            return
        queue = self._queue
        queue.append(item)
        waiting = len(queue)
        if waiting >= self._batch_size:
            if waiting > self._queue_size:
                with contextlib.suppress(IndexError):  # the worker was quicker
                    queue.popleft()
                    self._overflowed += 1
            if self._wake.locked():
                self._wake_up()
        if self._thread is None:
            self._start()

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is queued now.

        Returns:
            Whether it was delivered within the time; False as soon as an attempt fails.
        """
        deadline = time.monotonic() + timeout_s
        self._await_start(timeout_s)
        if self._thread is None:
            return not self._queue
        with self._changed:
            self._flushes_wanted += 1
            mine = self._flushes_wanted
            self._hurry.set()
            self._wake_up()
            while self._flushes_done < mine:
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._changed.wait(left)
            return self._flushed_all

    def shutdown(self, timeout_s: float) -> bool:
        """Deliver what is queued and end the thread, within the time. Repeated: does nothing.

        Returns:
            Whether everything was delivered.
        """
        if self._stopped:
            return True
        self._deadline = time.monotonic() + timeout_s
        self._stopped = True
        self._hurry.set()
        self._wake_up()
        self._await_start(timeout_s)
        if self._thread is not None:
            self._thread.join(timeout_s + _GRACE_S)
        left = len(self._batch) + len(self._queue)
        if self._thread is None or not self._thread.is_alive():
            if left:
                self._dropped(left)
            return not left
        return False  # the attempt that is under way may still succeed

    def _wake_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # somebody else was quicker
            self._wake.release()

    def _await_start(self, timeout_s: float) -> None:
        """Wait for who starts the thread just now."""
        if self._thread is None and self._starting.acquire(timeout=timeout_s):
            self._starting.release()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):  # another thread does, or this one, below us
            return
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                with contextlib.suppress(RuntimeError):  # the interpreter is ending
                    thread.start()
                    self._thread = thread
        finally:
            self._starting.release()

    def _run(self) -> None:
        # Sending is no work of the application's: instrumented clients make no spans of it.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        while not self._stopped:
            full = self._wake.acquire(timeout=min(self._delay_s, threading.TIMEOUT_MAX))
            wanted = self._flushes_wanted
            hurried = wanted > self._flushes_done
            if hurried:
                self._hurry.set()
            delivered = self._drain(whole=hurried or not full)
            if hurried:
                self._hurry.clear()
            self._answer(wanted, delivered=delivered)
        self._hurry.set()
        self._drain(whole=True)
        self._answer(self._flushes_wanted, delivered=not self._queue and not self._batch)
        self._ended()

    def _answer(self, wanted: int, *, delivered: bool) -> None:
        if wanted > self._flushes_done:
            with self._changed:
                self._flushes_done, self._flushed_all = wanted, delivered
                self._changed.notify_all()

    def _drain(self, *, whole: bool) -> bool:
        """Deliver batches, also small ones if `whole`; False if a flush met a failure."""
        queue, batch = self._queue, self._batch
        # What is put meanwhile waits for its own turn, or a flush might never end.
        rounds = len(queue) // self._batch_size + 1
        while batch or (rounds and queue and (whole or len(queue) >= self._batch_size)):
            if not batch:
                rounds -= 1
                with contextlib.suppress(IndexError):  # `put` made room in a full queue
                    for _ in range(min(self._batch_size, len(queue))):
                        batch.append(queue.popleft())
            self._report_overflow()
            if not self._try(batch):
                return False
        return True

    def _try(self, batch: list[Item]) -> bool:
        """Deliver `batch`, or drop it; False if it had to be kept."""
        pause_s = _FIRST_PAUSE_S
        while True:
            left_s = self._deadline - time.monotonic()
            outcome = self._deliver(batch, max(_GRACE_S, min(self._timeout_s, left_s)))
            if not isinstance(outcome, Retry):
                batch.clear()
                return True
            if self._hurry.is_set() or self._stopped:
                return False
            self._report_overflow()
            if outcome.after_s is None:
                wait_s = pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter is no secret
            else:  # at its word, but neither for good nor without a pause
                wait_s = min(max(outcome.after_s, pause_s / 10), _LONGEST_ASKED_S)
            self._hurry.wait(wait_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _report_overflow(self) -> None:
        if self._overflowed:
            count, self._overflowed = self._overflowed, 0
            self._dropped(count)


_workers: Final["WeakSet[BatchWorker[Any]]"] = WeakSet()


def _after_fork_in_child() -> None:
    for worker in list(_workers):
        worker._reset()  # noqa: SLF001 - this module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
