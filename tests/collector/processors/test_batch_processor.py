"""`batch`: acknowledged when held or when a durable exporter has it; joined by size and time."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, events, until
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.fan_out import fan_out
from belvedere.collector.handover import Handover
from belvedere.collector.processors import batch as module
from belvedere.collector.processors.batch import BatchConfig, BatchProcessor
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

NEVER = "10h"
_names = count()


class Durable:
    """Stands for a durable exporter behind the processor."""

    durable = True


def processor(
    consumer: Any, *, durable: bool = False, handover: Handover | None = None, **config: Any
) -> BatchProcessor:
    host = Host(
        f"batch/{next(_names)}",
        services={Handover: handover} if handover else {},
        pipeline="traces",
        leads_to=(Durable(),) if durable else (),  # type: ignore[arg-type]  # what is asked of it is there
    )
    return BatchProcessor(BatchConfig.model_validate({"timeout": NEVER, **config}), host, consumer)


def traces(*numbers: int, **of: Any) -> Any:
    return batch_of(Signal.TRACES, numbers, **of)


def metric(batcher: BatchProcessor, name: str, **labels: str) -> float:
    labels = {"processor": batcher._id, **labels}
    return REGISTRY.get_sample_value(name, labels) or 0


def unsent(batcher: BatchProcessor, signal: Signal = Signal.TRACES) -> float:
    return metric(batcher, "belvedere_processor_batch_unsent_items", otel_signal=signal)


def dropped(batcher: BatchProcessor) -> float:
    return metric(batcher, "otelcol_processor_dropped_spans_total")


async def settle(*calls: Awaitable[None]) -> list[BaseException | None]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def arrived(recorder: Recorder, batches: int) -> None:
    await until(lambda: len(recorder.batches) >= batches)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Sets a duration or bound of the module."""
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.001)
    return lambda name, value: monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("signal", list(Signal))
async def test_sends_when_there_are_enough_items(signal: Signal) -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=4)
    for number in (1, 3):
        await batcher.consume(batch_of(signal, [number, number + 1]))
    await arrived(recorder, 1)
    assert [(batch.items, batch.signal) for batch in recorder.batches] == [(4, signal)]
    assert recorder.numbers == [1, 2, 3, 4]


async def test_sends_after_the_timeout() -> None:
    recorder = Recorder()
    await processor(recorder, timeout="1ms").consume(traces(1))
    await arrived(recorder, 1)
    assert recorder.numbers == [1]


@pytest.mark.parametrize("config", [{"timeout": "0s"}, {"send_batch_size": 0}], ids=str)
async def test_sends_at_once_without_timeout_or_size(config: dict[str, Any]) -> None:
    recorder = Recorder()
    batcher = processor(recorder, **config)
    await batcher.consume(traces(1))
    await batcher.consume(traces(2))
    assert len(recorder.batches) == 2


async def test_no_client_waits_for_the_timer_or_for_what_follows() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder, send_batch_size=3)
    for number in range(7):
        await batcher.consume(traces(number))
    assert unsent(batcher) == 7
    recorder.gate.set()
    await batcher.shutdown()
    assert recorder.numbers == list(range(7))
    assert [batch.items for batch in recorder.batches] == [3, 3, 1]
    assert unsent(batcher) == dropped(batcher) == 0


async def test_before_a_durable_exporter_its_acceptance_is_the_acknowledgement() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder, durable=True)
    call = asyncio.create_task(batcher.consume(traces(1)))
    await recorder.arrived.acquire()
    assert not call.done()
    assert unsent(batcher) == 0
    recorder.gate.set()
    await call


@pytest.mark.parametrize("error", [Retryable("later", after_s=2), Permanent("no")], ids=repr)
async def test_before_a_durable_exporter_its_error_reaches_the_caller(error: ConsumeError) -> None:
    batcher = processor(Recorder(error), durable=True)
    assert await settle(batcher.consume(traces(1))) == [error]
    await batcher.consume(traces(1))


@pytest.mark.parametrize("durable", [False, True])
async def test_projects_and_metadata_stay_apart(*, durable: bool) -> None:
    recorder = Recorder()
    batcher = processor(recorder, durable=durable, metadata_keys=["X-Tenant"])
    for part in [
        traces(1, project="p"),
        traces(2, project="q"),
        traces(3, project="p", metadata={"x-tenant": ("a",), "authorization": ("secret",)}),
        traces(4, project="p", metadata={"x-tenant": ("a",), "user-agent": ("u",)}),
        traces(5, project="p", metadata={"x-tenant": ("a", "b")}),
    ]:
        await batcher.consume(part)
    await batcher.shutdown()
    a = {"x-tenant": ("a",)}
    assert [(b.project, b.metadata, b.items) for b in recorder.batches] == [
        ("p", {"x-tenant": ()}, 1),
        ("q", {"x-tenant": ()}, 1),
        *([("p", a, 1), ("p", a, 1)] if durable else [("p", a, 2)]),
        ("p", {"x-tenant": ("a", "b")}, 1),
    ]


async def test_too_many_combinations_of_metadata_are_refused_for_now() -> None:
    recorder = Recorder()
    batcher = processor(recorder, metadata_keys=["k"], metadata_cardinality_limit=2)
    for number in (1, 2):
        await batcher.consume(traces(number, metadata={"k": (str(number),)}))
    with pytest.raises(Retryable, match="metadata_cardinality_limit"):
        await batcher.consume(traces(3, metadata={"k": ("3",)}))
    await batcher.shutdown()
    assert recorder.numbers == [1, 2]


async def test_combinations_of_metadata_that_are_sent_make_room_for_others() -> None:
    recorder = Recorder()
    batcher = processor(
        recorder, metadata_keys=["k"], metadata_cardinality_limit=1, send_batch_size=1
    )
    for number in range(3):
        await batcher.consume(traces(number, metadata={"k": (str(number),)}))
        await until(lambda: not batcher._lanes)
    assert recorder.numbers == [0, 1, 2]


@pytest.mark.parametrize("durable", [False, True])
async def test_a_batch_over_the_maximum_is_split(*, durable: bool) -> None:
    recorder = Recorder()
    batcher = processor(recorder, durable=durable, send_batch_size=3, send_batch_max_size=3)
    await batcher.consume(traces(*range(8)))
    await batcher.shutdown()
    assert [batch.items for batch in recorder.batches] == [3, 3, 2]
    assert (batcher._held_bytes, unsent(batcher)) == (0, 0)


async def test_a_batch_that_would_go_over_the_maximum_starts_a_new_one() -> None:
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=4, send_batch_max_size=5)
    for first in (1, 4, 7):
        await batcher.consume(traces(first, first + 1, first + 2))
    await batcher.shutdown()
    assert [batch.items for batch in recorder.batches] == [3, 3, 3]


@pytest.mark.parametrize(
    ("outcomes", "error", "sent"),
    [
        pytest.param([Retryable("a")], Retryable, 1, id="retryable-ends-it"),
        pytest.param([Permanent("a")], Permanent, 3, id="permanent-does-not"),
        pytest.param([Permanent("a"), Retryable("b")], Retryable, 2, id="retryable-after-it-does"),
    ],
)
async def test_failures_of_pieces_before_a_durable_exporter(
    outcomes: list[ConsumeError], error: type[ConsumeError], sent: int
) -> None:
    recorder = Recorder(*outcomes)
    batcher = processor(recorder, durable=True, send_batch_size=1, send_batch_max_size=1)
    with pytest.raises(error):
        await batcher.consume(traces(1, 2, 3))
    assert len(recorder.batches) == sent


async def test_what_is_refused_is_sent_again_and_new_batches_are_refused_meanwhile(
    quick: Callable[[str, float], None],
) -> None:
    recorder = Recorder(*[Retryable("the queue is full", after_s=0.2)] * 4)
    batcher = processor(recorder, send_batch_size=2)
    await batcher.consume(traces(1, 2))
    await until(lambda: any(lane.refusal for lane in batcher._lanes.values()))
    assert len(recorder.batches) == 4
    with pytest.raises(Retryable, match="the queue is full") as caught:
        await batcher.consume(traces(3))
    assert caught.value.after_s == 0.2
    await batcher.consume(traces(4, project="another"))
    await arrived(recorder, 5)
    await until(lambda: len(batcher._lanes) == 1)
    await batcher.consume(traces(5, 6))
    await batcher.shutdown()
    assert sorted(recorder.numbers[8:]) == [1, 2, 4, 5, 6]
    assert metric(batcher, "otelcol_processor_refused_spans_total") == 1
    assert unsent(batcher) == dropped(batcher) == 0


async def test_what_is_refused_for_good_is_counted(quick: Callable[[str, float], None]) -> None:
    recorder = Recorder(Permanent("no such tenant"), RuntimeError("a defect"), None)
    batcher = processor(recorder, send_batch_size=2)
    with capture_logs() as logs:
        for first in (1, 3, 5):
            await batcher.consume(traces(first, first + 1))
        await batcher.shutdown()
    assert [(entry["error"], entry["items"]) for entry in logs] == [
        ("no such tenant", {"traces": 2}),
        ("a defect", {"traces": 2}),
    ]
    assert (dropped(batcher), unsent(batcher), len(recorder.batches)) == (4, 0, 3)


async def test_of_several_only_those_that_ask_for_it_get_a_batch_again(
    quick: Callable[[str, float], None],
) -> None:
    """Also behind another fan-out, and beside one that refuses for good."""
    good, full, never = Recorder(), Recorder(Retryable("1"), Retryable("2")), Recorder(Permanent())
    deep_good, deep_full = Recorder(), Recorder(Retryable("3"))
    batcher = processor(
        fan_out([good, full, never, fan_out([deep_good, deep_full])]), send_batch_size=1
    )
    await batcher.consume(traces(1))
    await arrived(full, 3)
    await batcher.shutdown()
    assert [each.numbers for each in (good, deep_good, never)] == [[1]] * 3
    assert (full.numbers, deep_full.numbers) == ([1, 1, 1], [1, 1])
    assert dropped(batcher) == 1


async def test_is_limited_in_memory(quick: Callable[[str, float], None]) -> None:
    """At the limit, what waits for more items is sent; then senders wait, then they are refused."""
    one = len(traces(1).data)
    quick("_MAX_HELD_BYTES", 2 * one)
    recorder = Recorder()
    batcher = processor(recorder)
    for number in (1, 2, 3):
        await batcher.consume(traces(number))
    assert [batch.items for batch in recorder.batches] == [2]
    recorder.gate.clear()
    await batcher.consume(traces(4))
    waiting = asyncio.create_task(batcher.consume(traces(5)))
    await arrived(recorder, 2)
    assert not waiting.done()
    recorder.gate.set()
    await waiting
    recorder.gate.clear()
    quick("_LONGEST_WAIT_S", 0.001)
    await batcher.consume(traces(6))
    with pytest.raises(Retryable, match="has not accepted"):
        await batcher.consume(traces(7))
    recorder.gate.set()
    await batcher.shutdown()
    assert recorder.numbers == [1, 2, 3, 4, 5, 6]


async def test_a_batch_larger_than_the_limit_is_held_alone(
    quick: Callable[[str, float], None],
) -> None:
    quick("_MAX_HELD_BYTES", 10)
    recorder = Recorder()
    batcher = processor(recorder, send_batch_size=1)
    for number in range(4):
        await batcher.consume(traces(number))
    await batcher.shutdown()
    assert recorder.numbers == list(range(4))


async def test_senders_that_wait_are_refused_at_the_stop(
    quick: Callable[[str, float], None],
) -> None:
    quick("_MAX_HELD_BYTES", 1)
    quick("_FLUSH_S", 0.05)
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder)
    await batcher.consume(traces(1))
    waiting = asyncio.create_task(batcher.consume(traces(2)))
    await arrived(recorder, 1)
    await batcher.shutdown()
    with pytest.raises(Retryable, match="shutting down"):
        await waiting


@pytest.mark.parametrize("durable", [False, True])
async def test_shutdown_sends_what_waits_then_refuses(*, durable: bool) -> None:
    recorder = Recorder()
    batcher = processor(recorder, durable=durable)
    await batcher.consume(traces(1))
    await batcher.shutdown()
    assert recorder.numbers == [1]
    with pytest.raises(Retryable, match="shutting down"):
        await batcher.consume(traces(2))


async def test_shutdown_does_not_wait_for_a_pause(quick: Callable[[str, float], None]) -> None:
    recorder = Recorder(*[Retryable("away", after_s=3600)] * 4)
    batcher = processor(recorder, send_batch_size=1)
    await batcher.consume(traces(1))
    await until(lambda: any(lane.refusal for lane in batcher._lanes.values()))
    await batcher.shutdown()
    assert recorder.numbers == [1] * 5
    assert dropped(batcher) == 0


async def test_what_is_not_accepted_before_the_stop_is_counted(
    quick: Callable[[str, float], None],
) -> None:
    quick("_FLUSH_S", 0.001)
    recorder = Recorder()
    recorder.gate.clear()
    batcher = processor(recorder, send_batch_size=2)
    await batcher.consume(traces(1, 2))
    await batcher.consume(traces(3))
    with capture_logs() as logs:
        await batcher.shutdown()
    assert [(entry["error"], entry["items"]) for entry in logs] == [
        ("not accepted before the stop", {"traces": 3})
    ]
    assert events(logs, "error") == ["dropped"]
    assert (dropped(batcher), unsent(batcher)) == (3, 0)


@pytest.mark.parametrize("durable", [False, True], ids=["to-memory", "to-durable"])
async def test_a_successor_takes_over(
    *, durable: bool, quick: Callable[[str, float], None]
) -> None:
    """What waits, what is refused, and what is behind it: in order, once each."""
    handover = Handover()
    full = Recorder(*[Retryable("away", after_s=3600)] * 9)
    old = processor(full, handover=handover, send_batch_size=2)
    await old.start()
    for number in range(5):
        await old.consume(traces(number))
    await until(lambda: any(lane.refusal for lane in old._lanes.values()))
    handover.expect([old._place])
    await old.shutdown()
    await old.shutdown()
    assert (dropped(old), unsent(old)) == (0, 0)
    recorder = Recorder()
    new = processor(recorder, handover=handover, durable=durable, send_batch_size=5)
    new._place = old._place
    await new.start()
    await arrived(recorder, 1)
    assert recorder.numbers == list(range(5))
    handover.expect([])
    await new.shutdown()
    assert unsent(new) == 0


async def test_what_no_successor_takes_is_reported() -> None:
    handover = Handover()
    handover.leave("traces::batch", [traces(1, 2)])
    with capture_logs() as logs:
        handover.drop()
        handover.drop()
    assert [(entry["component"], entry["items"]) for entry in logs] == [
        ("traces::batch", {"traces": 2})
    ]


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
    for start, size_ in zip(starts, sizes, strict=True):
        await batcher.consume(batch_of(signal, range(start, start + size_)))
    await batcher.shutdown()
    assert (batcher._held_bytes, unsent(batcher, signal)) == (0, 0)
    assert sorted(recorder.numbers) == list(range(sum(sizes)))
    assert sum(batch.items for batch in recorder.batches) == sum(sizes)
    assert not maximum or all(batch.items <= maximum for batch in recorder.batches)
