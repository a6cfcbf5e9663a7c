"""The queue and its thread: each item once, in order, or counted as dropped."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from belvedere.sdk.export.outcome import Delivered, Outcome, Refused, Retry
from belvedere.sdk.export.worker import BatchWorker


class Sink:
    """Takes batches, and answers as it is told."""

    def __init__(self, *answers: Outcome) -> None:
        self.batches: list[list[int]] = []
        self.dropped = 0
        self.attempts = 0
        self.answers = list(answers)
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def __call__(self, batch: Sequence[int], _timeout_s: float) -> Outcome:
        self.attempts += 1
        self.entered.set()
        self.open.wait(10)
        answer = self.answers.pop(0) if self.answers else Delivered()
        if isinstance(answer, Delivered):
            self.batches.append(list(batch))
        return answer

    def drop(self, count: int) -> None:
        self.dropped += count

    @property
    def items(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


def make(
    sink: Sink, *, queue: int = 1000, batch: int = 10, delay_s: float = 60.0
) -> BatchWorker[int]:
    return BatchWorker(
        sink,
        dropped=sink.drop,
        ended=lambda: None,
        queue_size=queue,
        batch_size=batch,
        delay_s=delay_s,
        timeout_s=5.0,
        name="test",
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_nothing_runs_until_something_is_put() -> None:
    before = threading.active_count()
    worker = make(Sink())
    assert threading.active_count() == before
    assert worker.flush(1)
    assert worker.shutdown(1)


def test_a_full_batch_goes_at_once_and_the_rest_waits_for_a_flush() -> None:
    sink = Sink()
    worker = make(sink)
    for number in range(25):
        worker.put(number)
    wait_for(lambda: len(sink.items) >= 20)
    assert worker.flush(5)
    assert sink.items == list(range(25))
    assert all(len(batch) <= 10 for batch in sink.batches)
    assert worker.shutdown(5)


def test_a_small_batch_goes_after_the_delay() -> None:
    sink = Sink()
    worker = make(sink, delay_s=0.01)
    worker.put(1)
    wait_for(lambda: sink.items == [1])
    worker.shutdown(5)


def test_shutdown_delivers_all_and_what_comes_later_is_ignored() -> None:
    sink = Sink()
    worker = make(sink, batch=10)
    for number in range(7):
        worker.put(number)
    assert worker.shutdown(5)
    worker.put(8)
    assert worker.shutdown(5)
    assert sink.items == list(range(7))


def test_many_threads_lose_nothing_and_keep_their_order() -> None:
    sink = Sink()
    worker = make(sink, queue=100_000, batch=64)

    def produce(start: int) -> None:
        for number in range(2000):
            worker.put(start + number)

    threads = [threading.Thread(target=produce, args=(k * 10_000,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.shutdown(10)
    assert len(sink.items) == 8000
    for k in range(4):
        mine = [item for item in sink.items if item // 10_000 == k]
        assert mine == sorted(mine)
    assert sink.dropped == 0


def test_a_full_queue_drops_the_oldest_and_counts_them() -> None:
    sink = Sink()
    sink.open.clear()  # the receiver hangs with the first batch
    worker = make(sink, queue=20, batch=10)
    for number in range(10):
        worker.put(number)
    sink.entered.wait(10)
    for number in range(10, 40):
        worker.put(number)
    sink.open.set()
    assert worker.shutdown(5)
    assert sink.items == [*range(10), *range(20, 40)]
    assert sink.dropped == 10


def test_a_receiver_that_is_away_gets_the_same_batch_again() -> None:
    sink = Sink(Retry("away", after_s=0.01), Retry("away", after_s=0.01))
    worker = make(sink)
    for number in range(10):
        worker.put(number)
    wait_for(lambda: bool(sink.items))
    assert sink.items == list(range(10))
    assert sink.attempts == 3
    worker.shutdown(5)


def test_a_refused_batch_is_not_sent_again() -> None:
    sink = Sink(Refused("no"))
    worker = make(sink)
    worker.put(1)
    assert worker.flush(5)
    worker.put(2)
    assert worker.shutdown(5)
    assert sink.items == [2]


def test_flush_says_no_as_soon_as_an_attempt_fails_and_keeps_the_batch() -> None:
    sink = Sink(Retry("away", 60), Retry("away", 60))
    worker = make(sink)
    worker.put(1)
    assert not worker.flush(30)
    sink.answers.clear()
    assert worker.flush(30)
    assert sink.items == [1]
    worker.shutdown(5)


def test_shutdown_with_a_receiver_that_is_away_is_short_and_counts_what_is_lost() -> None:
    sink = Sink(*[Retry("away", 60)] * 100)
    worker = make(sink)
    for number in range(25):
        worker.put(number)
    sink.entered.wait(10)
    assert not worker.shutdown(30)
    assert sink.dropped == 25


def test_shutdown_leaves_a_receiver_that_hangs() -> None:
    sink = Sink()
    sink.open.clear()
    worker = make(sink)
    worker.put(1)
    assert not worker.shutdown(0.05)
    sink.open.set()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_sends_its_own_items_and_not_its_parents() -> None:
    sink = Sink()
    worker = make(sink)
    worker.put(1)  # not sent yet, and the parent's
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            worker.put(2)
            done = worker.flush(10)
            os.write(write, f"{done} {sink.items}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() == "True [2]"
    assert worker.shutdown(5)
    assert sink.items == [1]


@pytest.mark.parametrize(
    ("asked_s", "waits_s"),
    [(0.0, [0.1, 0.2, 0.4]), (7.0, [7, 7, 7]), (45.0, [45, 45, 45]), (1e6, [300, 300, 300])],
    ids=["without a pause", "briefly", "longer than we would", "for good"],
)
def test_a_receiver_that_asks_to_wait(asked_s: float, waits_s: list[float]) -> None:
    sink = Sink(*[Retry("busy", asked_s)] * 3)
    worker = make(sink, batch=1)
    waited: list[float] = []
    worker._hurry.wait = waited.append  # type: ignore[method-assign, assignment] # no time passes
    worker.put(1)
    wait_for(lambda: sink.items == [1])
    assert waited == waits_s
    worker.shutdown(10)


@pytest.mark.parametrize("started", [False, True], ids=["the first", "a later one"])
def test_put_may_interrupt_put(started: bool) -> None:  # noqa: FBT001 - a parameter
    """As when a signal handler or a finalizer logs while a log line is queued."""
    for moment in range(60):
        sink = Sink()
        worker = make(sink, batch=1)
        if started:
            worker.put(0)
            wait_for(lambda sink=sink: bool(sink.items))  # type: ignore[misc] # bound at once
        done = threading.Event()
        threading.Thread(target=interrupted, args=(worker, moment, done), daemon=True).start()
        assert done.wait(10), f"put waits for itself at moment {moment}"
        assert worker.shutdown(10)
        assert sorted(item for item in sink.items if item) in ([1, 3], [1, 2, 3])


def interrupted(worker: BatchWorker[int], moment: int, done: threading.Event) -> None:
    """Put 1 and 3, and 2 at the moment of the call or return of that number inside."""
    moments = iter(range(moment + 1))

    def interrupt(*_: object) -> None:
        if next(moments, None) == moment:
            worker.put(2)

    sys.setprofile(interrupt)
    worker.put(1)
    sys.setprofile(None)
    worker.put(3)
    done.set()
