"""Queue, workers, retries and counters together."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, events
from otlp_peers import InstantTime
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.delivery import Delivery, DeliveryConfig
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

Counted = Callable[[str], dict[str, float]]


class Peer(Recorder):
    """A recorder as an attempt, which may reject items."""

    rejected = 0

    async def attempt(self, batch: Batch) -> int:
        await self.consume(batch)
        return self.rejected


def delivery(
    peer: Peer, request: pytest.FixtureRequest, drain_s: float = 10.0, **config: Any
) -> Delivery:
    """Under the test's own name, so that its counters are its own."""
    return Delivery(
        DeliveryConfig.model_validate(config),
        Host(request.node.name),
        peer.attempt,
        clock=InstantTime().clock,
        drain_s=drain_s,
    )


def logs(*numbers: int) -> Batch:
    return batch_of(Signal.LOGS, numbers)


NO_QUEUE = {"sending_queue": {"enabled": False}}


async def test_a_queue_acknowledges_at_once_and_sends(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer()
    tested = delivery(peer, request)
    await tested.consume(logs(1, 2))
    assert peer.batches == []
    await tested.start()
    await tested.consume(logs(3))
    await tested.shutdown()
    assert sorted(peer.numbers) == [1, 2, 3]
    assert counted(request.node.name) == {"sent_log_records": 3, "queue_capacity": 1000}


async def test_sends_several_at_once(request: pytest.FixtureRequest) -> None:
    peer = Peer()
    peer.gate.clear()
    tested = delivery(peer, request, sending_queue={"num_consumers": 3})
    await tested.start()
    for number in range(5):
        await tested.consume(logs(number))
    for _ in range(3):
        await peer.arrived.acquire()
    await asyncio.sleep(0)
    assert len(peer.batches) == 3
    peer.gate.set()
    await tested.shutdown()
    assert len(peer.batches) == 5


async def test_retries_from_the_queue(request: pytest.FixtureRequest, counted: Counted) -> None:
    peer = Peer(Retryable("away"), Retryable("away"))
    tested = delivery(peer, request)
    await tested.start()
    await tested.consume(logs(1))
    for _ in range(3):
        await peer.arrived.acquire()
    await tested.shutdown()
    assert len(peer.batches) == 3
    assert counted(request.node.name)["sent_log_records"] == 1


@pytest.mark.parametrize(
    ("failure", "event"),
    [
        pytest.param(Permanent("no"), "dropped", id="permanent"),
        pytest.param(ZeroDivisionError(), "dropped_by_defect", id="defect"),
    ],
)
async def test_what_cannot_be_sent_is_dropped_counted_and_told(
    failure: Exception, event: str, request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer(failure)
    tested = delivery(peer, request, sending_queue={"num_consumers": 1})
    await tested.start()
    with capture_logs() as told:
        await tested.consume(logs(1, 2))
        await tested.consume(logs(3))
        await tested.shutdown()
    assert events(told, "error") == [event]
    assert told[0]["items"] == {"logs": 2}
    counters = counted(request.node.name)
    assert (counters["sent_log_records"], counters["send_failed_log_records"]) == (1, 2)


async def test_rejected_items_count_as_failed(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer()
    peer.rejected = 2
    tested = delivery(peer, request, **NO_QUEUE)
    await tested.consume(logs(1, 2, 3))
    counters = counted(request.node.name)
    assert (counters["sent_log_records"], counters["send_failed_log_records"]) == (1, 2)


async def test_a_full_queue_refuses_and_counts(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    tested = delivery(Peer(), request, sending_queue={"queue_size": 1})
    await tested.consume(logs(1))
    with pytest.raises(Retryable, match="full"):
        await tested.consume(logs(2, 3))
    assert counted(request.node.name)["enqueue_failed_log_records"] == 2
    await tested.shutdown()


@pytest.mark.parametrize("failure", [Permanent("no"), Retryable("away")], ids=repr)
async def test_without_a_queue_the_sender_gets_the_error(
    failure: Exception, request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer(failure)
    tested = delivery(peer, request, retry_on_failure={"enabled": False}, **NO_QUEUE)
    await tested.start()
    with pytest.raises(type(failure)):
        await tested.consume(logs(1))
    await tested.consume(logs(2))
    await tested.shutdown()
    counters = counted(request.node.name)
    assert (counters["sent_log_records"], counters["send_failed_log_records"]) == (1, 1)


async def test_shutdown_drops_what_the_peer_does_not_take(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer()
    peer.gate.clear()
    tested = delivery(peer, request, drain_s=0.01, sending_queue={"num_consumers": 1})
    await tested.start()
    await tested.consume(logs(1))
    await peer.arrived.acquire()
    await tested.consume(logs(2, 3))
    with capture_logs() as told:
        await tested.shutdown()
        await tested.shutdown()
    assert [entry["error"] for entry in told] == [
        "no answer before the stop",
        "not sent before the stop",
    ]
    assert counted(request.node.name)["send_failed_log_records"] == 3


async def test_shutdown_tries_each_batch_once_when_the_peer_is_away(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    peer = Peer(*[Retryable("away")] * 99)
    tested = delivery(peer, request, retry_on_failure={"max_elapsed_time": "0s"})
    for number in range(20):
        await tested.consume(logs(number))
    await tested.start()
    await tested.shutdown()
    assert sorted(peer.numbers) == list(range(20))
    assert counted(request.node.name)["send_failed_log_records"] == 20


async def test_shutdown_before_start_counts_what_it_drops(
    request: pytest.FixtureRequest, counted: Counted
) -> None:
    tested = delivery(Peer(), request)
    await tested.consume(logs(1, 2))
    await tested.shutdown()
    assert counted(request.node.name)["send_failed_log_records"] == 2


async def test_after_shutdown_nothing_is_taken(request: pytest.FixtureRequest) -> None:
    tested = delivery(Peer(), request)
    await tested.start()
    await tested.shutdown()
    with pytest.raises(Retryable, match="shutting down"):
        await tested.consume(logs(1))
