"""`/api/sql`: each way to ask, each format, each error."""

import asyncio
import csv
import io
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pytest

from belvedere.api.app import create_app
from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ASK = "select {a:String} as a, 1 as b"


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "params": {"query": ASK, "params": '{"a": "it\'s\\n\\\\"}'}},
        {"method": "POST", "json": {"query": ASK, "params": {"a": "it's\n\\"}}},
        {"method": "POST", "data": {"query": ASK, "params": '{"a": "it\'s\\n\\\\"}'}},
        {"method": "POST", "content": ASK, "params": {"params": '{"a": "it\'s\\n\\\\"}'}},
        {"method": "POST", "params": {"query": ASK, "params": '{"a": "it\'s\\n\\\\"}'}},
    ],
    ids=["get", "post json", "post form", "post text", "post url"],
)
async def test_ways_to_ask(api: httpx.AsyncClient, request_: dict[str, Any]) -> None:
    answer = await api.request(url="/api/sql", **request_)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("elapsed_s") >= 0
    assert body == {
        "meta": [{"name": "a", "type": "String"}, {"name": "b", "type": "UInt8"}],
        "data": [{"a": "it's\n\\", "b": 1}],
        "rows": 1,
    }


@pytest.mark.parametrize(
    ("params", "expression", "value"),
    [
        ({"x": 5}, "{x:UInt8}", 5),
        ({"x": 0.5}, "{x:Float64}", 0.5),
        ({"x": True}, "{x:Bool}", True),
        ({"x": ["a'b", "c"]}, "{x:Array(String)}", ["a'b", "c"]),
        ({"x": {"k": "v"}}, "{x:Map(String, String)}", {"k": "v"}),
        ({"x": None}, "{x:Nullable(String)}", None),
        ({"x": "1'; drop table otel_logs --"}, "{x:String}", "1'; drop table otel_logs --"),
        ({}, "1", 1),
    ],
    ids=str,
)
async def test_parameters(
    api: httpx.AsyncClient, params: dict[str, Any], expression: str, value: Any
) -> None:
    query = f"select {expression} as value"
    answer = await api.post("/api/sql", json={"query": query, "params": params})
    assert answer.json()["data"] == [{"value": value}]


async def test_csv(api: httpx.AsyncClient) -> None:
    query = """select 'a,"b' as text, [1, 2] as list, map('k', 'v') as map, NULL as nothing,
        true as yes, toDateTime(0) as time, 1 as x, 1 as y"""
    answer = await api.get("/api/sql", params={"query": query, "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == (
        "text,list,map,nothing,yes,time,x,y\r\n"
        '"a,""b","[1,2]","{""k"":""v""}",,true,1970-01-01T00:00:00Z,1,1\r\n'
    )


async def test_arrow(api: httpx.AsyncClient) -> None:
    answer = await api.get(
        "/api/sql", params={"query": "select number from numbers(3)", "format": "arrow"}
    )
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    assert table.to_pydict() == {"number": [0, 1, 2]}


async def test_no_rows_and_no_columns(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/sql", params={"query": "select 1 as a where 0"})
    assert (answer.json()["data"], answer.json()["rows"]) == ([], 0)


async def test_numbers_that_json_has_not(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/sql", params={"query": "select nan as a, inf as b"})
    assert answer.json()["data"] == [{"a": None, "b": None}]


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        ({}, 400, "there is no query; try /api/sql?query=SHOW%20TABLES"),
        ({"params": {"query": " "}}, 400, "there is no query; try /api/sql?query=SHOW%20TABLES"),
        ({"json": []}, 400, "the body is no JSON object"),
        (
            {"content": "{", "headers": JSON},
            400,
            "the body is no valid JSON: unexpected end of data: line 1 column 2 (char 1)",
        ),
        ({"content": b"\xff", "headers": JSON}, 400, "the body is not UTF-8"),
        ({"content": b"\xff", "headers": FORM}, 400, "the body is not UTF-8"),
        ({"json": {"query": 1}}, 400, "there is no query; try /api/sql?query=SHOW%20TABLES"),
        (
            {"json": {"query": "select 1", "limit": 5}},
            400,
            "unknown field 'limit'; there are query, params, format",
        ),
        (
            {"params": {"query": "select 1", "params": "[1]"}},
            400,
            'params is no JSON object such as {"name": "value"}',
        ),
        (
            {"params": {"query": "select 1", "params": "a"}},
            400,
            (
                "params is no valid JSON: unexpected character, expected a JSON value:"
                " line 1 column 1 (char 0)"
            ),
        ),
        (
            {"params": {"query": "select 1", "format": "xml"}},
            400,
            "unknown format 'xml'; there are json, csv, arrow",
        ),
        ({"content": b" " * (1 << 20) + b"x"}, 413, "the body is longer than 1 MiB"),
        ({"content": "x" * (300 << 10)}, 413, "the query is longer than 256 KiB"),
        (
            {"params": {"query": "select 'a"}},
            400,
            "line 1, column 8: this text is not closed; close it with '",
        ),
        (
            {"params": {"query": "select nothing"}},
            422,
            (
                "Unknown expression identifier `nothing`. In scope SELECT nothing:"
                " Note: the query does not have the FROM clause. Did you forget to add it?."
            ),
        ),
        (
            {"params": {"query": "drop table otel_logs"}},
            403,
            (
                "line 1, column 1: only reading is possible here: SELECT, WITH, SHOW, DESCRIBE,"
                " EXPLAIN or EXISTS, not 'DROP'"
            ),
        ),
        (
            {"params": {"query": "select number from numbers(100001)"}},
            413,
            "Limit for result exceeded, max rows: 100.00 thousand, current rows: 100.00 thousand.",
        ),
        (
            {"params": {"query": "select 1"}, "headers": {"X-Scope-OrgID": "nobody"}},
            404,
            (
                "Database nobody does not exist."
                " (a project appears with its first data; see: SHOW DATABASES)"
            ),
        ),
    ],
    ids=lambda value: ascii(value)[-90:] if isinstance(value, dict) else "",
)
async def test_errors(
    api: httpx.AsyncClient, request_: dict[str, Any], status: int, error: str
) -> None:
    answer = await api.post("/api/sql", **request_)
    assert (answer.json()["error"], answer.status_code) == (error, status)
    assert answer.json()["code"]


@pytest.mark.parametrize("format_", ["json", "csv", "arrow"])
async def test_an_answer_in_many_pieces_is_whole(api: httpx.AsyncClient, format_: str) -> None:
    """Nested values, too: a piece has those of its rows."""
    query = """select number as n, toString(number) as text, range(n % 5) as list,
        if(n % 3 = 0, map(), map('k', toString(n))) as map, tuple(n % 7, [[n]]) as pair
        from numbers(20000)"""
    answer = await api.get("/api/sql", params={"query": query, "format": format_})
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    expected = [
        {
            "n": n,
            "text": str(n),
            "list": list(range(n % 5)),
            "map": {"k": str(n)} if n % 3 else {},
            "pair": {"1": n % 7, "2": [[n]]},
        }
        for n in range(20_000)
    ]
    if format_ == "json":
        assert answer.json()["data"] == expected
    elif format_ == "csv":
        lines = list(csv.DictReader(io.StringIO(answer.text)))
        nested = ("n", "list", "map", "pair")
        assert [
            line | {name: orjson.loads(line[name]) for name in nested} for line in lines
        ] == expected
    else:
        found = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all().to_pylist()
        assert [row | {"map": dict(row["map"])} for row in found] == expected


@pytest.mark.parametrize(
    ("query", "format_", "error"),
    [
        ("select repeat('x', 2000) from numbers(100000)", "json", "the result is larger than 64"),
        ("select repeat('x', 2000) from numbers(100000)", "csv", "the result is larger than 64"),
        ("select repeat('x', 2000) from numbers(100000)", "arrow", "the result is larger than 64"),
        ("select range(1000) from numbers(100000)", "json", "the result is larger than 64 MiB"),
        (
            f"select 1 as {'n' * 2000} from numbers(100000)",
            "json",
            "the answer as json is larger than 64 MiB; select fewer",
        ),
        (
            "select repeat('\\x01', 600) from numbers(50000)",
            "json",
            "the answer as json is larger than 64 MiB; select fewer",
        ),
        (
            "select repeat('\"', 600) as a, a as b from numbers(50000)",
            "csv",
            "the answer as csv is larger than 64 MiB; select fewer",
        ),
        (
            "select range(2000000)",
            "json",
            "row 1 has 2,000,001 values, more than 1,000,000; read it as Arrow (format=arrow)",
        ),
        (
            "select [tuple(1)], arrayMap(x -> tuple(1), range(600000))",
            "csv",
            "row 1 has 1,200,004 values, more than 1,000,000; read it as Arrow (format=arrow)",
        ),
    ],
)
async def test_no_answer_is_larger_than_its_bound(
    api: httpx.AsyncClient, query: str, format_: str, error: str
) -> None:
    answer = await api.post("/api/sql", json={"query": query, "format": format_})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_BYTES")
    assert answer.json()["error"].startswith(error)


UNINTERRUPTED = "select hasAny(range(50000), range(1000000, 1050000))"
"""One call, for which ClickHouse's own bound of time does nothing. Takes some seconds."""


async def test_queries_past_their_time_burden_their_project_alone(
    guarded: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belvedere.api.sql._TIME_S", 0.5)
    ours, theirs = ({"Authorization": f"Bearer {token}"} for token in ("ours", "theirs"))

    async def ask(query: str, headers: dict[str, str]) -> httpx.Response:
        return await guarded.post("/api/sql", json={"query": query}, headers=headers)

    await ask("select 1", ours)  # the names that the door reads once
    for answer in await asyncio.gather(*(ask(UNINTERRUPTED, ours) for _ in range(3))):
        assert (answer.status_code, answer.json()["code"]) == (413, "TIMEOUT_EXCEEDED")
        assert answer.json()["error"].startswith("the query ran longer than its limit of 0.5 s")
    monkeypatch.setattr("belvedere.api.sql._TIME_S", 30.0)
    refused = await ask("select 1", ours)
    assert (refused.status_code, refused.json()["code"]) == (429, "QUERIES_OVERDUE")
    assert refused.headers["retry-after"] == "15"
    assert (await ask("select 1", theirs)).status_code == 200
    promql = await guarded.get(
        "/prometheus/api/v1/query", params={"query": "vector(1)"}, headers=ours
    )
    assert promql.status_code == 200
    assert (await ask("select 1", ours)).status_code == 429, "the queries ended too early"
    async with asyncio.timeout(120):
        while (await ask("select 1", ours)).status_code == 429:  # noqa: ASYNC110 - it is polled
            await asyncio.sleep(0.1)


async def test_a_project_is_chosen_by_header(api: httpx.AsyncClient) -> None:
    query = {"query": "select Body from otel_logs"}
    for headers, body in (({}, "of default"), ({"X-Scope-OrgID": "other"}, "of other")):
        answer = await api.get("/api/sql", params=query, headers=headers)
        assert answer.json()["data"] == [{"Body": body}]


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Basic ours", 401),
        ("Bearer ours", 200),
        ("bearer ours", 200),
    ],
)
async def test_a_token_is_needed(
    guarded: httpx.AsyncClient, token: str | None, status: int
) -> None:
    headers = {"Authorization": token} if token else {}
    answer = await guarded.get("/api/sql", params={"query": "select 1"}, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="belvedere"'
        assert answer.json()["error"] == (
            "a valid token is needed: send the header 'Authorization: Bearer TOKEN'"
            " (on the command line: --token or BELVEDERE_TOKEN)"
        )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("select Body from otel_logs", 200),
        ("select Body from default.otel_logs", 200),
        ("select Body from other.otel_logs", 403),
        ("select * from merge('.*', 'otel_logs')", 403),
        ("select name from system.databases", 403),
        ("show databases", 403),
    ],
)
async def test_a_token_opens_one_project(
    guarded: httpx.AsyncClient, query: str, status: int
) -> None:
    headers = {"Authorization": "Bearer ours"}
    answer = await guarded.get("/api/sql", params={"query": query}, headers=headers)
    assert answer.status_code == status
    assert "of other" not in answer.text


async def test_a_token_wins_over_the_header(guarded: httpx.AsyncClient) -> None:
    headers = {"Authorization": "Bearer ours", "X-Scope-OrgID": "other"}
    answer = await guarded.get("/api/sql", params={"query": "select 1"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "this token opens the project 'default' only, not 'other'"


async def test_a_client_that_goes_away_waits_no_longer(store: EmbeddedClickHouse) -> None:
    """It is answered without a result; the query's own bounds end the thread."""
    app = create_app(AppState(store))
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "GET", "path": "/api/sql", "headers": [], "app": app,
        "query_string": b"query=select+sleep(0.5)", "root_path": "", "scheme": "http",
        "server": ("belvedere", 80), "client": ("client", 1), "http_version": "1.1",
    }  # fmt: skip
    messages = iter([{"type": "http.request", "body": b""}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 499
