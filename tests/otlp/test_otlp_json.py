"""OTLP/JSON: the forms that senders use, and errors that say where."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_strategies import otlp_json, requests

from belvedere.otlp.errors import Malformed
from belvedere.otlp.json import parse_json
from belvedere.otlp.json_writer import json_bytes
from belvedere.otlp.signal import Signal


@pytest.mark.parametrize("signal", Signal)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_round_trip_with_protobuf(signal: Signal, data: st.DataObject) -> None:
    request = data.draw(requests(signal))
    assert parse_json(signal, otlp_json(request)) == request


def parse_span(**fields: Any) -> Any:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}
    request: Any = parse_json(Signal.TRACES, json.dumps(body).encode())
    return request.resource_spans[0].scope_spans[0].spans[0]


def parse_value(value: Any) -> Any:
    return parse_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


@pytest.mark.parametrize(
    ("json_name", "value", "name", "expected"),
    [
        ("traceId", "0AaF" * 8, "trace_id", bytes.fromhex("0aaf" * 8)),
        ("spanId", "ffFF" * 4, "span_id", b"\xff" * 8),
        ("parentSpanId", "", "parent_span_id", b""),
        ("kind", 3, "kind", 3),
        ("kind", 77, "kind", 77),
        ("kind", None, "kind", 0),
        ("startTimeUnixNano", "1544712660300000000", "start_time_unix_nano", 1544712660300000000),
        ("startTimeUnixNano", 1544712660300000000, "start_time_unix_nano", 1544712660300000000),
        ("startTimeUnixNano", 18446744073709551615, "start_time_unix_nano", 2**64 - 1),
        ("startTimeUnixNano", 1e18, "start_time_unix_nano", 10**18),
        ("droppedAttributesCount", "7", "dropped_attributes_count", 7),
        ("flags", 257, "flags", 257),
        ("name", "naïve \N{SNOWMAN}", "name", "naïve \N{SNOWMAN}"),
        ("start_time_unix_nano", 5, "start_time_unix_nano", 0),
        ("noSuchField", {"deep": [1, {}]}, "name", ""),
        ("attributes", None, "dropped_attributes_count", 0),
    ],
    ids=[
        "hex of any case",
        "hex upper",
        "empty id",
        "enum",
        "enum value of the future",
        "null is absent",
        "int64 as string",
        "int64 as number",
        "largest uint64",
        "whole float",
        "int32 as string",
        "fixed32",
        "unicode",
        "snake case is unknown",
        "unknown field",
        "null list",
    ],
)
def test_accepted_forms(json_name: str, value: Any, name: str, expected: Any) -> None:
    assert getattr(parse_span(**{json_name: value}), name) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ({"stringValue": ""}, "string_value", ""),
        ({"boolValue": False}, "bool_value", False),
        ({"intValue": "0"}, "int_value", 0),
        ({"intValue": -5}, "int_value", -5),
        ({"doubleValue": 1}, "double_value", 1.0),
        ({"doubleValue": "-1.5e3"}, "double_value", -1500.0),
        ({"doubleValue": "Infinity"}, "double_value", float("inf")),
        ({"doubleValue": "-Infinity"}, "double_value", float("-inf")),
        ({"bytesValue": base64.b64encode(b"\xfb\xff").decode()}, "bytes_value", b"\xfb\xff"),
        ({"bytesValue": "-_8"}, "bytes_value", b"\xfb\xff"),
        ({"stringValue": None, "intValue": 3}, "int_value", 3),
    ],
    ids=lambda value: str(value)[:40],
)
def test_values_keep_their_kind(value: Any, kind: str, expected: Any) -> None:
    parsed = parse_value(value)
    assert parsed.WhichOneof("value") == kind
    assert getattr(parsed, kind) == expected


def test_nan_is_a_string() -> None:
    parsed = parse_value({"doubleValue": "NaN"}).double_value
    assert parsed != parsed  # noqa: PLR0124 - NaN is what is not itself


def test_empty_lists_and_maps_are_set() -> None:
    assert parse_value({"arrayValue": {}}).WhichOneof("value") == "array_value"
    assert parse_value({"kvlistValue": {"values": []}}).WhichOneof("value") == "kvlist_value"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"traceId": "xyz"}, 'traceId: expected an id as hexadecimal digits, found "xyz"'),
        ({"traceId": "abc"}, "hexadecimal"),
        ({"traceId": "aa bb"}, "hexadecimal"),
        ({"traceId": 5}, "hexadecimal"),
        ({"kind": "SPAN_KIND_SERVER"}, "integer of an enum value"),
        ({"kind": "3"}, "integer of an enum value"),
        ({"kind": 2**31}, "integer of an enum value"),
        ({"startTimeUnixNano": "-1"}, "an integer from 0 to 18446744073709551615"),
        ({"startTimeUnixNano": "18446744073709551616"}, "an integer from 0"),
        ({"startTimeUnixNano": 18446744073709551616}, "an integer from 0"),
        ({"startTimeUnixNano": "1_000"}, "an integer"),
        ({"startTimeUnixNano": " 1"}, "an integer"),
        ({"startTimeUnixNano": "\N{ARABIC-INDIC DIGIT ONE}"}, "an integer"),
        ({"startTimeUnixNano": 1.5}, "an integer"),
        ({"startTimeUnixNano": True}, "an integer, found true"),
        ({"flags": 2**32}, "an integer from 0 to 4294967295"),
        ({"name": 5}, "expected a string, found 5"),
        ({"name": ["x"]}, "expected a string, found an array"),
        ({"events": {}}, "events: expected an array, found an object"),
        ({"events": [{}, None]}, "events[1]: expected an object, found null"),
        ({"status": []}, "status: expected an object, found an array"),
        ({"name": {"long": 1}}, "found an object"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_errors_say_where_and_what_is_expected(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_span(**fields)
    assert str(caught.value).startswith("resourceSpans[0].scopeSpans[0].spans[0].")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"boolValue": 1}, "expected true or false, found 1"),
        ({"boolValue": "true"}, "true or false"),
        ({"doubleValue": "1_0"}, "expected a number"),
        ({"doubleValue": "nan"}, "expected a number"),
        ({"doubleValue": True}, "expected a number"),
        ({"bytesValue": "a"}, "base64"),
        ({"bytesValue": "a b="}, "base64"),
        ({"bytesValue": "ü"}, "base64"),
        ({"bytesValue": 1}, "base64"),
        ({"stringValue": "a", "intValue": 1}, "another of the same choice"),
        ("text", "expected an object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_values_that_are_refused(value: Any, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_value(value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{} {}",
        b'{"resourceSpans": NaN}',
        b'{"resourceSpans": 1e400}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_bodies_that_are_no_request(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_json(Signal.TRACES, body)


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (47, True), (48, False), (300, False)])
def test_what_json_may_nest_is_what_protobuf_may(depth: int, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    value: Any = {"stringValue": "x"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    body = {"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": value}]}}]}
    if fits:
        request = parse_json(Signal.TRACES, json.dumps(body).encode())
        assert type(request).FromString(request.SerializeToString()) == request
    else:
        with pytest.raises(Malformed) as caught:
            parse_json(Signal.TRACES, json.dumps(body).encode())
        assert "nested in more than 100 messages" in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("signal", Signal)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_writes_what_protobuf_would(signal: Signal, data: st.DataObject) -> None:
    request = data.draw(requests(signal))
    assert json.loads(json_bytes(request)) == json.loads(otlp_json(request))
    assert parse_json(signal, json_bytes(request)) == request


@pytest.mark.parametrize(
    ("number", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_writes_doubles_that_are_no_numbers_as_strings(number: float, text: str) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.gauge.data_points.add(as_double=number)
    assert f'"asDouble":"{text}"'.encode() in json_bytes(request)
