"""One batch to several consumers."""

import asyncio

import pytest
from collector_samples import Recorder, batch_of

from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.fan_out import fan_out
from belvedere.otlp.signal import Signal


def test_one_consumer_stands_for_itself() -> None:
    only = Recorder()
    assert fan_out([only]) is only


async def test_every_consumer_gets_a_batch_of_its_own() -> None:
    recorders = [Recorder(), Recorder()]
    batch = batch_of(Signal.TRACES)
    await fan_out(recorders).consume(batch)
    first, second = (recorder.batches[0] for recorder in recorders)
    assert first == second == batch
    first.project = "other"
    assert second.project == batch.project == "default"


@pytest.mark.parametrize(
    ("outcomes", "error", "after_s"),
    [
        pytest.param([Retryable("a", after_s=3), None], Retryable("a"), 3, id="one-retryable"),
        pytest.param([None, Permanent("a")], Permanent("a"), None, id="one-permanent"),
        pytest.param(
            [Retryable("a", after_s=3), Retryable("b", after_s=5), None],
            Retryable("a; b"),
            5,
            id="all-failures-retryable",
        ),
        pytest.param(
            [Retryable("a"), Retryable("a")], Retryable("a"), None, id="same-message-once"
        ),
        pytest.param(
            [Retryable("a", after_s=3), Permanent("b")], Permanent("a; b"), None, id="mixed"
        ),
    ],
)
async def test_one_failure_does_not_keep_the_batch_from_others(
    outcomes: list[ConsumeError | None], error: ConsumeError, after_s: float | None
) -> None:
    recorders = [Recorder(outcome) for outcome in outcomes]
    with pytest.raises(type(error)) as caught:
        await fan_out(recorders).consume(batch_of(Signal.LOGS, [1, 2]))
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "after_s", None) == after_s
    assert [recorder.numbers for recorder in recorders] == [[1, 2]] * len(recorders)


async def test_a_defect_shows_as_what_it_is() -> None:
    recorders = [Recorder(Retryable("a")), Recorder(ZeroDivisionError())]
    with pytest.raises(ZeroDivisionError):
        await fan_out(recorders).consume(batch_of(Signal.LOGS))


async def test_waits_for_the_slowest() -> None:
    slow, fast = Recorder(), Recorder()
    slow.gate.clear()
    task = asyncio.create_task(fan_out([slow, fast]).consume(batch_of(Signal.LOGS)))
    await slow.arrived.acquire()
    await fast.arrived.acquire()
    assert not task.done()
    slow.gate.set()
    await task
