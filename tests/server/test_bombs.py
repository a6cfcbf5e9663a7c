"""While requests that are small and costly are refused, other clients get their answers."""

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cramjam
import grpc
import httpx
import pytest
import zstandard
from otlp_strategies import SPAN_ID, TRACE_ID, field, trace_request
from running_server import TIMEOUT_S, RunningServer

MIB = 1 << 20
SIZE = 60 * MIB
ANSWER_S = 1.0
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GOOD = trace_request({"name": "good"}).SerializeToString()
PROTOBUF = {"content-type": "application/x-protobuf"}
CHANNEL = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def nested(levels: int) -> bytes:
    """An attribute value: lists in lists."""
    value = b""
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


def spans(content: bytes) -> bytes:
    return field(1, field(2, content))


def attribute(value: bytes) -> bytes:
    """A span that is valid, with one attribute."""
    ids = field(1, TRACE_ID) + field(2, SPAN_ID)
    return spans(field(2, ids + field(9, field(1, b"key") + field(2, value))))


CONTENTS: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: bytes(SIZE),
    "unknown varints": lambda: b"\x78\x01" * (SIZE // 2),
    "empty spans": lambda: spans(b"\x12\x00" * (SIZE // 2)),
    "empty attributes": lambda: spans(field(2, b"\x4a\x00" * (SIZE // 2))),
    "nested": lambda: attribute(nested(30)) * (SIZE // 4 // len(attribute(nested(30)))),
    "a long list": lambda: attribute(field(5, b"\x0a\x02\x10\x01" * (SIZE // 64))),
    "a list of 500 KiB": lambda: attribute(field(5, b"\x0a\x02\x10\x01" * (500 << 8))),
    "nested too deep": lambda: attribute(nested(3000)),
}
JSON_CONTENTS: dict[str, Callable[[], bytes]] = {
    "JSON brackets": lambda: b"[" * (SIZE // 4),
    "JSON spans": lambda: (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1}'
        + b',{"kind":1}' * (SIZE // 48)
        + b"]}]}]}"
    ),
}
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "deflate": lambda data: zlib.compress(data, 1),
    "zstd": zstandard.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}
SERIES: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: bytes(SIZE // 2),
    "unknown varints": lambda: b"\x78\x01" * (SIZE // 4),
    "empty series": lambda: b"\x0a\x00" * (SIZE // 4),
    "empty labels": lambda: field(1, b"\x0a\x00" * (SIZE // 4)),
    "empty samples": lambda: field(1, b"\x12\x00" * (SIZE // 4)),
}


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def over_http(server: RunningServer, body: bytes, **headers: str) -> None:
    headers = {"content-type": PROTOBUF["content-type"], **headers}
    with httpx.Client(timeout=4 * TIMEOUT_S) as client:
        client.post(f"{server.http}/v1/traces", content=body, headers=headers)


def over_grpc(server: RunningServer, body: bytes) -> None:
    with grpc.insecure_channel(server.grpc, options=CHANNEL) as channel:
        call = channel.unary_unary(TRACES).future(body, timeout=4 * TIMEOUT_S)
        code = call.code()
    assert code is not grpc.StatusCode.DEADLINE_EXCEEDED


def over_remote_write(server: RunningServer, content: bytes) -> None:
    body = bytes(cramjam.snappy.compress_raw(content))
    httpx.post(
        f"{server.api}/prometheus/api/v1/write",
        content=body,
        headers={**PROTOBUF, "content-encoding": "snappy"},
        timeout=4 * TIMEOUT_S,
    )


BOMBS: dict[str, Callable[[], tuple[Callable[..., None], bytes, dict[str, str]]]] = {
    **{
        f"HTTP gzip {name}": lambda build=build: (
            over_http,
            zipped(build()),
            {"content-encoding": "gzip"},
        )
        for name, build in CONTENTS.items()
    },
    **{
        f"HTTP gzip {name}": lambda build=build: (
            over_http,
            zipped(build()),
            {"content-encoding": "gzip", "content-type": "application/json"},
        )
        for name, build in JSON_CONTENTS.items()
    },
    **{
        f"HTTP {coding} zeros": lambda coding=coding, compress=compress: (
            over_http,
            compress(bytes(SIZE)),
            {"content-encoding": coding},
        )
        for coding, compress in CODINGS.items()
    },
    **{
        f"gRPC gzip {name}": lambda build=build: (over_grpc, zipped(build()), {})
        for name, build in CONTENTS.items()
    },
    "gRPC 25 MB": lambda: (over_grpc, bytes(25_000_000), {}),
    **{
        f"remote write {name}": lambda build=build: (over_remote_write, build(), {})
        for name, build in SERIES.items()
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(Path(tmp_path_factory.mktemp("bombs")))
    yield running
    running.kill()


@pytest.mark.parametrize("build", list(BOMBS.values()), ids=list(BOMBS))
def test_other_clients_get_their_answers_meanwhile(
    server: RunningServer,
    build: Callable[[], tuple[Callable[..., None], bytes, dict[str, str]]],
) -> None:
    send, body, headers = build()
    bomb = threading.Thread(target=send, args=(server, body), kwargs=headers)
    waits_s = []
    with (
        httpx.Client(timeout=TIMEOUT_S) as client,
        grpc.insecure_channel(server.grpc, options=CHANNEL) as channel,
    ):
        export = channel.unary_unary(TRACES)
        export(GOOD, timeout=TIMEOUT_S)
        bomb.start()
        while bomb.is_alive() or not waits_s:
            started = time.monotonic()
            assert client.post(
                f"{server.http}/v1/traces", content=GOOD, headers=PROTOBUF
            ).is_success
            waits_s.append(time.monotonic() - started)
            export(GOOD, timeout=TIMEOUT_S)
            waits_s.append(time.monotonic() - started - waits_s[-1])
    bomb.join()
    assert max(waits_s) < ANSWER_S
