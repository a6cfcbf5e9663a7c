"""`batch`: joined by size and time, acknowledged when accepted."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, events
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.processors import batch as module
from belvedere.collector.processors.batch import BatchConfig, BatchProcessor
from belvedere.otlp.signal import Signal

NEVER = "10h"


def processor(recorder: Recorder, **config: Any) -> BatchProcessor:
    return BatchProcessor(
        BatchConfig.model_validate({"timeout": NEVER, **config}), Host("batch"), recorder
    )


def traces(*numbers: int, **of: Any) -> Any:
    return batch_of(Signal.TRACES, numbers, **of)


async def settle(*calls: Awaitable[None]) -> list[BaseException | None]:
    return await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("signal", list(Signal))
async def test_sends_when_there_are_enough_items(signal: Signal) -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=4)
    await settle(*(batcher.consume(batch_of(signal, [n, n + 1])) for n in (1, 3)))
    assert [(batch.items, batch.signal) for batch in recorder.batches] == [(4, signal)]
    assert recorder.numbers == [1, 2, 3, 4]


async def test_sends_after_the_timeout() -> None:
    recorder = Recorder()
    await processor(recorder, timeout="1ms").consume(traces(1))
    assert recorder.numbers == [1]


@pytest.mark.parametrize("config", [{"timeout": "0s"}, {"send_batch_size": 0}], ids=str)
async def test_sends_at_once_without_timeout_or_size(config: dict[str, Any]) -> None:
    recorder = Recorder()
    batcher = processor(recorder, **config)
    await batcher.consume(traces(1))
    await batcher.consume(traces(2))
    assert len(recorder.batches) == 2


async def test_consume_returns_when_the_batch_was_accepted() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder, send_batch_size=2)
    calls = [asyncio.create_task(batcher.consume(traces(n))) for n in (1, 2)]
    await recorder.arrived.acquire()
    assert not any(call.done() for call in calls)
    recorder.gate.set()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("error", [Retryable("later", after_s=2), Permanent("no")], ids=repr)
async def test_an_error_reaches_every_caller(error: ConsumeError) -> None:
    batcher = processor(Recorder(error), send_batch_size=2)
    assert await settle(*(batcher.consume(traces(n)) for n in (1, 2))) == [error, error]
    await settle(*(batcher.consume(traces(n)) for n in (1, 2)))


async def test_a_caller_that_goes_away_takes_nothing_with_it() -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=2)
    first = asyncio.create_task(batcher.consume(traces(1)))
    await asyncio.sleep(0)
    first.cancel()
    await batcher.consume(traces(2))
    assert recorder.numbers == [1, 2]
    assert first.cancelled()


async def test_projects_and_metadata_stay_apart() -> None:
    recorder = Recorder()
    batcher = processor(recorder, metadata_keys=["X-Tenant"])
    parts = [
        traces(1, project="p"),
        traces(2, project="q"),
        traces(3, project="p", metadata={"x-tenant": ("a",), "authorization": ("secret",)}),
        traces(4, project="p", metadata={"x-tenant": ("a",), "user-agent": ("u",)}),
        traces(5, project="p", metadata={"x-tenant": ("a", "b")}),
    ]
    calls = [asyncio.create_task(batcher.consume(part)) for part in parts]
    await asyncio.sleep(0)
    await batcher.shutdown()
    await asyncio.gather(*calls)
    assert [(b.project, b.metadata, b.items) for b in recorder.batches] == [
        ("p", {"x-tenant": ()}, 1),
        ("q", {"x-tenant": ()}, 1),
        ("p", {"x-tenant": ("a",)}, 2),
        ("p", {"x-tenant": ("a", "b")}, 1),
    ]


async def test_too_many_combinations_of_metadata_are_refused_for_now() -> None:
    recorder = Recorder()
    batcher = processor(recorder, metadata_keys=["k"], metadata_cardinality_limit=2)
    waiting = [
        asyncio.create_task(batcher.consume(traces(n, metadata={"k": (str(n),)}))) for n in (1, 2)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Retryable, match="metadata_cardinality_limit"):
        await batcher.consume(traces(3, metadata={"k": ("3",)}))
    await batcher.shutdown()
    await asyncio.gather(*waiting)
    assert recorder.numbers == [1, 2]


async def test_a_batch_over_the_maximum_is_split() -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=3, send_batch_max_size=3)
    await batcher.consume(traces(*range(8)))
    assert [batch.items for batch in recorder.batches] == [3, 3, 2]


async def test_a_batch_that_would_go_over_the_maximum_starts_a_new_one() -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=4, send_batch_max_size=5)
    await settle(*(batcher.consume(traces(n, n + 1, n + 2)) for n in (1, 4, 7)), batcher.shutdown())
    assert [batch.items for batch in recorder.batches] == [3, 3, 3]


@pytest.mark.parametrize(
    ("outcomes", "error", "sent"),
    [
        pytest.param([Retryable("a")], Retryable, 1, id="retryable-ends-it"),
        pytest.param([Permanent("a")], Permanent, 3, id="permanent-does-not"),
        pytest.param([Permanent("a"), Retryable("b")], Retryable, 2, id="retryable-after-it-does"),
    ],
)
async def test_failures_of_pieces(
    outcomes: list[ConsumeError], error: type[ConsumeError], sent: int
) -> None:
    recorder = Recorder(*outcomes)
    batcher = processor(recorder, send_batch_size=1, send_batch_max_size=1)
    with pytest.raises(error):
        await batcher.consume(traces(1, 2, 3))
    assert len(recorder.batches) == sent


async def test_shutdown_sends_what_waits_then_refuses() -> None:
    recorder = Recorder()
    batcher = processor(recorder)
    waiting = asyncio.create_task(batcher.consume(traces(1)))
    await asyncio.sleep(0)
    await batcher.shutdown()
    await waiting
    assert recorder.numbers == [1]
    with pytest.raises(Retryable, match="shutting down"):
        await batcher.consume(traces(2))


async def test_shutdown_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FLUSH_S", 0.001)
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder)
    waiting = asyncio.create_task(batcher.consume(traces(1)))
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await batcher.shutdown()
    assert events(logs, "warning") == ["batches_not_accepted_before_stop"]
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"send_batch_max_size": 5, "send_batch_size": 6}, "must not be less than"),
        ({"metadata_keys": ["a", "A"]}, "twice"),
        ({"send_batch_size": -1}, "greater than or equal to 0"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BatchConfig.model_validate(config)


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 7), max_size=12),
    size=st.integers(0, 10),
    over=st.none() | st.integers(0, 5),
    signal=st.sampled_from(list(Signal)),
)
async def test_conserves_items(
    sizes: list[int], size: int, over: int | None, signal: Signal
) -> None:
    recorder = Recorder()
    maximum = 0 if over is None else max(1, size + over)
    batcher = processor(recorder, send_batch_size=size, send_batch_max_size=maximum)
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    calls = [
        asyncio.create_task(batcher.consume(batch_of(signal, range(start, start + count))))
        for start, count in zip(starts, sizes, strict=True)
    ]
    await asyncio.sleep(0)
    await batcher.shutdown()
    await asyncio.gather(*calls)
    assert sorted(recorder.numbers) == list(range(sum(sizes)))
    assert sum(batch.items for batch in recorder.batches) == sum(sizes)
    assert not maximum or all(batch.items <= maximum for batch in recorder.batches)
