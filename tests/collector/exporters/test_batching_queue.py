"""`sending_queue::batch`: joined and split, and never less than what the queue promised."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, numbers_in, until
from otlp_peers import InstantTime

from belvedere.collector.component import Host
from belvedere.collector.durable_queue import Sync
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.batching_queue import BatchingQueue
from belvedere.collector.exporters.delivery import Delivery, DeliveryConfig
from belvedere.collector.exporters.persistent_queue import PersistentQueue
from belvedere.collector.exporters.room import BatchConfig, QueueConfig
from belvedere.collector.exporters.sending_queue import SendingQueue
from belvedere.collector.handover import Handover
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

Counted = Callable[[str], dict[str, float]]
NEVER = "1h"


def logs(*numbers: int, **of: Any) -> Batch:
    return batch_of(Signal.LOGS, numbers, **of)


def queue(*, queue_size: int = 1000, storage: Path | None = None, **batch: Any) -> BatchingQueue:
    config = QueueConfig.model_validate({"queue_size": queue_size, "batch": batch})
    assert config.batch
    inner = PersistentQueue(config, "q", storage, Sync.OFF) if storage else None
    return BatchingQueue(config.batch, inner or SendingQueue(config, "q"))


async def taken(tested: BatchingQueue) -> Batch:
    batch = await asyncio.wait_for(tested.get(), 30)
    assert batch
    return batch


async def test_joins_until_the_batch_is_large_enough() -> None:
    tested = queue(min_size=3, flush_timeout=NEVER)
    for numbers in ((1, 2), (3, 4), (5,)):
        await tested.put(logs(*numbers))
    assert numbers_in(await taken(tested)) == [1, 2, 3, 4]
    waiting = asyncio.create_task(tested.get())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await tested.put(logs(6, 7))
    batch = await waiting
    assert batch
    assert numbers_in(batch) == [5, 6, 7]


async def test_sends_what_there_is_after_flush_timeout() -> None:
    tested = queue(flush_timeout="1ms")
    await tested.put(logs(1))
    assert numbers_in(await taken(tested)) == [1]


async def test_bytes_are_a_size_too() -> None:
    size = len(logs(1, 2).data)
    tested = queue(sizer="bytes", min_size=2 * size, max_size=2 * size, flush_timeout=NEVER)
    for number in range(1, 9, 2):
        await tested.put(logs(number, number + 1))
    assert [numbers_in(await taken(tested)) for _ in range(2)] == [[1, 2, 3, 4], [5, 6, 7, 8]]


async def test_splits_what_is_too_large() -> None:
    tested = queue(min_size=2, max_size=3, flush_timeout=NEVER)
    await tested.put(logs(*range(7)))
    pieces = [numbers_in(await taken(tested)) for _ in range(3)]
    assert pieces == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize(
    ("batch", "other"),
    [
        (logs(1), logs(1, project="other")),
        (logs(1), batch_of(Signal.TRACES, [1])),
        (
            replace(logs(1), metadata={"tenant": ("a",)}),
            replace(logs(1), metadata={"tenant": ("b",)}),
        ),
        (logs(1), replace(logs(1), metadata={"tenant": ()})),
    ],
    ids=["project", "signal", "metadata", "empty metadata"],
)
async def test_keeps_apart_what_is_not_alike(batch: Batch, other: Batch) -> None:
    tested = queue(min_size=2, flush_timeout=NEVER, partition={"metadata_keys": ["Tenant"]})
    for each in (batch, other, batch, other):
        await tested.put(each)
    found = [await taken(tested) for _ in range(2)]
    assert [(each.signal, each.project, each.metadata) for each in found] == [
        (each.signal, each.project, each.metadata) for each in (batch, other)
    ]
    assert [each.items for each in found] == [2, 2]


async def test_metadata_that_keeps_nothing_apart_does_not_stay() -> None:
    tested = queue(min_size=2, flush_timeout=NEVER)
    for name in ("a", "b"):
        await tested.put(replace(logs(1), metadata={"tenant": (name,)}))
    assert (await taken(tested)).metadata == {}


async def test_counts_in_the_queue_until_all_pieces_are_done() -> None:
    tested = queue(queue_size=2, min_size=2, max_size=2, flush_timeout=NEVER)
    parts = [logs(1), logs(2, 3)]
    for part in parts:
        await tested.put(part)
    first, second = await taken(tested), await taken(tested)
    assert await tested.done(first) == []
    with pytest.raises(Retryable, match="is full"):
        await tested.put(logs(4))
    failure = Permanent("no")
    assert await tested.done(second, failure) == [(part, failure) for part in parts]
    await tested.put(logs(4))


async def test_a_closed_queue_gives_out_what_it_has() -> None:
    tested = queue(flush_timeout=NEVER)
    waiting = asyncio.create_task(tested.get())
    await tested.put(logs(1))
    await asyncio.sleep(0.01)
    await tested.put(logs(2))
    await tested.close()
    batch = await waiting
    assert batch
    assert numbers_in(batch) == [1, 2]
    assert await tested.get() is None
    await tested.done(batch)
    assert await tested.shutdown() == []


async def test_a_cancelled_worker_leaves_what_was_gathered() -> None:
    tested = queue(flush_timeout=NEVER)
    worker = asyncio.create_task(tested.get())
    await tested.put(logs(1))
    await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.wait([worker])
    await tested.put(logs(2))
    await tested.close()
    assert [numbers_in(each) for each in await tested.shutdown()] == [[1], [2]]


async def test_on_disk_it_stays_until_all_pieces_are_done(tmp_path: Path) -> None:
    first = queue(storage=tmp_path, min_size=2, max_size=2, flush_timeout=NEVER)
    await first.start()
    await first.put(logs(1, 2, 3))
    pieces = [await taken(first), await taken(first)]
    await first.done(pieces[0])
    assert first.keep(pieces[1])
    await first.done(pieces[1], Retryable("away"))
    await first.close()
    assert await first.shutdown() == []
    second = queue(storage=tmp_path, flush_timeout="1ms")
    await second.start()
    again = await taken(second)
    assert numbers_in(again) == [1, 2, 3]
    await second.done(again)
    await second.close()
    await second.shutdown()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class Peer(Recorder):
    async def attempt(self, batch: Batch) -> int:
        await self.consume(batch)
        return 0


def delivery(peer: Peer, name: str, host: Host | None = None, **queue: Any) -> Delivery:
    config = DeliveryConfig.model_validate({"sending_queue": queue})
    return Delivery(config, host or Host(name), peer.attempt, clock=InstantTime().clock)


async def test_a_delivery_of_batches(request: pytest.FixtureRequest, counted: Counted) -> None:
    peer = Peer(Retryable("away"), None, Permanent("no"))
    tested = delivery(
        peer, request.node.name, num_consumers=1, batch={"min_size": 4, "flush_timeout": NEVER}
    )
    await tested.start()
    for number in range(10):
        await tested.consume(logs(number))
    await until(lambda: len(peer.batches) == 3)
    await tested.shutdown()
    assert [numbers_in(batch) for batch in peer.batches] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    counters = counted(request.node.name)
    assert (counters["sent_log_records"], counters["send_failed_log_records"]) == (6, 4)


async def test_senders_that_wait_get_the_result_of_their_batch(
    request: pytest.FixtureRequest,
) -> None:
    peer = Peer(None, Permanent("no"))
    tested = delivery(
        peer,
        request.node.name,
        num_consumers=1,
        wait_for_result=True,
        batch={"min_size": 2, "flush_timeout": NEVER},
    )
    await tested.start()
    outcomes = await asyncio.gather(
        *(tested.consume(logs(number)) for number in range(4)), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["None", "None", "no", "no"]
    await tested.shutdown()


def joining(**keys: Any) -> BatchConfig:
    return BatchConfig.model_validate({"flush_timeout": NEVER, **keys})


async def test_a_processor_lets_the_queue_join(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    """The capacity in requests is that of so many full batches; a larger one fits, too."""
    name, peer = request.node.name, Peer()
    peer.gate.clear()
    tested = delivery(peer, name, queue_size=2, num_consumers=1)
    tested.join_behind_queue(joining(min_size=3))
    await tested.start()
    for number in range(3):
        await tested.consume(logs(number))
    await tested.consume(logs(3, 4, 5, 6, 7))
    with pytest.raises(Retryable, match=r"full \(2 requests\)"):
        await tested.consume(logs(8))
    assert (counted(name)["queue_size"], counted(name)["queue_capacity"]) == (6, 6)
    peer.gate.set()
    await tested.shutdown()
    assert [numbers_in(batch) for batch in peer.batches] == [[0, 1, 2], [3, 4, 5, 6, 7]]
    assert "queue_size" not in counted(name)


@pytest.mark.parametrize(
    "queue",
    [
        pytest.param({"batch": {"min_size": 1, "flush_timeout": NEVER}}, id="batch-is-written"),
        pytest.param({"wait_for_result": True}, id="senders-would-wait"),
        pytest.param({"enabled": False}, id="no-queue"),
    ],
)
async def test_a_queue_that_does_not_join_for_a_processor(
    queue: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    peer = Peer()
    tested = delivery(peer, request.node.name, **queue)
    tested.join_behind_queue(joining(min_size=100))
    await tested.start()
    await tested.consume(logs(1))
    await until(lambda: len(peer.batches) == 1)
    await tested.shutdown()


async def test_several_processors_let_the_queue_join(request: pytest.FixtureRequest) -> None:
    """What goes to the peer is as the strictest of them wants it."""
    peer = Peer()
    tested = delivery(peer, request.node.name, num_consumers=1)
    tested.join_behind_queue(joining(min_size=4, partition={"metadata_keys": ["a"]}))
    tested.join_behind_queue(joining(min_size=3, max_size=3, partition={"metadata_keys": ["b"]}))
    await tested.start()
    for key in "ab":
        await tested.consume(logs(1, 2, metadata={key: ("x",), "c": ("y",)}))
    await tested.consume(logs(3, 4, metadata={"a": ("x",)}))
    await tested.shutdown()
    assert [(batch.items, batch.metadata) for batch in peer.batches] == [
        (3, {"a": ("x",)}),
        (1, {"a": ("x",)}),
        (2, {"b": ("x",)}),
    ]


async def test_what_waits_for_more_is_handed_over_at_a_reload(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    name, handover = request.node.name, Handover()
    host = Host(name, services={Handover: handover})
    away = Peer(*[Retryable("away")] * 99)
    first = delivery(away, name, host, batch={"min_size": 3, "flush_timeout": NEVER})
    await first.start()
    for number in range(8):
        await first.consume(logs(number))
    await until(lambda: len(away.batches) >= 2)
    handover.expect({name})
    await first.shutdown()
    back = Peer()
    second = delivery(back, name, host)
    await second.start()
    await until(lambda: len(back.batches) == 8)
    handover.expect(())
    await second.shutdown()
    assert sorted(back.numbers) == list(range(8))
    assert counted(name)["sent_log_records"] == 8
