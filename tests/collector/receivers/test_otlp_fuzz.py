"""Nothing that is sent to a door disturbs it: it answers, with the right code, and goes on."""

import gzip
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_doors import METHODS, REQUESTS, TIMEOUT_S, Doors, traces

from belvedere.otlp.signal import Signal

GOOD = traces().SerializeToString()

few = settings(
    deadline=None,
    max_examples=150,
    # The receiver serves all examples, which is the point.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = pytest.mark.usefixtures("no_complaints")


@pytest.fixture(scope="module")
def target() -> Iterator[Doors]:
    with Doors(
        grpc={"max_recv_msg_size_mib": 1},
        http={"max_request_body_size": "1MiB", "read_timeout": "200ms"},
    ) as doors:
        yield doors


RICH = traces(
    "naïve \N{SNOWMAN}",
    "",
    start_time_unix_nano=1_700_000_000_000_000_000,
    end_time_unix_nano=2**64 - 1,
    attributes=[
        {"key": "text", "value": {"string_value": "x" * 200}},
        {"key": "number", "value": {"int_value": -1}},
        {"key": "list", "value": {"array_value": {"values": [{"double_value": 0.5}, {}]}}},
        {"key": "map", "value": {"kvlist_value": {"values": [{"key": "a"}]}}},
    ],
    events=[{"time_unix_nano": 0, "name": "e"}],
    links=[{"trace_id": b"t" * 16, "span_id": b"s" * 8}],
    status={"code": 2, "message": "no"},
).SerializeToString()
JSON_BODY = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"arrayValue":{"values":'
    b'[{"intValue":"5"},{"doubleValue":"NaN"},{"bytesValue":"AAE="}]}}}]},"scopeSpans":[{"spans":'
    b'[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":2,'
    b'"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":-1,"name":"\xc3\xa9"}]}]}]}'
)
REAL = [RICH, GOOD, *(request.SerializeToString() for request in REQUESTS.values()), JSON_BODY]


def deep_protobuf(depth: int) -> bytes:
    """Spans, in an array, in an array, ..."""
    content = b""
    for _ in range(depth):
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        content = b"\x0a" + length + content
    return content


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real request with bytes flipped, cut off, or another one's in the middle."""
    body = bytearray(draw(st.sampled_from(REAL)))
    for position, byte in draw(
        st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), max_size=5)
    ):
        body[position % len(body)] = byte
    if draw(st.booleans()):
        other = draw(st.sampled_from(REAL))
        cut = draw(st.integers(0, len(body)))
        body[cut : cut + draw(st.integers(0, 50))] = other[draw(st.integers(0, len(other))) :]
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


bodies = st.one_of(
    mutated(),
    st.binary(max_size=300),
    st.sampled_from(REAL),
    st.integers(1, 4000).map(deep_protobuf),
    st.integers(1, 20_000).map(lambda depth: b'{"resourceSpans":' + b"[" * depth),
    st.integers(1, 20_000).map(lambda depth: b'{"a":' * depth),
    st.integers(1, 60).map(
        lambda depth: (
            b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":'
            + b'{"arrayValue":{"values":[' * depth
            + b"]}}" * depth
            + b"}]}}]}"
        )
    ),
    st.integers(0, 1_200_000).map(lambda size: traces("x" * size).SerializeToString()),
    st.integers(0, 300_000).map(lambda size: b'{"resourceSpans":"' + b"\xc3" * size + b'"}'),
    st.integers(0, 500_000).map(lambda count: b"\x0a\x00" * count),
    st.integers(0, 10_000).map(lambda digits: b'{"resourceSpans":' + b"9" * digits + b"}"),
)

CODINGS = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@st.composite
def compressed(draw: st.DrawFn) -> tuple[str, bytes]:
    """A body in a coding: whole, cut or broken."""
    name = draw(st.sampled_from(sorted(CODINGS)))
    body = CODINGS[name](draw(bodies))
    damage = draw(st.sampled_from(["none", "none", "cut", "flip", "tail"]))
    if damage == "cut":
        body = body[: draw(st.integers(0, len(body)))]
    elif damage == "flip" and body:
        position = draw(st.integers(0, len(body) - 1))
        body = body[:position] + bytes([body[position] ^ 255]) + body[position + 1 :]
    elif damage == "tail":
        body += b"tail"
    return name, body


def assert_only_valid_batches(doors: Doors) -> None:
    """What came through is canonical, and its items are counted right."""
    for batch in doors.batches:
        parsed: Any = batch.signal.request_type.FromString(batch.data)
        assert parsed.SerializeToString() == batch.data
        assert batch.items > 0
    doors.batches.clear()


@few
@given(
    coded=compressed(),
    content_type=st.sampled_from(
        [
            *["application/x-protobuf", "application/json"] * 4,
            "application/json; charset=utf-16",
            "text/html",
            "",
            "application/é",
        ]
    ),
    named=st.sampled_from([None, None, None, "gzip", "br", "", "gzip, zstd", "identity"]),
    signal=st.sampled_from(list(Signal)),
)
def test_http_requests(
    target: Doors, coded: tuple[str, bytes], content_type: str, named: str | None, signal: Signal
) -> None:
    coding, body = coded
    headers = {
        "content-type": content_type.encode(),
        "content-encoding": (coding if named is None else named).encode(),
    }
    answer = target.client.post(f"/v1/{signal}", content=body, headers=headers)
    assert answer.status_code in (200, 400, 413, 415)
    if content_type not in ("application/x-protobuf", "application/json; charset=utf-16"):
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json(), dict)
    assert_only_valid_batches(target)
    assert target.post(GOOD).status_code == 200
    assert [batch.data for batch in target.batches] == [GOOD]


@few
@given(coded=compressed(), signal=st.sampled_from(list(Signal)))
def test_grpc_messages(target: Doors, coded: tuple[str, bytes], signal: Signal) -> None:
    target.batches.clear()
    call = target.channel().unary_unary(METHODS[signal]).future(coded[1], timeout=TIMEOUT_S)
    assert call.code() in (
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
    assert_only_valid_batches(target)
    target.export(GOOD)
    assert [batch.data for batch in target.batches] == [GOOD]


HTTP_REQUEST = (
    b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    b"X-Scope-OrgID: p\r\nContent-Length: %d\r\n\r\n%b" % (len(GOOD), GOOD)
)


@st.composite
def broken_http(draw: st.DrawFn) -> bytes:
    """An HTTP request with bytes replaced, removed or added."""
    data = bytearray(HTTP_REQUEST)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(data) - 1))
        removed = draw(st.integers(0, 3))
        data[position : position + removed] = draw(st.binary(max_size=4))
    return bytes(data)


def send_raw(port: int | None, data: bytes) -> bytes:
    """Send, say that this was all, and read what comes until the end."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as stream:
        try:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
            while piece := stream.recv(65536):
                answer += piece
        except ConnectionError:
            pass
    return answer


@few
@given(data=st.one_of(broken_http(), st.binary(max_size=200)))
def test_bytes_at_the_http_port(target: Doors, data: bytes) -> None:
    answer = send_raw(target.http_port, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 500" not in answer
    assert target.post(GOOD).status_code == 200


@few
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda tail: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + tail),
    )
)
def test_bytes_at_the_grpc_port(target: Doors, data: bytes) -> None:
    send_raw(target.grpc_port, data)
    assert target.export(GOOD) == b""


@few
@given(method=st.text("abc/.%é", max_size=20).map(lambda text: f"/{text}"), body=st.binary())
def test_unknown_grpc_methods(target: Doors, method: str, body: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        target.channel().unary_unary(method)(body, timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]  # a Call, too
    assert METHODS
