"""Traces by id, as Tempo answers them."""

from base64 import b64encode

import httpx
import pytest
from api_samples import T0_NS, TRACE_ID, trace_request
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from belvedere.api.tempo import _varint

PROTOBUF = {"Accept": "application/protobuf"}


@pytest.fixture(scope="module")
def sent() -> TracesData:
    return TracesData(resource_spans=trace_request().resource_spans)


async def test_v2_protobuf_is_a_trace_by_id_response(
    api: httpx.AsyncClient, sent: TracesData
) -> None:
    answer = await api.get(f"/api/v2/traces/{TRACE_ID}", headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/protobuf")
    # A repeated field 1 of messages is also how the message that is asked for is encoded.
    tag, rest = answer.content[0], answer.content[1:]
    length = len(sent.SerializeToString())
    assert (tag, rest[: len(_varint(length))]) == (0x0A, _varint(length))
    assert TracesData.FromString(rest[len(_varint(length)) :]) == sent


async def test_v1_protobuf_is_a_trace(api: httpx.AsyncClient, sent: TracesData) -> None:
    answer = await api.get(f"/api/traces/{TRACE_ID}", headers=PROTOBUF)
    assert TracesData.FromString(answer.content) == sent


@pytest.mark.parametrize(
    ("path", "outer"),
    [("/api/v2/traces", ("trace", "resourceSpans")), ("/api/traces", ("batches",))],
)
async def test_json(api: httpx.AsyncClient, path: str, outer: tuple[str, ...]) -> None:
    answer = await api.get(f"{path}/{TRACE_ID}")
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    for key in outer:
        assert list(body) == [key]
        body = body[key]
    assert body[0]["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "gateway"}}
    ]
    assert body[0]["scopeSpans"][0]["spans"][0] == {
        "traceId": b64encode(bytes.fromhex(TRACE_ID)).decode(),
        "spanId": b64encode(b"\1" * 8).decode(),
        "name": "GET /",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": str(T0_NS),
        "endTimeUnixNano": str(T0_NS + 5_000_000),
    }


@pytest.mark.parametrize("trace_id", [TRACE_ID.upper(), TRACE_ID.lstrip("0")])
async def test_other_spellings_of_an_id(api: httpx.AsyncClient, trace_id: str) -> None:
    assert (await api.get(f"/api/v2/traces/{trace_id}")).status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start=1760000000&end=1760000000", 200),
        ("start=0&end=0", 200),
        ("start=1760000001", 404),
        ("end=1759999999", 404),
        ("start=2&end=1", 400),
        ("start=yesterday", 400),
        ("start=-1", 400),
        ("end=99999999999999", 400),
    ],
)
async def test_bounds(api: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await api.get(f"/api/v2/traces/{TRACE_ID}?{query}")).status_code == status


@pytest.mark.parametrize("headers", [{}, PROTOBUF], ids=["json", "protobuf"])
@pytest.mark.parametrize("version", ["v2/", ""])
async def test_an_unknown_trace(
    api: httpx.AsyncClient, version: str, headers: dict[str, str]
) -> None:
    answer = await api.get(f"/api/{version}traces/1234", headers=headers)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": f"there is no trace {'0' * 28}1234 in the project 'default'",
        "code": "TRACE_NOT_FOUND",
    }


async def test_what_is_no_id(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v2/traces/xyz")
    assert answer.status_code == 400
    assert answer.json()["error"] == ("'xyz' is no trace id: it takes 1 to 32 hexadecimal digits")


async def test_each_project_has_its_traces(api: httpx.AsyncClient) -> None:
    headers = {"X-Scope-OrgID": "other"}
    assert (await api.get(f"/api/v2/traces/{TRACE_ID}", headers=headers)).status_code == 404


async def test_each_token_has_its_traces(guarded: httpx.AsyncClient) -> None:
    statuses = {
        token: (
            await guarded.get(
                f"/api/v2/traces/{TRACE_ID}", headers={"Authorization": f"Bearer {token}"}
            )
        ).status_code
        for token in ("ours", "theirs", "wrong")
    }
    assert statuses == {"ours": 200, "theirs": 404, "wrong": 401}


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\1"), (300, b"\xac\2")]
)
def test_varint(value: int, encoded: bytes) -> None:
    assert _varint(value) == encoded
