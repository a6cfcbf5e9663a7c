"""Each error has one HTTP status, one gRPC code, and a body in the request's encoding."""

import grpc
import orjson
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from belvedere.otlp import errors
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import OtlpError, RequestError, Unavailable
from belvedere.otlp.status import grpc_answer, http_answer

Code = grpc.StatusCode

TABLE = {
    errors.Malformed: (400, Code.INVALID_ARGUMENT),
    errors.TooLarge: (413, Code.RESOURCE_EXHAUSTED),
    errors.UnsupportedMediaType: (415, Code.INVALID_ARGUMENT),
    errors.UnsupportedEncoding: (415, Code.UNIMPLEMENTED),
    errors.Unauthenticated: (401, Code.UNAUTHENTICATED),
    errors.Forbidden: (403, Code.PERMISSION_DENIED),
    errors.NotFound: (404, Code.NOT_FOUND),
    errors.MethodNotAllowed: (405, Code.UNIMPLEMENTED),
    errors.TooSlow: (408, Code.DEADLINE_EXCEEDED),
    errors.NotAccepted: (400, Code.INVALID_ARGUMENT),
    errors.Unavailable: (503, Code.UNAVAILABLE),
    errors.Internal: (500, Code.INTERNAL),
}


def test_the_table_has_all_errors() -> None:
    concrete = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, OtlpError)
    } - {OtlpError, RequestError}
    assert concrete == set(TABLE)


@pytest.mark.parametrize("error_type", TABLE, ids=lambda each: each.__name__)
def test_codes_and_bodies(error_type: type[OtlpError]) -> None:
    http_status, code = TABLE[error_type]
    error = error_type("what is wrong")
    expected = Status(code=code.value[0], message="what is wrong")

    protobuf = http_answer(error, Encoding.PROTOBUF)
    assert protobuf.status == http_status
    assert ("content-type", "application/x-protobuf") in protobuf.headers
    assert Status.FromString(protobuf.body) == expected

    json = http_answer(error, Encoding.JSON)
    assert json.status == http_status
    assert ("content-type", "application/json") in json.headers
    assert orjson.loads(json.body) == {"code": code.value[0], "message": "what is wrong"}

    answer = grpc_answer(error)
    assert (answer.code, answer.message, answer.trailing_metadata) == (code, "what is wrong", ())


@pytest.mark.parametrize(
    ("after_s", "header", "seconds", "nanos"),
    [(5, "5", 5, 0), (0.25, "1", 0, 250_000_000), (0, "0", 0, 0), (1.5, "2", 1, 500_000_000)],
)
def test_when_to_try_again(after_s: float, header: str, seconds: int, nanos: int) -> None:
    error = Unavailable("full", after_s=after_s)
    assert ("retry-after", header) in http_answer(error, Encoding.PROTOBUF).headers

    ((key, value),) = grpc_answer(error).trailing_metadata
    assert key == "grpc-status-details-bin"
    status = Status.FromString(value)
    assert (status.code, status.message) == (14, "full")
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert (info.retry_delay.seconds, info.retry_delay.nanos) == (seconds, nanos)


def test_retry_info_in_json() -> None:
    body = orjson.loads(http_answer(Unavailable("full", after_s=5), Encoding.JSON).body)
    assert body["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}
    ]


@pytest.mark.parametrize(
    ("error_type", "header"),
    [
        (errors.Unauthenticated, ("www-authenticate", "Bearer")),
        (errors.MethodNotAllowed, ("allow", "POST")),
    ],
    ids=["401", "405"],
)
def test_headers_that_http_asks_for(error_type: type[OtlpError], header: tuple[str, str]) -> None:
    assert header in http_answer(error_type("no"), Encoding.JSON).headers


def test_no_text_is_longer_than_grpc_can_send() -> None:
    assert len(grpc_answer(errors.Malformed("x" * 100_000)).message) == 1000
