"""`sending_queue`: bounded, first in first out."""

import asyncio
from typing import Any

import pytest
from collector_samples import batch_of
from pydantic import ValidationError

from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.room import QueueConfig
from belvedere.collector.exporters.sending_queue import SendingQueue
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


def queue(exporter_id: str = "q", **config: Any) -> SendingQueue:
    return SendingQueue(QueueConfig.model_validate(config), exporter_id)


def logs(*numbers: int) -> Batch:
    return batch_of(Signal.LOGS, numbers)


async def test_first_in_first_out() -> None:
    tested, batches = queue(), [logs(n) for n in range(5)]
    for batch in batches:
        await tested.put(batch)
    assert [await tested.get() for _ in batches] == batches


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        ({"queue_size": 3}, 3),
        ({"queue_size": 7, "sizer": "items"}, 3),
        ({"queue_size": 3 * len(logs(1, 2).data), "sizer": "bytes"}, 3),
    ],
    ids=["requests", "items", "bytes"],
)
async def test_refuses_when_full_until_one_is_done(config: dict[str, Any], fit: int) -> None:
    tested = queue(**config)
    for _ in range(fit):
        await tested.put(logs(1, 2))
    taken = await tested.get()
    assert taken
    with pytest.raises(Retryable, match="is full") as caught:
        await tested.put(logs(1, 2))
    assert caught.value.after_s
    await tested.done(taken)
    await tested.put(logs(1, 2))


async def test_a_batch_larger_than_the_queue_is_refused_for_good() -> None:
    with pytest.raises(Permanent, match=r"a batch of 3 items is larger .*queue_size 2"):
        await queue(queue_size=2, sizer="items").put(logs(1, 2, 3))


async def test_blocks_on_overflow_if_told_to() -> None:
    tested = queue(queue_size=1, block_on_overflow=True)
    await tested.put(logs(1))
    second = asyncio.create_task(tested.put(logs(2)))
    await asyncio.sleep(0)
    assert not second.done()
    taken = await tested.get()
    assert taken
    await tested.done(taken)
    await second


@pytest.mark.parametrize("config", [{}, {"block_on_overflow": True}], ids=str)
async def test_a_closed_queue_gives_out_what_it_has_and_takes_nothing(
    config: dict[str, Any],
) -> None:
    tested = queue(queue_size=1, **config)
    await tested.put(logs(1))
    late = asyncio.create_task(tested.put(logs(2))) if config else None
    await asyncio.sleep(0)
    await tested.close()
    with pytest.raises(Retryable, match="shutting down"):
        await (late or tested.put(logs(2)))
    assert await tested.get() is not None
    assert await tested.get() is None


async def test_a_close_wakes_who_waits_for_batches() -> None:
    tested = queue()
    waiting = [asyncio.create_task(tested.get()) for _ in range(3)]
    await asyncio.sleep(0)
    await tested.close()
    assert await asyncio.gather(*waiting) == [None] * 3


async def test_gauges() -> None:
    tested = queue("gauged", queue_size=10, sizer="items")
    await tested.start()

    def size() -> float | None:
        return REGISTRY.get_sample_value("otelcol_exporter_queue_size", {"exporter": "gauged"})

    await tested.put(logs(1, 2))
    await tested.put(logs(1))
    assert size() == 3
    taken = await tested.get()
    assert taken
    assert size() == 3
    await tested.done(taken)
    assert size() == 1
    assert [batch.items for batch in await tested.shutdown()] == [1]
    assert size() == 0
    capacity = REGISTRY.get_sample_value("otelcol_exporter_queue_capacity", {"exporter": "gauged"})
    assert capacity == 10


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"batch": {"min_size": 10, "max_size": 9}},
            r"max_size \(9\) must not be less than min_size",
        ),
        ({"batch": {"flush_timeout": "0s"}}, "greater than 0"),
        ({"batch": {"sizer": "requests"}}, "set batch::sizer"),
        ({"batch": {}, "sizer": "requests"}, "set batch::sizer"),
        ({"batch": {}, "sizer": "items"}, r"min_size \(8192\) must not be more than queue_size"),
        ({"batch": {"partition": {"metadata_keys": ["A", "a"]}}}, "'a' is there twice"),
        ({"sizer": "spans"}, "'requests', 'items' or 'bytes'"),
        ({"num_consumers": 0}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QueueConfig.model_validate(config)


@pytest.mark.parametrize(
    ("config", "sizer"),
    [
        ({"batch": None}, "items"),
        ({"batch": {}}, "items"),
        ({"batch": None, "sizer": "requests"}, "items"),
        ({"batch": {}, "sizer": "bytes", "queue_size": 1 << 20}, "bytes"),
        ({"batch": {"sizer": "items"}, "sizer": "bytes"}, "items"),
    ],
    ids=str,
)
def test_the_sizer_of_a_batch(config: dict[str, Any], sizer: str) -> None:
    batch = QueueConfig.model_validate(config).batch
    assert batch
    assert (batch.sizer, batch.min_size, batch.max_size, batch.flush_timeout) == (
        sizer,
        8192,
        0,
        0.2,
    )
