"""Sent is received, whatever the peer does; and what was acknowledged survives `kill -9`."""

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from collector_samples import SampleReceiver, batch_of, numbers_in, until
from otlp_peers import GrpcPeer, HttpAnswer, HttpPeer, aborts, status_with_delay
from ports import free_port
from running_collector import RunningCollector

from belvedere.collector.config import load_config
from belvedere.collector.errors import Retryable
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.source import Source
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

BATCHES, EACH, SENDERS = 40, 5, 8
Peer = HttpPeer | GrpcPeer
Misbehaviour = Callable[[Any], Awaitable[None]]

CONFIG = """
receivers: {sample: }
processors: {batch: {timeout: 1ms, send_batch_size: 5, send_batch_max_size: 5}}
exporters:
  EXPORTER:
    endpoint: http://127.0.0.1:PORT
    timeout: 2s
    retry_on_failure: {initial_interval: 10ms, max_interval: 50ms, max_elapsed_time: 0s}
    sending_queue: {queue_size: 4, num_consumers: 2}
service:
  pipelines: {logs: {receivers: [sample], processors: [batch], exporters: [EXPORTER]}}
"""


def received(peer: Peer) -> Counter[int]:
    batches = (Batch.of(Signal.LOGS, each.message) for each in peer.received)
    return Counter(number for batch in batches for number in numbers_in(batch))


async def send_all(service: Service) -> None:
    """Send all numbers, as clients do: what is refused is sent again."""
    consumer = cast(SampleReceiver, service.component(Kind.RECEIVER, "sample")).consumers

    async def send(sender: int) -> None:
        for first in range(sender * EACH, BATCHES * EACH, SENDERS * EACH):
            while True:
                try:
                    batch = batch_of(Signal.LOGS, range(first, first + EACH))
                    await consumer[Signal.LOGS].consume(batch)
                    break
                except Retryable:
                    await asyncio.sleep(0.005)

    await asyncio.gather(*(send(sender) for sender in range(SENDERS)))


async def is_down(peer: Any) -> None:
    await peer.stop()
    await asyncio.sleep(0.3)
    await peer.start()


async def restarts(peer: Any) -> None:
    for _ in range(3):
        await asyncio.sleep(0.05)
        await peer.stop()
        await asyncio.sleep(0.05)
        await peer.start()


async def is_slow(peer: Any) -> None:
    """The first answer to each consumer takes so long that the queue becomes full before it."""
    waits_s = [0.5] * 2 + [0.02] * BATCHES
    if isinstance(peer, HttpPeer):
        peer.answers += [HttpAnswer(wait_s=wait_s) for wait_s in waits_s]
        return

    def slowly(wait_s: float) -> Any:
        async def answer(_: Any, __: Any) -> Any:
            await asyncio.sleep(wait_s)
            return Signal.LOGS.response_type()

        return answer

    peer.answers += map(slowly, waits_s)


async def says_later(peer: Any) -> None:
    if isinstance(peer, HttpPeer):
        for status in (429, 503, 502, 504):
            peer.answers.append(HttpAnswer(status, headers=[("retry-after", "1")]))
        return
    later = status_with_delay(0.1)
    peer.answers.append(aborts(grpc.StatusCode.UNAVAILABLE, later))
    peer.answers.append(aborts(grpc.StatusCode.RESOURCE_EXHAUSTED, later))


@pytest.fixture(params=["otlp_http", "otlp_grpc"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    peer: Peer = HttpPeer() if request.param == "otlp_http" else GrpcPeer()
    await peer.start()
    yield peer
    await peer.stop()


@contextlib.asynccontextmanager
async def sending_to(peer: Peer, port: int = 0) -> AsyncIterator[Service]:
    name = "otlp_http" if isinstance(peer, HttpPeer) else "otlp_grpc"
    exporter = f"{name}/{peer.port}"  # of its own, so that its counters are its own
    text = CONFIG.replace("EXPORTER", exporter).replace("PORT", str(port or peer.port))
    service = Service(load_config(Source("text", text), env={}))
    await service.start()
    try:
        yield service
    finally:
        await service.shutdown()


@pytest.mark.parametrize("misbehave", [is_down, restarts, is_slow, says_later])
async def test_sent_is_received(
    misbehave: Misbehaviour,
    peer: Peer,
    samples: None,
    counted: Callable[[str], dict[str, float]],
) -> None:
    name = "otlp_http" if isinstance(peer, HttpPeer) else "otlp_grpc"

    def counters() -> dict[str, float]:
        return counted(f"{name}/{peer.port}")

    async with sending_to(peer) as service:
        trouble = asyncio.create_task(misbehave(peer))
        await asyncio.sleep(0)
        await send_all(service)
        await trouble
        await until(lambda: counters().get("sent_log_records") == BATCHES * EACH)
    # What a peer took but could not answer before it stopped comes again: at least once.
    assert set(received(peer)) == set(range(BATCHES * EACH))
    if misbehave is is_slow:
        assert max(received(peer).values()) == 1
        assert counters()["enqueue_failed_log_records"], "the queue was never full"
    assert counters()["sent_log_records"] == BATCHES * EACH
    assert "send_failed_log_records" not in counters()


class Resetting:
    """Stands before a peer, and resets every other connection in the middle of a request."""

    def __init__(self, port: int) -> None:
        self._port, self.connections, self.resets = port, 0, 0
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self.connections += 1
        is_odd = self.connections % 2 == 1
        begin = await reader.read(200)
        if is_odd:
            self.resets += 1
            reset_at_close = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close
            )
            writer.transport.abort()
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
        to_writer.write(begin)
        # What comes within a moment passes; then this connection is gone, and a new one is made.
        try:
            async with asyncio.timeout(0.05):
                await asyncio.gather(_pipe(reader, to_writer), _pipe(to_reader, writer))
        except (TimeoutError, ConnectionError):
            pass
        finally:
            for each in (writer, to_writer):
                each.close()
                with contextlib.suppress(ConnectionError):
                    await each.wait_closed()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def test_connections_that_are_reset(peer: Peer, samples: None) -> None:
    between = Resetting(peer.port)
    async with sending_to(peer, await between.start()) as service:
        await send_all(service)
        await until(lambda: len(received(peer)) == BATCHES * EACH)
    await between.stop()
    assert between.resets > 0
    assert set(received(peer)) == set(range(BATCHES * EACH))


ON_DISK = """
extensions: {file_storage: {directory: 'DIRECTORY', create_directory: true}}
receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:PORT
    retry_on_failure: {initial_interval: 50ms, max_interval: 100ms, max_elapsed_time: 0s}
    sending_queue: {storage: file_storage}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}, logs: {level: info}}
  pipelines: {logs: {receivers: [otlp], exporters: [otlp_http]}}
"""


class Posting:
    """A client of a collector's receiver, over HTTP. What was acknowledged, it remembers."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/logs"
        self._client = httpx.AsyncClient(trust_env=False, timeout=10)
        self.acknowledged: list[int] = []

    async def __call__(self, *numbers: int) -> bool:
        try:
            answer = await self._client.post(
                self._url,
                content=batch_of(Signal.LOGS, numbers).data,
                headers={"content-type": "application/x-protobuf"},
            )
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            self.acknowledged.extend(numbers)
        return answer.status_code == 200

    async def aclose(self) -> None:
        await self._client.aclose()


def on_disk(tmp_path: Path, peer: HttpPeer) -> Path:
    """A configuration file, whose queue is in the folder `queue`."""
    text = ON_DISK.replace("PORT", str(peer.port)).replace("DIRECTORY", str(tmp_path / "queue"))
    config = tmp_path / "c.yaml"
    config.write_text(text)
    return config


async def listening(collector: RunningCollector) -> int:
    await asyncio.to_thread(collector.ready)
    return int(collector.wait_for("otlp_receiver_listens")["http_port"])


BATCHES_OF_AN_HOUR = "processors: {batch: {timeout: 1h, send_batch_size: 100000}}\n"
"""A client that waited for the timer would time out."""


def with_batch(text: str, batch: str = BATCHES_OF_AN_HOUR) -> str:
    """The configuration with a processor `batch` before its exporter."""
    return batch + text.replace("receivers: [otlp],", "receivers: [otlp], processors: [batch],")


@pytest.mark.parametrize("batch", ["", "1s"], ids=["alone", "behind-batch"])
async def test_kill_9_with_a_queue_on_disk(batch: str, http_peer: HttpPeer, tmp_path: Path) -> None:
    """Killed again and again, with the peer away at times: what was acknowledged arrives."""
    chance = random.Random(4)
    config = on_disk(tmp_path, http_peer)
    if batch:
        processors = f"processors: {{batch: {{timeout: {batch}}}}}\n"
        config.write_text(with_batch(config.read_text(), processors))
    acknowledged: list[int] = []
    following = 0
    for peer_is_away in (False, True, False):
        if peer_is_away:
            await http_peer.stop()
        with RunningCollector(config) as collector:
            async with contextlib.aclosing(Posting(await listening(collector))) as post:
                for _ in range(chance.randrange(5, 40)):
                    await post(following, following + 1)
                    following += 2
            acknowledged += post.acknowledged
        if peer_is_away:
            await http_peer.start()
    assert len(acknowledged) > 3 * 5
    with RunningCollector(config) as last:
        await until(lambda: set(acknowledged) <= set(received(http_peer)))
        assert await asyncio.to_thread(last.stop) == 0
    assert list((tmp_path / "queue").rglob("*.otlp")) == []


async def test_a_queue_on_disk_sends_nothing_twice_when_the_peer_was_away(
    http_peer: HttpPeer, tmp_path: Path
) -> None:
    config = on_disk(tmp_path, http_peer)
    await http_peer.stop()
    with RunningCollector(config) as killed:
        async with contextlib.aclosing(Posting(await listening(killed))) as post:
            for number in range(20):
                assert await post(number)
    await http_peer.start()
    with RunningCollector(config) as again:
        await until(lambda: len(received(http_peer)) == 20)
        assert await asyncio.to_thread(again.stop) == 0
    assert received(http_peer) == Counter(range(20))


@pytest.mark.parametrize("batch", [False, True], ids=["queue", "batch-and-queue"])
async def test_sighup_and_sigterm(*, batch: bool, http_peer: HttpPeer, tmp_path: Path) -> None:
    """While a client sends: a reload and a stop lose nothing that was acknowledged in memory."""
    port = free_port()
    config = on_disk(tmp_path, http_peer)
    text = config.read_text().replace("'127.0.0.1:0'", f"'127.0.0.1:{port}'")
    text = text.replace("    sending_queue: {storage: file_storage}\n", "")
    text = with_batch(text) if batch else text
    config.write_text(text)
    done = asyncio.Event()

    async def send(post: Posting) -> None:
        number = 0
        while not done.is_set():
            if await post(number):
                number += 1
            else:
                await asyncio.sleep(0.01)  # the doors are closed for a moment

    with RunningCollector(config) as collector:
        async with contextlib.aclosing(Posting(await listening(collector))) as post:
            sender = asyncio.create_task(send(post))
            await until(lambda: len(post.acknowledged) > 20)
            config.write_text(text.replace("http:", "http: {endpoint: [}", 1))
            collector.reload()
            await asyncio.to_thread(collector.wait_for, "configuration_refused")
            config.write_text(text.replace("initial_interval: 50ms", "initial_interval: 60ms"))
            collector.reload()
            await asyncio.to_thread(collector.wait_for, "configuration_reloaded")
            before = len(post.acknowledged)
            await until(lambda: len(post.acknowledged) > before + 20)
            done.set()
            await sender
        assert not (batch and http_peer.received), "the batch did not hold anything"
        assert await asyncio.to_thread(collector.stop) == 0
    assert set(post.acknowledged) <= set(received(http_peer))
    assert not batch or len(http_peer.received) == 1
    assert [entry for entry in collector.log if entry["event"] == "dropped"] == []


async def test_what_a_batch_behind_a_full_queue_holds_outlives_a_reload(
    http_peer: HttpPeer, tmp_path: Path
) -> None:
    """While the peer is away, also through a configuration that does not start."""
    config = on_disk(tmp_path, http_peer)
    text = config.read_text().replace("{storage: file_storage}", "{queue_size: 1}")
    text = with_batch(text, "processors: {batch: {timeout: 10ms}}\n")
    config.write_text(text)
    await http_peer.stop()
    with RunningCollector(config) as collector:
        async with contextlib.aclosing(Posting(await listening(collector))) as post:
            number = 0
            while await post(number):
                number += 1
                await asyncio.sleep(0.001)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
            collector.reload()
            await asyncio.to_thread(collector.wait_for, "collector_running", 2)
        config.write_text(text)
        collector.reload()
        await asyncio.to_thread(collector.wait_for, "collector_running", 3)
        await http_peer.start()
        await until(lambda: len(received(http_peer)) == number)
        assert await asyncio.to_thread(collector.stop) == 0
    assert number > 1
    assert set(received(http_peer)) == set(range(number))
    assert [entry for entry in collector.log if entry["event"] == "dropped"] == []
