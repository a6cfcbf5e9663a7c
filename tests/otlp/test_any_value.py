"""Values as text, and values of plain Python."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from belvedere.otlp.any_value import any_value, double_text, text_of


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (None, ""),
        ("a b", "a b"),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (1.0, "1"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.00001, "0.00001"),
        (1.25e-7, "1.25e-7"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (b"\x00\xff", "AP8="),
        ([], "[]"),
        ({"b": [1, 2.0], "a": None}, '{"a":null,"b":[1,2]}'),
    ],
    ids=repr,
)
def test_values_have_a_text(plain: Any, text: str) -> None:
    assert text_of(any_value(plain)) == text


@pytest.mark.parametrize("plain", [1 << 63, object(), [{1, 2}]], ids=["int65", "object", "set"])
def test_refuses_what_no_attribute_can_be(plain: Any) -> None:
    with pytest.raises(ValueError, match="cannot be the value"):
        any_value(plain)


def test_empty_lists_and_maps_stay_values() -> None:
    kinds = [any_value(plain).WhichOneof("value") for plain in ([], {}, "")]
    assert kinds == ["array_value", "kvlist_value", "string_value"]


@settings(deadline=None, max_examples=200)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_double_reads_back(number: float) -> None:
    assert float(double_text(number)) == number
    assert text_of(AnyValue(double_value=number)) == double_text(number)


@pytest.mark.parametrize("levels", [1, 25, 26, 200])
def test_what_is_nested_deeply_can_be_read_by_others(levels: int) -> None:
    plain: Any = 1
    for _ in range(levels):
        plain = {"a": plain}
    record = LogRecord(attributes=[KeyValue(key="k", value=any_value(plain))])
    scopes = [ScopeLogs(log_records=[record])]
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=scopes)])
    assert ExportLogsServiceRequest.FromString(request.SerializeToString()) == request
    within = max(0, levels - 25)
    inner = '{"a":' * within + "1" + "}" * within
    shown = json.dumps(inner) if within else inner
    outer = levels - within
    assert text_of(any_value(plain)) == '{"a":' * outer + shown + "}" * outer


def test_refuses_what_has_no_end() -> None:
    plain: list[Any] = []
    plain.append(plain)
    with pytest.raises(ValueError, match="Recursion"):
        any_value(plain)
