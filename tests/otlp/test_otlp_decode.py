"""What leaves `decode` is canonical: what protobuf's own writer makes of what its reader read."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_strategies import (
    SPAN_ID,
    TRACE_ID,
    attribute_bytes,
    field,
    otlp_json,
    requests,
    span_bytes,
    trace_request,
    varint,
)

from belvedere.otlp.batch import count_items
from belvedere.otlp.decode import decode
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import Malformed, OtlpError
from belvedere.otlp.signal import Signal

each_signal = pytest.mark.parametrize("signal", Signal)


@each_signal
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_canonical_requests_are_not_changed(signal: Signal, data: st.DataObject) -> None:
    request: Any = data.draw(requests(signal))
    clean = decode(signal, request.SerializeToString()).batch  # invalid items are out now
    again = decode(signal, clean.data)
    assert again.batch.data == clean.data
    assert again.batch.items == clean.items == count_items(again.batch.message)
    assert (again.rejected, again.message) == (0, "")


@each_signal
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_json_and_protobuf_of_a_request_are_the_same_batch(
    signal: Signal, data: st.DataObject
) -> None:
    request = data.draw(requests(signal))
    assert decode(signal, otlp_json(request), Encoding.JSON) == decode(
        signal, request.SerializeToString()
    )


@each_signal
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_damaged_requests_are_a_valid_batch_or_an_error(
    signal: Signal, data: st.DataObject
) -> None:
    body = bytearray(data.draw(requests(signal)).SerializeToString() or b"\x0a")
    for position, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=4)
    ):
        body[position] = byte
    try:
        batch = decode(signal, bytes(body)).batch
    except OtlpError:
        return
    assert signal.request_type.FromString(batch.data).SerializeToString() == batch.data


def test_an_empty_request_is_an_empty_batch() -> None:
    decoded = decode(Signal.LOGS, b"", project="p", metadata={"a": ("b",)})
    assert (decoded.batch.data, decoded.batch.items, decoded.message) == (b"", 0, "")
    assert (decoded.batch.project, decoded.batch.metadata) == ("p", {"a": ("b",)})


GROUP = varint(100 << 3 | 3) + field(5, b"inside") + varint(100 << 3 | 4)
NAME = field(5, b"name")
ODD_SPANS: dict[str, tuple[bytes, dict[str, Any]]] = {
    # what is written after the ids, and what it means
    "unknown varint": (varint(100 << 3) + b"\x05" + NAME, {"name": "name"}),
    "unknown bytes": (field(100, b"xx") + NAME, {"name": "name"}),
    "unknown group": (GROUP + NAME, {"name": "name"}),
    "known number as group": (varint(5 << 3 | 3) + varint(5 << 3 | 4) + NAME, {"name": "name"}),
    "string as varint": (varint(5 << 3) + b"\x4d", {}),
    "string as fixed64": (varint(5 << 3 | 1) + b"12345678", {}),
    "number as bytes": (field(6, b"\x02"), {}),
    "fixed64 as varint": (varint(7 << 3) + b"\x05", {}),
    "message as varint": (varint(9 << 3) + b"\x03", {}),
    "string twice": (NAME + field(5, b"second"), {"name": "second"}),
    "id twice": (field(1, b"u" * 16), {"trace_id": b"u" * 16}),
    "number twice": (b"\x30\x02\x30\x03", {"kind": 3}),
    "choice twice": (
        attribute_bytes(field(1, b"text") + b"\x18\x07"),
        {"attributes": [{"key": "k", "value": {"int_value": 7}}]},
    ),
    "value twice": (
        field(9, field(1, b"k") + field(2, field(1, b"text")) + field(2, b"\x18\x07")),
        {"attributes": [{"key": "k", "value": {"int_value": 7}}]},
    ),
    "2 for true": (
        attribute_bytes(b"\x10\x02"),
        {"attributes": [{"key": "k", "value": {"bool_value": True}}]},
    ),
    "enum of 64 bits": (varint(6 << 3) + varint(2**40 + 2), {"kind": 2}),
    "number of too many bits": (varint(10 << 3) + b"\xff" * 9 + b"\x7f", {"dropped": 2**32 - 1}),
    "defaults written": (field(5, b"") + b"\x30\x00", {}),
    "long form of a length": (bytes([5 << 3 | 2, 0x84, 0x80, 0]) + b"name", {"name": "name"}),
    "status twice": (
        field(15, field(2, b"first")) + field(15, b"\x18\x02"),
        {"status": {"message": "first", "code": 2}},
    ),
}


@pytest.mark.parametrize(("content", "meaning"), list(ODD_SPANS.values()), ids=list(ODD_SPANS))
def test_odd_forms_become_canonical(content: bytes, meaning: dict[str, Any]) -> None:
    if "dropped" in meaning:
        meaning = {"dropped_attributes_count": meaning["dropped"]}
    expected = Span(**{"trace_id": TRACE_ID, "span_id": SPAN_ID, **meaning})
    decoded = decode(Signal.TRACES, span_bytes(content))
    assert decoded.batch.data == field(1, field(2, field(2, expected.SerializeToString())))
    assert decoded.batch.message == trace_request(meaning)


def nested(depth: int) -> bytes:
    value = field(1, b"x")
    for _ in range(depth):
        value = field(5, field(1, value))
    return span_bytes(attribute_bytes(value))


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",
        b"\x0a\x05ab",
        b"\xff" * 50,
        field(1, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        span_bytes(field(5, b"\xff\xfe")),
        span_bytes(b"\x02\x00"),
        span_bytes(varint(100 << 3 | 3)),
        span_bytes(varint(100 << 3 | 4)),
        span_bytes(b"\x2e"),
        nested(60),
        nested(20_000),
    ],
    ids=[
        "cut in a length",
        "cut in a field",
        "no end of a number",
        "length of 2^70",
        "invalid UTF-8",
        "field number 0",
        "group without end",
        "end without group",
        "wire type 6",
        "nested 60 times",
        "nested 20,000 times",
    ],
)
def test_what_is_no_protobuf_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not valid protobuf"):
        decode(Signal.TRACES, body)


def test_the_deepest_nesting_that_protobuf_reads_is_kept() -> None:
    assert decode(Signal.TRACES, nested(46)).batch.items == 1


def test_times_are_never_rejected() -> None:
    request = trace_request(
        {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 0},
        {"start_time_unix_nano": 1, "end_time_unix_nano": 2**63},
    )
    decoded = decode(Signal.TRACES, request.SerializeToString())
    assert (decoded.batch.items, decoded.rejected, decoded.batch.message) == (2, 0, request)


@each_signal
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_as_received_is_the_same_to_official_messages(signal: Signal, data: st.DataObject) -> None:
    body = data.draw(requests(signal)).SerializeToString()
    canonical, received = decode(signal, body), decode(signal, body, canonical=False)
    parsed: Any = signal.request_type.FromString(received.batch.data)
    parsed.DiscardUnknownFields()
    assert parsed.SerializeToString() == canonical.batch.data
    assert received.batch.items == canonical.batch.items == count_items(parsed)
    assert (received.rejected, received.message) == (canonical.rejected, canonical.message)


def test_valid_requests_stay_as_received_if_they_may() -> None:
    odd = span_bytes(varint(100 << 3) + b"\x05" + field(5, b"a") + field(5, b"b"))
    assert decode(Signal.TRACES, odd, canonical=False).batch.data is odd
    assert decode(Signal.TRACES, odd).batch.data != odd


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05abc", b"\xff" * 20])
def test_what_is_no_protobuf_is_refused_in_any_form(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(Signal.TRACES, body, canonical=False)
