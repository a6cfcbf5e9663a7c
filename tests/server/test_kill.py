"""`kill -9` at any moment: nothing acknowledged is missing, and nothing is there twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KILLS = 10
ITEMS = 25


def spans(numbers: range) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in numbers:
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="n"
        )
        span.start_time_unix_nano = time.time_ns()
    return request.SerializeToString()


def records(numbers: range) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number in numbers:
        record = scope.log_records.add(time_unix_nano=time.time_ns())
        record.body.string_value = str(number)
    return request.SerializeToString()


def points(numbers: range) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="number")
    now_ms = time.time_ns() // 1_000_000
    for number in numbers:
        point = metric.gauge.data_points.add(time_unix_nano=now_ms * 1_000_000, as_double=number)
        attribute = point.attributes.add(key="lane")
        attribute.value.string_value = str(number % ITEMS)
    return request.SerializeToString()


SIGNALS = {
    # signal: (gRPC method, how to make a request, query for the numbers that are stored)
    "traces": (
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        spans,
        "SELECT reinterpretAsUInt64(reverse(unhex(SpanId))) AS number FROM otel_traces",
    ),
    "logs": (
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        records,
        "SELECT toUInt64(Body) AS number FROM otel_logs",
    ),
    "metrics": (
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        points,
        "SELECT toUInt64(value) AS number FROM metric_samples",
    ),
}


class Sender(threading.Thread):
    """Sends requests of one signal until told to stop, each once; remembers what was accepted."""

    def __init__(self, signal: str, address: str, first: int) -> None:
        super().__init__(daemon=True)
        self.method, self.make, _ = SIGNALS[signal]
        self.address, self.next = address, first
        self.acknowledged: list[int] = []
        self.done = threading.Event()

    def run(self) -> None:
        with grpc.insecure_channel(self.address) as channel:
            send = channel.unary_unary(self.method)
            while not self.done.is_set():
                numbers = range(self.next, self.next + ITEMS)
                self.next = numbers.stop
                try:
                    send(self.make(numbers), timeout=5)
                except grpc.RpcError:
                    continue
                self.acknowledged.extend(numbers)


def test_ten_kills(start_server: Callable) -> None:
    chance = random.Random(20)
    acknowledged: dict[str, list[int]] = {signal: [] for signal in SIGNALS}
    following = dict.fromkeys(SIGNALS, 1)
    for _ in range(KILLS):
        server = start_server()
        senders = {signal: Sender(signal, server.grpc, following[signal]) for signal in SIGNALS}
        for sender in senders.values():
            sender.start()
        time.sleep(chance.uniform(0.05, 2.0))  # segments are closed after 1 s: before and after
        server.kill()
        for signal, sender in senders.items():
            sender.done.set()
            sender.join()
            acknowledged[signal].extend(sender.acknowledged)
            following[signal] = sender.next

    server = start_server()
    for signal, numbers in acknowledged.items():
        assert len(numbers) > KILLS * ITEMS, f"too few {signal} got through to tell anything"
        assert_each_once(server, signal, numbers)
    assert server.stop()[0] == 0


DIE = """
import os, signal
from belvedere.collector.durable_queue import DurableQueue
from belvedere.store.embedded import EmbeddedClickHouse

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "patch",
    [
        DIE + "DurableQueue.done = die",
        DIE + "EmbeddedClickHouse.insert = die",
        DIE + "DurableQueue._close = die",
    ],
    ids=["between insert and delete", "before the insert", "before a segment is closed"],
)
@pytest.mark.parametrize("signal", list(SIGNALS))
def test_a_kill_at_the_worst_moment(start_server: Callable, signal: str, patch: str) -> None:
    dying = start_server(patch=patch)
    sender = Sender(signal, dying.grpc, 1)
    sender.start()
    dying.process.wait(timeout=30)
    sender.done.set()
    sender.join()
    assert sender.acknowledged
    assert_each_once(start_server(), signal, sender.acknowledged)


def test_a_kill_with_batch_before_the_store(start_server: Callable, tmp_path: Path) -> None:
    """Its timer is an hour, which no client waits for: the durable queue acknowledges."""
    packaged = files("belvedere.server").joinpath("up.yaml").read_text(encoding="utf-8")
    config = tmp_path / "with_batch.yaml"
    text = yaml.safe_load(packaged.replace("[memory_limiter]", "[memory_limiter, batch]"))
    text["processors"]["batch"] = {"timeout": "1h", "send_batch_size": 100_000}
    config.write_text(yaml.safe_dump(text))
    server = start_server("--config", str(config))
    requests = 10
    for method, make, _ in SIGNALS.values():
        with grpc.insecure_channel(server.grpc) as channel:
            for first in range(1, requests * ITEMS, ITEMS):
                channel.unary_unary(method)(make(range(first, first + ITEMS)), timeout=30)
    server.kill()
    again = start_server("--config", str(config))
    for signal in SIGNALS:
        assert_each_once(again, signal, list(range(1, requests * ITEMS + 1)))


def assert_each_once(server: Any, signal: str, acknowledged: list[int]) -> None:
    """What was acknowledged is stored; nothing is stored twice, acknowledged or not."""
    sent = set(acknowledged)
    server.stored()
    (row,) = server.sql(f"SELECT groupArray(number) AS numbers FROM ({SIGNALS[signal][2]})")
    stored = Counter(row["numbers"])
    assert sent - stored.keys() == set(), f"acknowledged {signal} are missing"
    assert [n for n, count in stored.items() if count > 1] == [], f"{signal} are there twice"
