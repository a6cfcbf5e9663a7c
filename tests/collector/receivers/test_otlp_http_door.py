"""OTLP/HTTP."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from otlp_doors import JSON, PROTOBUF, REQUESTS, Doors, traces
from structlog.typing import EventDict

from belvedere.collector.errors import Permanent, Retryable
from belvedere.otlp.batch import CLIENT_ADDRESS
from belvedere.otlp.signal import Signal

GOOD = traces().SerializeToString()
GOOD_JSON = orjson.dumps(
    {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": bytes(range(16)).hex(),
                                "spanId": bytes(range(1, 9)).hex(),
                                "name": "span",
                            }
                        ]
                    }
                ]
            }
        ]
    }
)


@pytest.mark.parametrize("signal", Signal)
def test_protobuf(doors: Doors, signal: Signal) -> None:
    request = REQUESTS[signal].SerializeToString()
    answer = doors.post(request, {**PROTOBUF, "X-Scope-OrgID": "team-1"}, signal)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert "server" not in answer.headers
    (batch,) = doors.batches
    assert (batch.signal, batch.data, batch.items, batch.project) == (signal, request, 1, "team-1")
    assert batch.metadata["x-scope-orgid"] == ("team-1",)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json(doors: Doors, content_type: str) -> None:
    answer = doors.post(GOOD_JSON, {"content-type": content_type})
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"
    assert doors.batches[0].data == GOOD


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("body", "headers"), [(GOOD, PROTOBUF), (GOOD_JSON, JSON)])
def test_content_encodings(doors: Doors, coding: str, body: bytes, headers: dict[str, str]) -> None:
    answer = doors.post(CODINGS[coding](body), {**headers, "content-encoding": coding})
    assert answer.status_code == 200
    assert doors.batches[0].data == GOOD


def test_chunked_bodies(doors: Doors) -> None:
    pieces = (GOOD[index : index + 1] for index in range(len(GOOD)))
    assert doors.post(pieces).status_code == 200
    assert doors.batches[0].data == GOOD


@pytest.mark.parametrize(("body", "headers"), [(b"", PROTOBUF), (b"{}", JSON)])
def test_an_empty_request_is_a_success_and_no_batch(
    doors: Doors, body: bytes, headers: dict[str, str]
) -> None:
    assert doors.post(body, headers).status_code == 200
    assert doors.batches == []


@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "json"])
def test_partial_success(doors: Doors, headers: dict[str, str]) -> None:
    if headers is PROTOBUF:
        body = traces("bad", span_id=b"short").SerializeToString()
        answer = doors.post(body, headers)
        parsed = Signal.TRACES.response_type.FromString(answer.content).partial_success
        rejected, message = parsed.rejected_spans, parsed.error_message
    else:
        body = GOOD_JSON.replace(b'"spanId":"01', b'"spanId":"')
        answer = doors.post(body, headers)
        partial = answer.json()["partialSuccess"]
        rejected, message = int(partial["rejectedSpans"]), partial["errorMessage"]
    assert (answer.status_code, rejected) == (200, 1)
    assert "spans[0]: span_id has" in message
    assert doors.batches == []


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no protobuf": ({"content": b"\xff"}, 400, "not valid protobuf"),
    "no JSON": ({"content": b"{", "headers": JSON}, 400, "not valid JSON"),
    "not OTLP/JSON": (
        {"content": b'{"resourceSpans":[{"scopeSpans":5}]}', "headers": JSON},
        400,
        "resourceSpans[0].scopeSpans: expected an array",
    ),
    "cut gzip": (
        {
            "content": gzip.compress(GOOD)[:-1],
            "headers": {**PROTOBUF, "content-encoding": "gzip"},
        },
        400,
        "cut short",
    ),
    "bad project": ({"headers": {**PROTOBUF, "x-scope-orgid": "a/b"}}, 400, "X-Scope-OrgID"),
    "no content type": ({"headers": {}}, 415, "is none"),
    "wrong content type": ({"headers": {"content-type": "text/plain"}}, 415, "text/plain"),
    "two content types": (
        {"headers": [("content-type", "application/json"), ("content-type", "text/plain")]},
        400,
        "several Content-Type",
    ),
    "wrong encoding": ({"headers": {**PROTOBUF, "content-encoding": "br"}}, 415, "'br'"),
    "GET": ({"method": "GET", "content": b""}, 405, "POST"),
    "PUT": ({"method": "PUT"}, 405, "POST"),
    "OPTIONS": ({"method": "OPTIONS", "content": b""}, 405, "POST"),
    "wrong path": ({"url": "/v1/spans"}, 404, "/v1/traces, /v1/metrics, /v1/logs"),
    "root": ({"url": "/"}, 404, "/v1/traces"),
}


@pytest.mark.parametrize(
    ("request_", "status", "message"), list(REFUSED.values()), ids=list(REFUSED)
)
@pytest.mark.usefixtures("no_complaints")
def test_refusals(doors: Doors, request_: dict[str, Any], status: int, message: str) -> None:
    defaults = {"method": "POST", "url": "/v1/traces", "content": GOOD, "headers": PROTOBUF}
    answer = doors.client.request(**{**defaults, **request_})
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        told = answer.json()["message"]
    else:
        told = Status.FromString(answer.content).message
    assert message in told
    assert (answer.headers.get("allow") == "POST") == (status == 405)
    assert doors.post(GOOD).status_code == 200
    assert len(doors.batches) == 1


@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "json"])
def test_errors_are_in_the_encoding_of_the_request(doors: Doors, headers: dict[str, str]) -> None:
    answer = doors.post(b"\xff", headers)
    assert answer.headers["content-type"] == headers["content-type"]
    code = Status.FromString(answer.content).code if headers is PROTOBUF else answer.json()["code"]
    assert code == 3


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Retryable("full", after_s=0.5), 503, "1"),
        (Retryable("full", after_s=30), 503, "30"),
        (Retryable("full"), 503, None),
        (Permanent("never"), 400, None),
    ],
    ids=["soon", "later", "when you like", "never"],
)
def test_errors_of_the_pipeline(
    doors: Doors, error: Exception, status: int, retry_after: str | None
) -> None:
    doors.error = error
    answer = doors.post(GOOD)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert Status.FromString(answer.content).message == str(error)


def test_the_unexpected_is_logged_once_and_not_told(
    doors: Doors, logged: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    doors.error = RuntimeError("secret detail")
    answer = doors.post(GOOD)
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert [each["event"] for each in logged if each["log_level"] == "error"] == ["request_failed"]
    assert [each for each in caplog.records if each.name.startswith("uvicorn")] == []


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_client_in_the_middle_of_too_much_gets_to_read_why(
    open_doors: Callable[..., Doors],
    chunked: bool,  # noqa: FBT001 - a column of the table
) -> None:
    doors = open_doors(http={"max_request_body_size": 100_000})
    body: Any = (bytes(10_000) for _ in range(200)) if chunked else bytes(2_000_000)
    assert doors.post(body).status_code == 413
    assert doors.post(GOOD).status_code == 200


@pytest.mark.parametrize("coding", CODINGS)
def test_the_limit_holds_after_decompression(open_doors: Callable[..., Doors], coding: str) -> None:
    doors = open_doors(http={"max_request_body_size": "100KiB"})
    headers = {**PROTOBUF, "content-encoding": coding}
    fits = traces("x" * 102_000).SerializeToString()
    assert doors.post(CODINGS[coding](fits), headers).status_code == 200
    too_large = traces("x" * 103_000).SerializeToString()
    assert doors.post(CODINGS[coding](too_large), headers).status_code == 413


def test_paths_can_be_configured(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"traces_url_path": "/otlp/t", "logs_url_path": "otlp/l"})
    assert doors.client.post("/otlp/t", content=GOOD, headers=PROTOBUF).status_code == 200
    assert doors.client.post("/otlp/l", content=b"", headers=PROTOBUF).status_code == 200
    assert doors.post(GOOD).status_code == 404


def test_signals_without_a_pipeline_are_not_found(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(signals=frozenset({Signal.LOGS}))
    assert doors.post(GOOD).status_code == 404
    assert doors.post(b"", signal=Signal.LOGS).status_code == 200


def test_credentials_are_not_handed_on(doors: Doors) -> None:
    doors.post(GOOD, {**PROTOBUF, "authorization": "Bearer x", "cookie": "a=b", "x-a": "b"})
    metadata = doors.batches[0].metadata
    assert metadata["x-a"] == ("b",)
    assert {"authorization", "cookie"}.isdisjoint(metadata)


def test_headers_can_be_left_out(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"include_metadata": False})
    doors.post(GOOD)
    assert doors.batches[0].metadata == {CLIENT_ADDRESS: ("127.0.0.1",)}


def test_json_gets_a_quarter_of_the_limit(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"max_request_body_size": 4000})
    assert doors.post(b'{"x":"%b"}' % (b"y" * 990), JSON).status_code == 200
    answer = doors.post(b'{"x":"%b"}' % (b"y" * 1000), JSON)
    assert (answer.status_code, "1000 bytes" in answer.json()["message"]) == (413, True)
