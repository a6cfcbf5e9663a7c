"""Queries over HTTP: the forms of results, parameters and errors are Prometheus's."""

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from belvedere.api.app import create_app
from belvedere.api.prometheus.project import Project
from belvedere.api.state import AppState
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.samples import Samples
from belvedere.query.stop import go_on
from belvedere.store.embedded import EmbeddedClickHouse

T0_S = 1_795_000_000


async def ask(prometheus: httpx.AsyncClient, path: str, **params: Any) -> Any:
    return (await prometheus.get(f"api/v1/{path}", params=params)).json()


@pytest.mark.parametrize(
    ("query", "kind", "result"),
    [
        ("1+1", "scalar", [T0_S + 60, "2"]),
        ('"hello"', "string", [T0_S + 60, "hello"]),
        ("up", "vector", [{"metric": {"__name__": "up", "pod": "a"}, "value": [T0_S + 60, "4"]}]),
        (
            "sum by (code) (increase(requests_total[1m]))",
            "vector",
            [
                {"metric": {"code": "200"}, "value": [T0_S + 60, "4"]},
                {"metric": {"code": "500"}, "value": [T0_S + 60, "4"]},
            ],
        ),
        (
            "up[30s]",
            "matrix",
            [
                {
                    "metric": {"__name__": "up", "pod": "a"},
                    "values": [[T0_S + 45, "3"], [T0_S + 60, "4"]],
                }
            ],
        ),
        ("no_such_metric", "vector", []),
        (
            '{"service.name"="gateway"} * 2',
            "vector",
            [{"metric": {"service.name": "gateway"}, "value": [T0_S + 60, "8"]}],
        ),
    ],
    ids=["scalar", "string", "selector", "rates", "range", "nothing", "a name with a dot"],
)
async def test_an_instant_query(
    prometheus: httpx.AsyncClient, query: str, kind: str, result: Any
) -> None:
    answer = await ask(prometheus, "query", query=query, time=T0_S + 60)
    assert answer == {"status": "success", "data": {"resultType": kind, "result": result}}


async def test_a_range_query_also_by_a_form(prometheus: httpx.AsyncClient) -> None:
    params = {"query": "up", "start": T0_S, "end": "2026-11-18T11:07:10Z", "step": "15s"}
    answer = (await prometheus.post("api/v1/query_range", data=params)).json()
    assert answer["data"] == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "up", "pod": "a"},
                "values": [[T0_S, "0"], [T0_S + 15, "1"], [T0_S + 30, "2"]],
            }
        ],
    }


async def test_a_query_without_time_is_of_now(prometheus: httpx.AsyncClient) -> None:
    assert (await ask(prometheus, "query", query="vector(1)"))["data"]["result"][0]["value"][
        1
    ] == "1"


async def test_lookback_can_be_shorter(prometheus: httpx.AsyncClient) -> None:
    asked = {"query": "up", "time": T0_S + 19 * 15 + 120}
    assert (await ask(prometheus, "query", **asked))["data"]["result"]
    assert not (await ask(prometheus, "query", **asked, lookback_delta="1m"))["data"]["result"]


async def test_a_limit_cuts_series_and_says_so(prometheus: httpx.AsyncClient) -> None:
    asked = {"query": "requests_total", "limit": 1}
    at = {"time": T0_S + 60}
    over = {"start": T0_S, "end": T0_S + 60, "step": 15}
    for answer in (
        await ask(prometheus, "query", **asked, **at),
        await ask(prometheus, "query_range", **asked, **over),
        await ask(prometheus, "query", query="requests_total[1m]", limit=1, **at),
    ):
        assert len(answer["data"]["result"]) == 1
        assert answer["warnings"] == ["results truncated due to limit"]


async def test_annotations_come_with_their_place(prometheus: httpx.AsyncClient) -> None:
    suffixes = "_total/_sum/_count/_bucket"
    answer = await ask(prometheus, "query", query="rate(up[1m])", time=T0_S + 60)
    assert answer["infos"] == [
        f'PromQL info: metric might not be a counter, name does not end in {suffixes}: "up" (1:6)'
    ]


@pytest.mark.parametrize(
    ("path", "params", "kind", "message"),
    [
        (
            "query",
            {"query": "up{"},
            "bad_data",
            'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
        ),
        (
            "query",
            {"query": "up", "time": "x"},
            "bad_data",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse",
        ),
        (
            "query",
            {"query": "up", "lookback_delta": "9e15"},
            "bad_data",
            'error parsing lookback delta duration: cannot parse "9e15" to a valid duration.',
        ),
        (
            "query",
            {"query": "up", "limit": "1_0"},
            "bad_data",
            'invalid parameter "limit": strconv.ParseInt: parsing "1_0": invalid syntax',
        ),
        (
            "query",
            {"query": "up", "limit": "9" * 30},
            "bad_data",
            "value out of range",
        ),
        (
            "query",
            {"query": 'label_replace(up, "a", "b", "c", "\\xff")'},
            "execution",
            "invalid regular expression in label_replace(): \ufffd",
        ),
        (
            "query",
            {"query": "up + on(pod) requests_total{pod=~'.*'} * on() up"},
            "execution",
            "matching",
        ),
        (
            "query",
            {"query": "up", "timeout": "0.0000001"},
            "timeout",
            "query timed out in expression evaluation",
        ),
        (
            "query_range",
            {"query": "up", "start": 0, "end": 60, "step": 0},
            "bad_data",
            "zero or negative query resolution step widths are not accepted",
        ),
        (
            "query_range",
            {"query": "up", "start": 60, "end": 0, "step": 1},
            "bad_data",
            "end timestamp must not be before start time",
        ),
        (
            "query_range",
            {"query": "up", "start": 0, "end": 86400, "step": 1},
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries.",
        ),
        (
            "query_range",
            {"query": "up[1m]", "start": 0, "end": 60, "step": 1},
            "bad_data",
            'invalid expression type "range vector" for range query',
        ),
    ],
    ids=[
        *("syntax", "time", "look-back", "limit", "large limit", "no text", "matching"),
        *("timeout", "step", "order", "steps", "type"),
    ],
)
async def test_errors_have_prometheus_kinds(
    prometheus: httpx.AsyncClient,
    path: str,
    params: dict[str, Any],
    kind: str,
    message: str,
) -> None:
    answer = await prometheus.get(f"api/v1/{path}", params={"time": T0_S + 60, **params})
    body = answer.json()
    status = {"bad_data": 400, "execution": 422, "timeout": 503}[kind]
    assert (answer.status_code, body["errorType"]) == (status, kind), body
    assert message in body["error"]


async def test_a_query_is_printed_in_order(prometheus: httpx.AsyncClient) -> None:
    assert (await ask(prometheus, "format_query", query="sum(up)by(pod)"))[
        "data"
    ] == "sum by (pod) (up)"


async def test_a_query_is_told_as_a_tree(prometheus: httpx.AsyncClient) -> None:
    query = 'sum by (pod) (rate(up{pod!="x"}[5m] offset 1m)) / on (pod) group_left () -(up)'
    found = (await ask(prometheus, "parse_query", query=query))["data"]
    rate = found["lhs"]["expr"]
    assert (found["type"], found["op"], found["matching"]["card"]) == (
        "binaryExpr",
        "/",
        "many-to-one",
    )
    assert (found["lhs"]["type"], found["lhs"]["grouping"]) == ("aggregation", ["pod"])
    assert (rate["func"]["name"], rate["func"]["argTypes"]) == ("rate", ["matrix"])
    assert rate["args"] == [
        {
            "type": "matrixSelector",
            "name": "up",
            "matchers": [
                {"name": "pod", "value": "x", "type": "!="},
                {"name": "__name__", "value": "up", "type": "="},
            ],
            "range": 300_000,
            "offset": 60_000,
            "timestamp": None,
            "startOrEnd": None,
            "anchored": False,
            "smoothed": False,
        }
    ]
    assert (found["rhs"]["type"], found["rhs"]["expr"]["type"]) == ("unaryExpr", "parenExpr")


@pytest.mark.parametrize(
    ("query", "kind"),
    [("1", "numberLiteral"), ('"a"', "stringLiteral"), ("up[5m:1m] @ end()", "subquery")],
)
async def test_each_kind_of_node_has_its_name(
    prometheus: httpx.AsyncClient, query: str, kind: str
) -> None:
    assert (await ask(prometheus, "parse_query", query=query))["data"]["type"] == kind


@pytest.mark.parametrize("lookback", ["0", "-0.5", "-300"])
async def test_no_lookback_is_the_default_one(prometheus: httpx.AsyncClient, lookback: str) -> None:
    params = {"query": "up", "time": T0_S + 400, "lookback_delta": lookback}
    assert len((await ask(prometheus, "query", **params))["data"]["result"]) == 1


@pytest.mark.parametrize(
    ("query", "result"),
    [
        (r'up{pod="\xff"}', []),
        (r'count(up{pod!="\xff"})', [{"metric": {}, "value": [T0_S, "1"]}]),
        (r'count(up{"\xff"=""})', [{"metric": {}, "value": [T0_S, "1"]}]),
        (
            r'label_replace(vector(1), "a", "\xff", "", "")',
            [{"metric": {"a": "\ufffd"}, "value": [T0_S, "1"]}],
        ),
        (r'"\xff"', [T0_S, "\ufffd"]),
    ],
    ids=["equal", "not equal", "name", "label", "string"],
)
async def test_bytes_that_are_no_text_are_answered(
    prometheus: httpx.AsyncClient, query: str, result: list[Any]
) -> None:
    answer = await ask(prometheus, "query", query=query, time=T0_S)
    assert answer["data"]["result"] == result


async def test_a_form_may_hold_bytes_that_are_no_text(prometheus: httpx.AsyncClient) -> None:
    answer = await prometheus.post(
        "api/v1/query",
        content=b"query=%22\xff%fe%22",
        headers={"content-type": "Application/X-WWW-Form-URLEncoded"},
    )
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        'invalid parameter "query": 1:1: parse error: invalid UTF-8 rune',
    )


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip;q=0.5", "gzip"),
        ("gzip; q=0", None),
        ("identity", None),
        ("br", None),
    ],
)
@pytest.mark.parametrize("path", ["query_range", "series"])
async def test_large_answers_are_compressed_for_those_who_ask(
    prometheus: httpx.AsyncClient, path: str, accepts: str, coding: str | None
) -> None:
    params: dict[str, Any] = {"query": "requests_total", "match[]": '{__name__=~".+"}'}
    params |= {"start": T0_S, "end": T0_S + 300, "step": 1}
    plain = await prometheus.get(f"api/v1/{path}", params=params, headers={"accept-encoding": ""})
    answer = await prometheus.get(
        f"api/v1/{path}", params=params, headers={"accept-encoding": accepts}
    )
    large = len(plain.content) > 1024
    assert answer.headers.get("content-encoding") == (coding if large else None)
    assert answer.json() == plain.json()


class Endless(MemorySource):
    """Samples whose reading goes on until the query is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.ended = threading.Event(), threading.Event()

    def select(self, *_: object) -> Samples:
        self.began.set()
        try:
            while True:
                go_on()
                time.sleep(0.001)
        finally:
            self.ended.set()


@pytest.mark.parametrize("leaves", ["client", "server"])
async def test_a_query_that_nobody_waits_for_ends(
    metric_store: EmbeddedClickHouse, monkeypatch: pytest.MonkeyPatch, leaves: str
) -> None:
    source = Endless()
    monkeypatch.setattr(Project, "source", lambda _: source)
    app = create_app(AppState(metric_store))
    gone = asyncio.Event()
    told = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (message := next(told, None)) is not None:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/prometheus/api/v1/query",
        "query_string": b"query=up",
        "headers": [],
    }
    asked = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.to_thread(source.began.wait, 10)
    if leaves == "client":
        gone.set()
        await asked
    else:
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert await asyncio.to_thread(source.ended.wait, 10)


@pytest.mark.parametrize(
    ("project", "status", "error_type", "error"),
    [
        ("nobody", 404, "not_found", "no such project"),
        ("a/b;DROP", 400, "bad_data", "invalid project"),
        ("system", 400, "bad_data", "invalid project"),
    ],
)
async def test_an_unknown_or_impossible_project_is_named_as_the_reason(
    prometheus: httpx.AsyncClient, project: str, status: int, error_type: str, error: str
) -> None:
    answer = await prometheus.get(
        "api/v1/query", params={"query": "up"}, headers={"X-Scope-OrgID": project}
    )
    assert (answer.status_code, answer.json()["errorType"]) == (status, error_type)
    assert error in answer.json()["error"]
