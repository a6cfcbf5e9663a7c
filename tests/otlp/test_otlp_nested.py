"""Lists and maps as values become JSON text wherever they are, and nothing else changes."""

import math
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_strategies import field, requests, trace_request

from belvedere.otlp.any_value import json_text
from belvedere.otlp.nested import flatten_nested, has_nested
from belvedere.otlp.signal import Signal

NESTED = ("array_value", "kvlist_value")


def values_of(message: Message) -> Iterator[AnyValue]:
    """All values in a message that are in no other value, by its descriptor."""
    for described, content in message.ListFields():
        if described.message_type is None:
            continue
        for part in content if described.is_repeated else [content]:
            if isinstance(part, AnyValue):
                yield part
            else:
                yield from values_of(part)


@pytest.mark.parametrize("signal", Signal)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_it_does_what_a_walk_over_the_parsed_request_does(
    signal: Signal, data: st.DataObject
) -> None:
    request = data.draw(requests(signal))
    before = request.SerializeToString()
    after = flatten_nested(signal, before)

    for value in values_of(request):
        if value.WhichOneof("value") in NESTED:
            value.string_value = json_text(value)
    assert after == request.SerializeToString()


@pytest.mark.parametrize("signal", Signal)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_joined_requests_are_flattened_like_each(signal: Signal, data: st.DataObject) -> None:
    first, second = (data.draw(requests(signal)).SerializeToString() for _ in range(2))
    assert flatten_nested(signal, first + second) == (
        flatten_nested(signal, first) + flatten_nested(signal, second)
    )


LIST = {"array_value": {"values": [{"string_value": "stop"}]}}
PAIR = {"key": "k", "value": LIST}
PLAIN = {"key": "k", "value": {"string_value": '["stop"]'}}
SCOPE = {"name": "s"}


def traces(pair: dict[str, Any]) -> Message:
    request: Any = trace_request(
        {
            "name": "first",
            "attributes": [pair],
            "events": [{"name": "e", "attributes": [pair]}],
            "links": [{"attributes": [pair]}],
        },
        {"name": "second"},
    )
    request.resource_spans[0].MergeFrom(
        type(request.resource_spans[0])(
            resource={"attributes": [pair]},
            scope_spans=[{"scope": {**SCOPE, "attributes": [pair]}}],
            schema_url="https://example.com",
        )
    )
    return request


def logs(pair: dict[str, Any]) -> Message:
    return ExportLogsServiceRequest(
        resource_logs=[
            {
                "scope_logs": [
                    {
                        "log_records": [
                            {"body": pair["value"], "attributes": [pair]},
                            {"body": {"string_value": "text"}},
                            {"body": {"kvlist_value": {"values": [pair]}}}
                            if pair is PAIR
                            else {"body": {"string_value": '{"k":["stop"]}'}},
                        ]
                    }
                ]
            }
        ]
    )


def metrics(pair: dict[str, Any]) -> Message:
    exemplars = [{"filtered_attributes": [pair]}]
    point = {"attributes": [pair], "time_unix_nano": 5}
    kinds = ("gauge", "sum", "histogram", "exponential_histogram")
    each: list[dict[str, Any]] = [
        {"name": kind, kind: {"data_points": [{**point, "exemplars": exemplars}]}} for kind in kinds
    ]
    each.append({"name": "summary", "summary": {"data_points": [point]}, "metadata": [pair]})
    return ExportMetricsServiceRequest(
        resource_metrics=[{"scope_metrics": [{"scope": SCOPE, "metrics": each}]}]
    )


@pytest.mark.parametrize(
    ("signal", "build"),
    [(Signal.TRACES, traces), (Signal.LOGS, logs), (Signal.METRICS, metrics)],
    ids=list(Signal),
)
def test_values_are_rewritten_at_all_places(signal: Signal, build: Any) -> None:
    assert flatten_nested(signal, build(PAIR).SerializeToString()) == (
        build(PLAIN).SerializeToString()
    )


def test_without_nested_values_it_is_the_same_object() -> None:
    data = trace_request({"attributes": [PLAIN]}).SerializeToString()
    assert flatten_nested(Signal.TRACES, data) is data


def test_text_that_looks_like_a_nested_value_stays() -> None:
    trap = "\x12\x04\x2a\x02\x0a\x00"
    request = trace_request({"name": trap, "attributes": [PLAIN, {"key": trap}]})
    data = request.SerializeToString()
    assert flatten_nested(Signal.TRACES, data) == data


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 127, 128, 16_380, 16_390, 3_000_000])
def test_values_of_all_lengths_are_found(size: int) -> None:
    text = "x" * size
    values = [{"string_value": text}] if size else []
    nested = {"key": "k", "value": {"array_value": {"values": values}}}
    data = flatten_nested(
        Signal.TRACES, trace_request({"attributes": [nested]}).SerializeToString()
    )
    expected = {"key": "k", "value": {"string_value": orjson.dumps([text] * bool(size)).decode()}}
    assert data == trace_request({"attributes": [expected]}).SerializeToString()


@pytest.mark.parametrize(
    "data", [b"\x0a\x08\x12\x02\x2a\x00", b"\x0d\x12\x02\x2a\x00"], ids=["cut", "fixed32"]
)
def test_what_is_not_canonical_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"field|integer"):
        flatten_nested(Signal.TRACES, data)


def value(**kind: Any) -> AnyValue:
    return AnyValue(**kind)


def array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value={"values": values})


def mapping(**values: AnyValue) -> AnyValue:
    pairs = [{"key": key, "value": each} for key, each in values.items()]
    return AnyValue(kvlist_value={"values": pairs})


@pytest.mark.parametrize(
    ("nested", "text"),
    [
        (array(), "[]"),
        (mapping(), "{}"),
        (array(value(string_value="a"), value(int_value=-1)), '["a",-1]'),
        (array(value(int_value=2**63 - 1)), "[9223372036854775807]"),
        (array(value(bool_value=True), value(bool_value=False)), "[true,false]"),
        (array(value(double_value=1.5), value(double_value=3.0)), "[1.5,3]"),
        (array(value(double_value=-0.25), value(double_value=1e300)), "[-0.25,1e+300]"),
        (array(value(double_value=math.nan)), '["NaN"]'),
        (array(value(double_value=math.inf), value(double_value=-math.inf)), None),
        (array(value(bytes_value=b"\xff\x00")), '["/wA="]'),
        (array(value(), value(string_value_strindex=3)), "[null,null]"),
        (array(value(string_value='<a> & "b"\n')), '["<a> & \\"b\\"\\n"]'),
        (mapping(b=value(int_value=1), a=array(mapping(c=value()))), '{"a":[{"c":null}],"b":1}'),
        (AnyValue(kvlist_value={"values": [PAIR, {"key": "k"}]}), '{"k":null}'),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_the_text_form(nested: AnyValue, text: str | None) -> None:
    assert json_text(nested) == (text or '["Infinity","-Infinity"]')


def test_the_deepest_nesting_has_a_text() -> None:
    nested = value(string_value="x")
    for _ in range(49):
        nested = array(nested)
    assert json_text(nested) == "[" * 49 + '"x"' + "]" * 49


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("before", [0, (256 << 10) - 40, (256 << 10) - 8, 256 << 10])
def test_nested_values_are_found_wherever_they_begin(signal: Signal, before: int) -> None:
    """The search is done in pieces of 256 KiB; a value may begin at the end of one."""
    filler = field(1, field(1, field(1, field(1, b"f" * before))))
    nested = field(1, field(1, field(1, b"k") + field(2, field(5, field(1, field(1, b"v"))))))
    data = filler + field(1, nested)
    for shift in range(24):
        shifted = field(1, field(1, field(1, field(1, b"f" * shift)))) + data
        assert has_nested(signal, shifted)
        assert has_nested(signal, flatten_nested(signal, shifted)) is False
