"""OTLP/gRPC."""

import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from otlp_doors import METHODS, REQUESTS, TIMEOUT_S, Doors, traces
from structlog.typing import EventDict

from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.receivers.otlp.config import GrpcConfig
from belvedere.collector.receivers.otlp.grpc_door import _options
from belvedere.otlp.batch import CLIENT_ADDRESS
from belvedere.otlp.signal import Signal

Code = grpc.StatusCode
GOOD = traces().SerializeToString()


def refusal(doors: Doors, message: bytes, **call: Any) -> grpc.Call:
    """The status of an export that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        doors.export(message, **call)
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error


@pytest.mark.parametrize("signal", Signal)
def test_a_request_becomes_a_batch(doors: Doors, signal: Signal) -> None:
    request = REQUESTS[signal]
    metadata = (("x-scope-orgid", "team-1"), ("x-many", "a"), ("x-many", "b"), ("x-bin", b"\xff"))
    assert doors.export(request.SerializeToString(), signal, metadata=metadata) == b""
    (batch,) = doors.batches
    assert (batch.signal, batch.items, batch.project) == (signal, 1, "team-1")
    assert batch.data == request.SerializeToString()
    assert batch.metadata["x-many"] == ("a", "b")
    assert "x-bin" not in batch.metadata


@pytest.mark.parametrize("compression", list(grpc.Compression), ids=lambda each: each.name)
def test_compressions_of_grpc(doors: Doors, compression: grpc.Compression) -> None:
    request = traces("x" * 5000)
    doors.export(request.SerializeToString(), compression=compression)
    assert doors.batches[0].message == request


@pytest.mark.parametrize("coding", ["zstd", "snappy", "lz4"])
def test_other_codings_are_refused_by_grpc_itself(doors: Doors, coding: str) -> None:
    """gRPC's core ends such a call while it reads the headers: nothing of ours is asked.

    Should this fail one day, the core lets them through, and `compression.py` has the decoders.
    """
    with socket.create_connection(("127.0.0.1", doors.grpc_port or 0), TIMEOUT_S) as connection:
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": METHODS[Signal.TRACES],
            ":authority": "test",
            "content-type": "application/grpc",
            "te": "trailers",
            "grpc-encoding": coding,
        }
        literals = b"".join(
            b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
            for name, value in headers.items()
        )
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(4, 0, 0, b"")
            + frame(1, 4, 1, literals)
            + frame(0, 1, 1, b"\x01" + len(GOOD).to_bytes(4, "big") + GOOD)
        )
        received = b""
        while b"grpc-status" not in received:
            received += (piece := connection.recv(4096))
            assert piece, received
    assert b"\x0bgrpc-status\x0213" in received  # INTERNAL
    assert b"Error parsing 'grpc-encoding'" in received


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def test_an_empty_request_is_a_success_and_no_batch(doors: Doors) -> None:
    assert doors.export(b"") == b""
    assert doors.batches == []


def test_partial_success(doors: Doors) -> None:
    request = traces("good", "bad", "good")
    request.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    answer = Signal.TRACES.response_type.FromString(doors.export(request.SerializeToString()))
    assert answer.partial_success.rejected_spans == 1
    assert "trace_id has 5 bytes" in answer.partial_success.error_message
    assert doors.batches[0].message == traces("good", "good")


def test_nothing_valid_is_no_batch(doors: Doors) -> None:
    answer = doors.export(traces("a", "b", trace_id=b"").SerializeToString())
    assert Signal.TRACES.response_type.FromString(answer).partial_success.rejected_spans == 2
    assert doors.batches == []


BAD_MESSAGES = {
    "no protobuf": (b"\xff\xff", Code.INVALID_ARGUMENT, "not valid protobuf"),
    "invalid UTF-8": (
        GOOD.replace(b"span", b"\xff\xfe\xff\xfe"),
        Code.INVALID_ARGUMENT,
        "protobuf",
    ),
    "cut gzip": (gzip.compress(GOOD)[:-3], Code.INVALID_ARGUMENT, "gzip body is cut short"),
    "broken gzip": (b"\x1f\x8b" + b"x" * 30, Code.INVALID_ARGUMENT, "not valid gzip"),
    "cut zlib": (zlib.compress(GOOD)[:-3], Code.INVALID_ARGUMENT, "deflate body is cut short"),
    "gzip of garbage": (gzip.compress(b"\xff"), Code.INVALID_ARGUMENT, "protobuf"),
}


@pytest.mark.parametrize(
    ("message", "code", "details"), list(BAD_MESSAGES.values()), ids=list(BAD_MESSAGES)
)
def test_bad_messages(doors: Doors, message: bytes, code: Code, details: str) -> None:
    status = refusal(doors, message)
    assert status.code() is code
    assert details in status.details()
    assert "grpc-status-details-bin" not in dict(status.trailing_metadata())
    doors.export(GOOD)
    assert len(doors.batches) == 1


@pytest.mark.parametrize("project", ["", "a b", "x" * 65, "../etc", "a;drop"])
def test_bad_project_names(doors: Doors, project: str) -> None:
    status = refusal(doors, GOOD, metadata=(("x-scope-orgid", project),))
    assert status.code() is Code.INVALID_ARGUMENT
    assert "X-Scope-OrgID" in status.details()


@pytest.mark.parametrize(
    "compression",
    [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate],
    ids=lambda each: each.name,
)
def test_too_large_is_final(
    open_doors: Callable[..., Doors], compression: grpc.Compression
) -> None:
    doors = open_doors(grpc={"max_recv_msg_size_mib": 1})
    status = refusal(doors, traces("x" * (1 << 20)).SerializeToString(), compression=compression)
    assert status.code() is Code.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(status.trailing_metadata())
    doors.export(traces("x" * 1_000_000).SerializeToString(), compression=compression)


def test_retryable_is_unavailable_with_retry_info(doors: Doors) -> None:
    doors.error = Retryable("the queue is full", after_s=2.5)
    status = refusal(doors, GOOD)
    assert (status.code(), status.details()) == (Code.UNAVAILABLE, "the queue is full")
    rich = Status.FromString(dict(status.trailing_metadata())["grpc-status-details-bin"])
    info = RetryInfo()
    assert rich.details[0].Unpack(info)
    assert info.retry_delay.ToTimedelta().total_seconds() == 2.5


def test_retryable_without_a_time_leaves_it_to_the_sender(doors: Doors) -> None:
    doors.error = Retryable("not now")
    status = refusal(doors, GOOD)
    assert status.code() is Code.UNAVAILABLE
    assert "grpc-status-details-bin" not in dict(status.trailing_metadata())


def test_permanent_is_invalid_argument(doors: Doors) -> None:
    doors.error = Permanent("no such project")
    status = refusal(doors, GOOD)
    assert (status.code(), status.details()) == (Code.INVALID_ARGUMENT, "no such project")


def test_the_unexpected_is_logged_once_and_not_told(
    doors: Doors, logged: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    doors.error = RuntimeError("secret detail")
    status = refusal(doors, GOOD)
    assert status.code() is Code.INTERNAL
    assert "secret" not in status.details()
    (entry,) = [each for each in logged if each["log_level"] == "error"]
    assert entry["event"] == "request_failed"
    assert entry["exc_info"] is doors.error
    assert caplog.records == []


def test_signals_without_a_pipeline_are_unimplemented(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(signals=frozenset({Signal.LOGS}))
    assert refusal(doors, GOOD).code() is Code.UNIMPLEMENTED
    doors.export(REQUESTS[Signal.LOGS].SerializeToString(), Signal.LOGS)


def test_credentials_are_not_handed_on(doors: Doors) -> None:
    doors.export(GOOD, metadata=(("authorization", "Bearer x"), ("cookie", "y"), ("x-a", "b")))
    assert set(doors.batches[0].metadata) == {"x-a", "user-agent", CLIENT_ADDRESS}
    assert doors.batches[0].metadata[CLIENT_ADDRESS] == ("127.0.0.1",)


def test_metadata_can_be_left_out(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(grpc={"include_metadata": False})
    doors.export(GOOD, metadata=(("x-scope-orgid", "p"),))
    assert doors.batches[0].metadata == {CLIENT_ADDRESS: ("127.0.0.1",)}
    assert doors.batches[0].project == "p"


def test_a_large_request_is_decoded_beside_the_loop(doors: Doors) -> None:
    request = traces(*["x" * 100] * 20_000)
    doors.export(request.SerializeToString())
    assert doors.batches[0].items == 20_000


def test_requests_in_flight_are_answered_at_shutdown(doors: Doors) -> None:
    doors.hold()
    future = doors.channel().unary_unary(METHODS[Signal.TRACES]).future(GOOD, timeout=TIMEOUT_S)
    assert doors.arrived.wait(TIMEOUT_S)
    stopping = threading.Thread(target=lambda: doors.run(doors.receiver.shutdown()))
    stopping.start()
    doors.release()
    assert future.result() == b""
    stopping.join(TIMEOUT_S)
    assert len(doors.batches) == 1
    assert refusal(doors, GOOD).code() is Code.UNAVAILABLE


def test_keepalive_keys_are_grpc_options() -> None:
    config = GrpcConfig.model_validate(
        {
            "max_concurrent_streams": 7,
            "max_recv_msg_size_mib": 2,
            "keepalive": {
                "server_parameters": {
                    "max_connection_idle": "1m",
                    "max_connection_age": "2m",
                    "max_connection_age_grace": "3s",
                    "time": "4s",
                    "timeout": "500ms",
                },
                "enforcement_policy": {"min_time": "10s", "permit_without_stream": True},
            },
        }
    )
    assert dict(_options(config)) == {
        "grpc.so_reuseport": 0,
        "grpc.max_receive_message_length": 2 << 20,
        "grpc.per_message_decompression": 0,
        "grpc.max_concurrent_streams": 7,
        "grpc.max_connection_idle_ms": 60_000,
        "grpc.max_connection_age_ms": 120_000,
        "grpc.max_connection_age_grace_ms": 3000,
        "grpc.keepalive_time_ms": 4000,
        "grpc.keepalive_timeout_ms": 500,
        "grpc.http2.min_ping_interval_without_data_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 1,
    }
