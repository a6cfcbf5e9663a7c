"""`sending_queue` with `storage`: on disk until done."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, events, numbers_in, until
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.durable_queue import Sync
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.delivery import Delivery, DeliveryConfig
from belvedere.collector.exporters.frames import framed, frames, read_frame, whole_frames
from belvedere.collector.exporters.persistent_queue import PersistentQueue
from belvedere.collector.exporters.retry import Clock
from belvedere.collector.exporters.room import QueueConfig
from belvedere.collector.extensions.file_storage import FileStorage
from belvedere.collector.handover import Handover
from belvedere.collector.registry import Kind
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

Counted = Callable[[str], dict[str, float]]


def logs(*numbers: int, **of: Any) -> Batch:
    return batch_of(Signal.LOGS, numbers, **of)


def queue(folder: Path, **config: Any) -> PersistentQueue:
    return PersistentQueue(QueueConfig.model_validate(config), "disk", folder, Sync.OFF)


async def taken(tested: PersistentQueue) -> Batch:
    batch = await asyncio.wait_for(tested.get(), 30)
    assert batch
    return batch


async def die(tested: PersistentQueue) -> None:
    """End as a killed process does: nothing is closed, nothing written."""
    if tested._reader:
        tested._reader.cancel()
    for lane in tested._disk._lanes.values():
        if lane.timer:
            lane.timer.cancel()
        if lane.writer:
            await asyncio.wait([lane.writer])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_gives_out_what_it_got(tmp_path: Path) -> None:
    tested = queue(tmp_path)
    await tested.start()
    sent = [
        logs(1, 2),
        logs(3, project="other", metadata={"x-tenant": ("a", "b")}),
        batch_of(Signal.TRACES, [4]),
    ]
    for batch in sent:
        await tested.put(batch)
    got = [await taken(tested) for _ in sent]
    assert sorted(got, key=numbers_in) == sent
    for batch in got:
        await tested.done(batch)
    assert files(tmp_path) == []
    await tested.close()
    assert await tested.get() is None
    assert await tested.shutdown() == []


async def test_a_killed_process_leaves_what_was_not_done(tmp_path: Path) -> None:
    first = queue(tmp_path)
    await first.start()
    for number in range(5):
        await first.put(logs(number))
    await taken(first)
    await die(first)
    second = queue(tmp_path)
    await second.start()
    size = REGISTRY.get_sample_value("otelcol_exporter_queue_size", {"exporter": "disk"})
    assert size == 5
    got = [numbers_in(await taken(second)) for _ in range(5)]
    assert got == [[0], [1], [2], [3], [4]]
    await second.close()
    await second.shutdown()


async def test_a_stop_leaves_exactly_what_was_not_done(tmp_path: Path) -> None:
    first = queue(tmp_path)
    await first.start()
    await asyncio.gather(*(first.put(logs(number)) for number in range(6)))
    batches = [await taken(first) for _ in range(4)]
    await first.done(batches[0])
    await first.done(batches[2])
    assert first.keep(batches[1])
    await first.done(batches[1])
    await first.close()
    assert first.keep(batches[3])
    await first.done(batches[3])
    await first.shutdown()
    second = queue(tmp_path)
    await second.start()
    assert [numbers_in(await taken(second)) for _ in range(4)] == [[1], [3], [4], [5]]
    await second.close()
    await second.shutdown()


@pytest.mark.parametrize("kept", [0, 1], ids=["deleted", "rewritten"])
async def test_a_disk_that_refuses_leaves_the_segment(tmp_path: Path, kept: int) -> None:
    """A device that is full, or mounted read-only by now: nothing is lost, some is sent again."""
    tested = queue(tmp_path)
    await tested.start()
    await asyncio.gather(*(tested.put(logs(number)) for number in range(2)))  # one segment
    first, second = await taken(tested), await taken(tested)
    (segment,) = (path for path in tmp_path.rglob("*.otlp"))
    segment.with_suffix(".part").mkdir()  # nothing can be written there
    whole = segment.read_bytes()
    if not kept:
        segment.unlink()
        segment.mkdir()  # nothing that `unlink` deletes
    with capture_logs() as told:
        await tested.done(first)
        if kept:
            tested.keep(second)
        await tested.done(second)
        await tested.close()
        assert await tested.shutdown() == []
    assert events(told, "warning") == ["queue_segment_stays"]
    if kept:
        assert segment.read_bytes() == whole


async def test_what_a_killed_process_was_rewriting_is_removed(tmp_path: Path) -> None:
    lane = tmp_path / "default" / "logs"
    lane.mkdir(parents=True)
    (lane / "1.otlp").write_bytes(framed(logs(1)))
    (lane / "1.part").write_bytes(b"half")
    tested = queue(tmp_path)
    await tested.start()
    assert files(tmp_path) == ["1.otlp"]
    assert numbers_in(await taken(tested)) == [1]
    await tested.close()
    await tested.shutdown()


async def test_the_room_is_bounded_also_by_what_was_there(tmp_path: Path) -> None:
    first = queue(tmp_path, queue_size=2)
    await first.start()
    await first.put(logs(1))
    await first.put(logs(2))
    with pytest.raises(Retryable, match="is full"):
        await first.put(logs(3))
    await die(first)
    second = queue(tmp_path, queue_size=2)
    await second.start()
    with pytest.raises(Retryable, match="is full"):
        await second.put(logs(3))
    await second.done(await taken(second))
    await second.put(logs(3))
    await second.close()
    await second.shutdown()


async def test_a_batch_larger_than_the_queue_is_refused_for_good(tmp_path: Path) -> None:
    tested = queue(tmp_path, queue_size=1, sizer="items")
    await tested.start()
    with pytest.raises(Permanent, match="larger than the sending_queue"):
        await tested.put(logs(1, 2))
    await tested.close()
    await tested.shutdown()
    assert files(tmp_path) == []


async def test_damaged_data_is_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    first = queue(tmp_path)
    await first.start()
    await asyncio.gather(*(first.put(logs(number)) for number in range(3)))
    await first.close()
    await first.shutdown()
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    data = bytearray(path.read_bytes())
    middle = list(frames(bytes(data)))[1]
    data[middle.end - 1] ^= 1
    path.write_bytes(data)
    second = queue(tmp_path)
    with capture_logs() as told:
        await second.start()
        got = [numbers_in(await taken(second)) for _ in range(2)]
    assert got == [[0], [2]]
    assert events(told, "error") == ["dropped"]
    await second.close()
    await second.shutdown()


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="exporters::disk::sending_queue::storage: cannot use"):
        await queue(tmp_path / "file").start()


@given(
    batches=st.lists(
        st.builds(
            Batch,
            st.just(Signal.LOGS),
            st.binary(max_size=50),
            st.integers(0, 1000),
            st.just("p"),
            st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5)).map(tuple)),
        ),
        max_size=5,
    ),
    cut=st.integers(0, 400),
)
@settings(deadline=None, max_examples=50)
def test_frames_round_trip_and_are_cut_where_they_are_whole(batches: list[Batch], cut: int) -> None:
    parts = [framed(batch) for batch in batches]
    segment = b"".join(parts)
    assert [read_frame(segment, each, Signal.LOGS, "p") for each in frames(segment)] == batches
    whole = whole_frames(segment[:cut])
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]
    assert whole == max(end for end in ends if end <= cut)


class Peer(Recorder):
    async def attempt(self, batch: Batch) -> int:
        await self.consume(batch)
        return 0


def delivery(peer: Peer, name: str, host: Host, **config: Any) -> Delivery:
    clock = Clock(sleep=lambda _: asyncio.sleep(3600))
    return Delivery(DeliveryConfig.model_validate(config), host, peer.attempt, clock=clock)


ON_DISK = {"sending_queue": {"storage": "file_storage"}}


def stored(tmp_path: Path, name: str) -> Host:
    storage = FileStorage(FileStorage.Config(directory=tmp_path), Host("file_storage"))
    return Host(name, extensions={"file_storage": storage})


async def test_a_delivery_keeps_on_disk_what_the_peer_does_not_take(
    tmp_path: Path, request: pytest.FixtureRequest, counted: Counted
) -> None:
    name = request.node.name
    host = stored(tmp_path, name)
    away = Peer(*[Retryable("away")] * 99)
    first = delivery(away, name, host, **ON_DISK)
    await first.start()
    for number in range(20):
        await first.consume(logs(number))
    await until(lambda: len(away.batches) == 10)
    await first.shutdown()
    assert "send_failed_log_records" not in counted(name)
    back = Peer()
    second = delivery(back, name, host, **ON_DISK)
    await second.start()
    await until(lambda: len(back.batches) == 20)
    await second.shutdown()
    assert sorted(back.numbers) == list(range(20))
    assert counted(name) == {"sent_log_records": 20, "queue_capacity": 1000}
    assert files(tmp_path) == []


async def test_a_permanent_failure_is_not_kept(
    tmp_path: Path, request: pytest.FixtureRequest, counted: Counted
) -> None:
    name = request.node.name
    peer = Peer(Permanent("no"))
    tested = delivery(peer, name, stored(tmp_path, name), **ON_DISK)
    await tested.start()
    await tested.consume(logs(1))
    await peer.arrived.acquire()
    await until(lambda: files(tmp_path) == [])
    await tested.shutdown()
    assert counted(name)["send_failed_log_records"] == 1


def test_a_storage_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        delivery(Peer(), "e", Host("e"), **ON_DISK)
    assert str(caught.value) == (
        "exporters::e::sending_queue::storage: no extension 'file_storage' stores anything"
        " (configure file_storage and name it in service::extensions, which has nothing)"
    )


@pytest.mark.parametrize("after", [{}, ON_DISK], ids=["in-memory", "on-disk"])
async def test_a_queue_in_memory_is_handed_over(
    after: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest, counted: Counted
) -> None:
    name = request.node.name
    handover = Handover()
    extensions = stored(tmp_path, name).extensions
    host = Host(name, services={Handover: handover}, extensions=extensions)
    away = Peer(*[Retryable("away")] * 99)
    first = delivery(away, name, host)
    await first.start()
    for number in range(20):
        await first.consume(logs(number))
    await until(lambda: len(away.batches) == 10)
    handover.expect({name})
    await first.shutdown()
    back = Peer()
    second = delivery(back, name, host, **after)
    await second.start()
    await until(lambda: len(back.batches) == 20)
    handover.expect(())
    await second.shutdown()
    assert sorted(back.numbers) == list(range(20))
    assert counted(name) == {"sent_log_records": 20, "queue_capacity": 1000}


async def test_wait_for_result(request: pytest.FixtureRequest) -> None:
    peer = Peer(None, Permanent("no"))
    tested = delivery(
        peer,
        request.node.name,
        Host(request.node.name),
        sending_queue={"wait_for_result": True, "num_consumers": 1},
    )
    await tested.start()
    await tested.consume(logs(1))
    assert peer.numbers == [1]
    with pytest.raises(Permanent, match="no"):
        await tested.consume(logs(2))
    peer.gate.clear()
    waiting = asyncio.create_task(tested.consume(logs(3)))
    await until(lambda: len(peer.batches) == 3)
    tested._drain_s = 0
    await tested.shutdown()
    with pytest.raises(Retryable, match="shutting down"):
        await waiting


def test_the_folder_of_a_component(tmp_path: Path) -> None:
    storage = FileStorage(FileStorage.Config(directory=tmp_path), Host("file_storage"))
    assert storage.folder(Kind.EXPORTER, "otlp_grpc/a/b") == tmp_path / "exporter_otlp_grpc_a~002Fb"


def test_an_older_name_of_a_type_has_the_same_folder(tmp_path: Path) -> None:
    def folder(component_id: str) -> Path:
        storage = FileStorage(FileStorage.Config(directory=tmp_path), Host("file_storage"))
        return storage.folder(Kind.EXPORTER, component_id)

    assert folder("otlp/a") == folder("otlp_grpc/a") != folder("otlp_grpc/b")


def test_two_components_never_share_a_folder(tmp_path: Path) -> None:
    storage = FileStorage(FileStorage.Config(directory=tmp_path), Host("file_storage"))
    storage.folder(Kind.RECEIVER, "file_log")
    assert storage.folder(Kind.RECEIVER, "file_log") != storage.folder(Kind.RECEIVER, "file_log/2")
    with pytest.raises(ConfigError, match=r"receivers::filelog: .*file_log.*filelog/2"):
        storage.folder(Kind.RECEIVER, "filelog")
