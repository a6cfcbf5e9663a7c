"""One attempt over HTTP and gRPC: what it sends, and how the answer is understood."""

import gzip
import socket
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from belvedere.sdk.export.destination import Destination
from belvedere.sdk.export.grpc import GrpcSender, _retry_info_s
from belvedere.sdk.export.http import HttpSender
from belvedere.sdk.export.outcome import Delivered, Refused, Retry

PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
).SerializeToString()


def http(receiver: Any, **options: Any) -> HttpSender:
    return HttpSender(Destination("traces", "http", f"{receiver.endpoint}/v1/traces", **options))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param((200, b"", {}), Delivered(), id="ok"),
        pytest.param((200, PARTIAL, {}), Delivered(2, "too old"), id="partial"),
        pytest.param((200, b"<html>", {}), Delivered(), id="ok-in-other-words"),
        pytest.param((503, b"", {}), Retry("HTTP 503 Service Unavailable"), id="503"),
        pytest.param(
            (429, b"", {"retry-after": "7"}), Retry("HTTP 429 Too Many Requests", 7.0), id="429"
        ),
        pytest.param(
            (503, b"", {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}),
            Retry("HTTP 503 Service Unavailable"),
            id="a-date",
        ),
        pytest.param((400, b"", {}), Refused("HTTP 400 Bad Request"), id="400"),
        pytest.param((500, b"", {}), Refused("HTTP 500 Internal Server Error"), id="500"),
    ],
)
def test_http_answers(receiver: Any, answer: Any, outcome: Any) -> None:
    receiver.answers.append(answer)
    sender = http(receiver)
    assert sender.send(b"", 5) == outcome
    sender.close()


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_http_asked_to_wait_for_nothing_it_decides_itself(receiver: Any, text: str) -> None:
    receiver.answers = [(503, b"", {"retry-after": text})]
    sender = http(receiver)
    outcome = sender.send(b"", 5)
    sender.close()
    assert outcome == Retry("HTTP 503 Service Unavailable")


def test_http_asked_to_wait_until_a_date(receiver: Any) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    receiver.answers = [(503, b"", {"retry-after": in_an_hour})]
    sender = http(receiver)
    outcome = sender.send(b"", 5)
    sender.close()
    assert isinstance(outcome, Retry)
    assert outcome.after_s is not None
    assert 3000 < outcome.after_s <= 3600


def test_http_says_what_to_do_about_a_missing_token(receiver: Any) -> None:
    receiver.answers.append((401, b"", {}))
    sender = http(receiver)
    outcome = sender.send(b"", 5)
    sender.close()
    assert isinstance(outcome, Refused)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in outcome.reason


@pytest.mark.parametrize(
    ("compression", "undo"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)]
)
def test_http_compresses(compression: str, undo: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sender = HttpSender(
            Destination("traces", "http", f"http://127.0.0.1:{port}/", compression=compression)
        )
        import threading

        got: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(65536)
            got.extend([head, body])
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
        assert sender.send(b"hello" * 100, 5) == Delivered()
        answering.join()
        sender.close()
    assert f"content-encoding: {compression}".encode() in got[0].lower()
    assert undo(got[1]) == b"hello" * 100


def test_http_sends_headers_and_keeps_its_connection(receiver: Any) -> None:
    sender = http(receiver, headers={"authorization": "Bearer x"})
    assert sender.send(b"", 5) == Delivered()
    connection = sender._connection
    assert sender.send(b"", 5) == Delivered()
    assert sender._connection is connection
    sender.close()
    assert receiver.headers[0]["authorization"] == "Bearer x"
    assert receiver.headers[0]["content-type"] == "application/x-protobuf"


def test_http_a_connection_that_the_peer_closed_meanwhile_is_opened_again(receiver: Any) -> None:
    sender = http(receiver)
    receiver.answers.append((200, b"", {"connection": "close"}))
    assert sender.send(b"", 5) == Delivered()
    assert sender.send(b"", 5) == Delivered()
    sender._connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr] # it is open
    assert sender.send(b"", 5) == Delivered()
    sender.close()


def test_http_nobody_listens_and_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hanging = HttpSender(Destination("traces", "http", f"http://127.0.0.1:{port}/v1/traces"))
        assert hanging.send(b"", 0.05) == Retry("no answer in time")
        hanging.close()
    outcome = HttpSender(Destination("traces", "http", f"http://127.0.0.1:{port}/v1/traces")).send(
        b"", 5
    )
    assert outcome == Retry("connection refused")


def test_http_goes_through_a_proxy(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", receiver.endpoint)
    monkeypatch.setenv("no_proxy", "")
    sender = HttpSender(Destination("traces", "http", "http://far.example/v1/traces"))
    assert sender.send(b"", 5) == Delivered()
    sender.close()
    assert receiver.headers[0]["host"] == "far.example"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, Delivered),
        ("UNAVAILABLE", Retry),
        ("DEADLINE_EXCEEDED", Retry),
        ("RESOURCE_EXHAUSTED", Refused),
        ("INVALID_ARGUMENT", Refused),
        ("UNAUTHENTICATED", Refused),
    ],
)
def test_grpc_answers(grpc_receiver: Any, answer: str | None, kind: type) -> None:
    if answer:
        grpc_receiver.answers.append((500, answer.encode(), {}))
    sender = GrpcSender(
        Destination("traces", "grpc", grpc_receiver.grpc_endpoint, {"x-tenant": "1"})
    )
    outcome = sender.send(b"", 5)
    sender.close()
    assert isinstance(outcome, kind)
    assert grpc_receiver.headers[0]["x-tenant"] == "1"


def test_grpc_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sender = GrpcSender(Destination("traces", "grpc", f"http://127.0.0.1:{port}"))
    outcome = sender.send(b"", 5)
    sender.close()
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("UNAVAILABLE")


def test_grpc_retry_info_is_read() -> None:
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = 2, 500_000_000
    detail = AnyMessage()
    detail.Pack(info)
    status = Status(code=14, details=[detail]).SerializeToString()
    assert _retry_info_s([("grpc-status-details-bin", status)]) == 2.5
    assert _retry_info_s([("other", "x")]) is None


def test_http_at_a_grpc_port_says_so(grpc_receiver: Any) -> None:
    sender = HttpSender(Destination("traces", "http", f"{grpc_receiver.grpc_endpoint}/v1/traces"))
    outcome = sender.send(b"", 5)
    sender.close()
    assert isinstance(outcome, Retry)
    assert "protocol='grpc'" in outcome.reason
