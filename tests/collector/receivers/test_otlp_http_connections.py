"""OTLP/HTTP below the requests: connections, timeouts, broken HTTP, shutdown."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from otlp_doors import TIMEOUT_S, Doors, traces

GOOD = traces().SerializeToString()


def head(*headers: str) -> bytes:
    """The begin of a request to /v1/traces."""
    lines = [
        "POST /v1/traces HTTP/1.1",
        "host: localhost",
        "content-type: application/x-protobuf",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class connect:  # noqa: N801 - used like a function
    """A bare connection."""

    def __init__(self, doors: Doors) -> None:
        self._stream = socket.create_connection(("127.0.0.1", doors.http_port), TIMEOUT_S)

    def __enter__(self) -> socket.socket:
        return self._stream

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def read_answer(stream: socket.socket) -> bytes:
    """One answer: its head, and as much of a body as that says."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = stream.recv(65536)
        assert piece, answer
        answer += piece
    begin, _, body = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in begin.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += stream.recv(65536)
    return begin + b"\r\n\r\n" + body


def test_connections_are_kept_and_requests_may_be_pipelined(doors: Doors) -> None:
    request = head(f"content-length: {len(GOOD)}") + GOOD
    with connect(doors) as stream:
        for _ in range(3):
            stream.sendall(request)
            assert read_answer(stream).startswith(b"HTTP/1.1 200 ")
        stream.sendall(request * 3)
        answers = b""
        while answers.count(b"HTTP/1.1 200 ") < 3:
            answers += stream.recv(65536)
    assert len(doors.batches) == 6


def test_a_client_may_ask_before_it_sends(doors: Doors) -> None:
    with connect(doors) as stream:
        stream.sendall(head(f"content-length: {len(GOOD)}", "expect: 100-continue"))
        assert stream.recv(100).startswith(b"HTTP/1.1 100 ")
        stream.sendall(GOOD)
        assert read_answer(stream).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("no_complaints")
@pytest.mark.parametrize("begin", [b"", head()[:-2]], ids=["silent", "half a head"])
def test_a_head_that_does_not_come_is_given_up(
    open_doors: Callable[..., Doors], begin: bytes
) -> None:
    doors = open_doors(http={"endpoint": "localhost:0", "read_header_timeout": "50ms"})
    with connect(doors) as stream:
        stream.sendall(begin)
        assert stream.recv(100) == b""


def test_the_time_for_the_head_is_not_that_for_the_body(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"endpoint": "localhost:0", "read_header_timeout": "50ms"})
    with connect(doors) as stream:
        for _ in range(2):
            stream.sendall(head(f"content-length: {len(GOOD)}"))
            time.sleep(0.1)
            stream.sendall(GOOD)
            assert read_answer(stream).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("no_complaints")
def test_a_body_that_does_not_come_is_given_up(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"read_timeout": "50ms"})
    with connect(doors) as stream:
        stream.sendall(head("content-length: 10") + b"12345")
        answer = read_answer(stream)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"not whole after 0.05 s" in answer


@pytest.mark.usefixtures("no_complaints")
def test_a_client_that_goes_away_is_no_error(doors: Doors) -> None:
    with connect(doors) as stream:
        stream.sendall(head("content-length: 1000") + b"12345")
    assert doors.post(GOOD).status_code == 200
    assert len(doors.batches) == 1


def endless_header() -> Iterator[bytes]:
    yield b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nx-long: "
    while True:
        yield b"x" * 10_000


def endless_headers() -> Iterator[bytes]:
    yield b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n"
    while True:
        yield b"x-many: y\r\n" * 1000


def endless_url() -> Iterator[bytes]:
    yield b"POST /v1/"
    while True:
        yield b"x" * 10_000


@pytest.mark.usefixtures("no_complaints")
@pytest.mark.parametrize("send", [endless_header, endless_headers, endless_url])
def test_a_head_without_end_is_cut_off(doors: Doors, send: Callable[[], Iterator[bytes]]) -> None:
    with connect(doors) as stream:
        with contextlib.suppress(OSError):  # the connection is closed while we send
            for piece in itertools.islice(send(), 2000):
                stream.sendall(piece)
        # It may be reset before the answer is read; that there is an end is what matters.
        with contextlib.suppress(ConnectionError):
            assert stream.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert doors.post(GOOD).status_code == 200


@pytest.mark.usefixtures("no_complaints")
@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/traces HTTP/9.9\r\n\r\n",
        b"POST http://[ HTTP/1.1\r\nhost: localhost\r\n\r\n",
        head("content-length: -5"),
        head("content-length: 99999999999999999999999"),
        head("transfer-encoding: chunked") + b"zz\r\n",
    ],
    ids=[
        "zeros",
        "TLS",
        "HTTP/2",
        "HTTP/9.9",
        "broken URL",
        "negative length",
        "huge length",
        "broken chunk",
    ],
)
def test_what_is_not_http_is_answered_400(doors: Doors, garbage: bytes) -> None:
    with connect(doors) as stream:
        stream.sendall(garbage)
        assert stream.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert doors.post(GOOD).status_code == 200


def test_a_declared_size_over_the_limit_is_refused_unread(
    open_doors: Callable[..., Doors],
) -> None:
    doors = open_doors(http={"max_request_body_size": 1000})
    with connect(doors) as stream:
        stream.sendall(head("content-length: 1001"))  # and not a byte of the body
        answer = read_answer(stream)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b"1001 bytes; the limit is 1000" in answer
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b""


def test_requests_in_flight_are_answered_at_shutdown(doors: Doors) -> None:
    doors.hold()
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(doors.post(GOOD)))
    sending.start()
    assert doors.arrived.wait(TIMEOUT_S)
    stopping = threading.Thread(target=lambda: doors.run(doors.receiver.shutdown()))
    stopping.start()
    doors.release()
    sending.join(TIMEOUT_S)
    stopping.join(TIMEOUT_S)
    assert [answer.status_code for answer in answers] == [200]
    assert len(doors.batches) == 1
    with pytest.raises(httpx.ConnectError):
        doors.post(GOOD)


def test_what_does_not_finish_is_told_to_try_again(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belvedere.collector.receivers.otlp.receiver._GRACE_S", 0.2)
    doors.hold()
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(doors.post(GOOD)))
    sending.start()
    assert doors.arrived.wait(TIMEOUT_S)
    doors.run(doors.receiver.shutdown())
    sending.join(TIMEOUT_S)
    assert [answer.status_code for answer in answers] == [503]
    assert doors.batches == []
