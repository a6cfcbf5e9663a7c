"""Success, partial success and media types."""

import orjson
import pytest

from belvedere.otlp.answer import success
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import UnsupportedMediaType
from belvedere.otlp.signal import Signal

REJECTED = {
    Signal.TRACES: ("rejected_spans", "rejectedSpans"),
    Signal.METRICS: ("rejected_data_points", "rejectedDataPoints"),
    Signal.LOGS: ("rejected_log_records", "rejectedLogRecords"),
}


@pytest.mark.parametrize("signal", Signal)
def test_full_success_is_an_empty_message(signal: Signal) -> None:
    assert success(signal, Encoding.PROTOBUF) == b""
    assert success(signal, Encoding.JSON) == b"{}"


@pytest.mark.parametrize("signal", Signal)
def test_partial_success(signal: Signal) -> None:
    field, json_name = REJECTED[signal]
    protobuf = success(signal, Encoding.PROTOBUF, rejected=3, message="why")
    partial = signal.response_type.FromString(protobuf).partial_success
    assert (getattr(partial, field), partial.error_message) == (3, "why")
    json = orjson.loads(success(signal, Encoding.JSON, rejected=3, message="why"))
    assert json == {"partialSuccess": {json_name: "3", "errorMessage": "why"}}


def test_a_warning_rejects_nothing() -> None:
    answer = orjson.loads(success(Signal.LOGS, Encoding.JSON, message="careful"))
    assert answer == {"partialSuccess": {"errorMessage": "careful"}}


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-protobuf", Encoding.PROTOBUF),
        ("application/json", Encoding.JSON),
        ("Application/JSON; charset=utf-8", Encoding.JSON),
        (" application/x-protobuf ; a=b", Encoding.PROTOBUF),
    ],
)
def test_media_types(content_type: str, encoding: Encoding) -> None:
    assert Encoding.of_content_type(content_type) is encoding


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc", "json", ";"])
def test_other_media_types_are_unsupported(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"application/x-protobuf or application/json"):
        Encoding.of_content_type(content_type)
