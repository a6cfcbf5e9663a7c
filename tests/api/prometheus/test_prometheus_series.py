"""Browsing and completion, as Grafana's query builder asks for them."""

import time
from typing import Any

import httpx
import pytest

from belvedere.prometheus.model import Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate

RANGE = {"start": "1795000000", "end": "1795000300"}


async def data(prometheus: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = (await prometheus.get(f"api/v1/{path}", params=params)).json()
    assert answer["status"] == "success", answer
    return answer["data"]


async def test_series_have_all_their_labels_in_order(prometheus: httpx.AsyncClient) -> None:
    found = await data(
        prometheus, "series", **{"match[]": ["requests_total", 'up{pod="a"}']}, **RANGE
    )
    assert found == [
        {"__name__": "requests_total", "code": "200", "pod": "a"},
        {"__name__": "requests_total", "code": "500", "pod": "b"},
        {"__name__": "up", "pod": "a"},
    ]


async def test_no_series_ends_before_it_starts(prometheus: httpx.AsyncClient) -> None:
    reversed_range = {"start": "1795000200", "end": "1795000100"}
    assert await data(prometheus, "series", **{"match[]": "up"}, **reversed_range) == []


async def test_series_can_be_asked_for_by_a_form(prometheus: httpx.AsyncClient) -> None:
    answer = await prometheus.post("api/v1/series", data={"match[]": "up"})
    assert answer.json()["data"] == [{"__name__": "up", "pod": "a"}]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["__name__", "code", "le", "pod", "service.name"]),
        ({"match[]": "up"}, ["__name__", "pod"]),
        ({"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00+01:00"}, []),
        ({"start": "1795000200", "end": "1795000100"}, []),
    ],
    ids=["all", "of a metric", "of another day", "end before start"],
)
async def test_labels(
    prometheus: httpx.AsyncClient, params: dict[str, str], expected: list[str]
) -> None:
    assert await data(prometheus, "labels", **params) == expected


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("__name__", {}, ["dotted", "latency_seconds_bucket", "requests_total", "up"]),
        ("pod", RANGE, ["a", "b"]),
        ("pod", {"match[]": 'requests_total{code="500"}'}, ["b"]),
        ("U__service_2e_name", {}, ["gateway"]),
        ("service.name", {}, ["gateway"]),
        ("pod", {"start": "1795000200", "end": "1795000100"}, []),
    ],
    ids=[
        *("metrics", "in a range", "of a selector", "an escaped name", "a name with a dot"),
        "end before start",
    ],
)
async def test_values(
    prometheus: httpx.AsyncClient, name: str, params: dict[str, str], expected: list[str]
) -> None:
    assert await data(prometheus, f"label/{name}/values", **params) == expected


async def test_a_limit_cuts_and_says_so(prometheus: httpx.AsyncClient) -> None:
    answer = (await prometheus.get("api/v1/label/__name__/values", params={"limit": 2})).json()
    assert answer == {
        "status": "success",
        "data": ["dotted", "latency_seconds_bucket"],
        "warnings": ["results truncated due to limit"],
    }


async def test_metadata(prometheus: httpx.AsyncClient) -> None:
    found = await data(prometheus, "metadata", metric="up")
    assert found == {"up": [{"type": "gauge", "unit": "", "help": "What up says."}]}
    assert len(await data(prometheus, "metadata", limit=2)) == 2
    assert await data(prometheus, "metadata", limit=0) == {}
    assert await data(prometheus, "metadata", metric="up", limit_per_metric=0) == {"up": []}
    every = await data(prometheus, "metadata")
    assert await data(prometheus, "metadata", limit=-1, limit_per_metric=-1) == every


async def test_another_project_is_another_world(prometheus: httpx.AsyncClient) -> None:
    answer = await prometheus.get(
        "api/v1/label/__name__/values", headers={"X-Scope-OrgID": "other"}
    )
    assert answer.json()["data"] == ["secret"]


TIME = "invalid parameter \"start\": invalid time value for 'start': cannot parse "


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("series", {}, "no match[] parameter provided"),
        ("series", {"match[]": "{}"}, "match[] must contain at least one non-empty matcher"),
        ("series", {"match[]": "up{"}, "1:4: parse error: unexpected end of input"),
        ("labels", {"start": "yesterday"}, TIME + '"yesterday"'),
        ("labels", {"start": "1e400"}, TIME + '"1e400"'),
        ("labels", {"limit": "-1"}, "limit must be non-negative"),
        ("labels", {"limit": "many"}, 'invalid parameter "limit"'),
        ("metadata", {"limit": "many"}, "limit must be a number"),
        ("metadata", {"limit_per_metric": "1.5"}, "limit_per_metric must be a number"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    prometheus: httpx.AsyncClient, path: str, params: dict[str, str], message: str
) -> None:
    answer = await prometheus.get(f"api/v1/{path}", params=params)
    body = answer.json()
    assert (answer.status_code, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert message in body["error"]


async def test_a_form_that_does_not_end_is_refused(prometheus: httpx.AsyncClient) -> None:
    answer = await prometheus.post("api/v1/labels", data={"match[]": "x" * (5 << 20)})
    assert answer.status_code == 400
    assert "the form is longer" in answer.json()["error"]


async def test_grafana_learns_the_version_and_no_features(prometheus: httpx.AsyncClient) -> None:
    info = await data(prometheus, "status/buildinfo")
    assert info["version"].startswith("3.")
    assert "features" not in info


@pytest.mark.parametrize("path", ["-/healthy", "-/ready"])
async def test_health(prometheus: httpx.AsyncClient, path: str) -> None:
    assert (await prometheus.get(path)).status_code == 200


async def test_what_has_the_most_series_is_counted(
    metric_store: EmbeddedClickHouse, prometheus: httpx.AsyncClient
) -> None:
    now_ms = time.time_ns() // 1_000_000
    several = [
        Series(labels_of({"__name__": name, "pod": pod}), samples=[(now_ms, 1.0)])
        for name, pod in (("most", "a"), ("most", "bb"), ("least", "a"))
    ]
    migrate(metric_store, "counted")
    insert(metric_store, "counted", Door.POINTS, encode_points(several), token="counted")
    answer = await prometheus.get(
        "api/v1/status/tsdb", params={"limit": 2}, headers={"X-Scope-OrgID": "counted"}
    )
    found = answer.json()["data"]
    assert found["headStats"]["numSeries"] == 3
    assert found["headStats"]["numLabelPairs"] == 4
    assert found["seriesCountByMetricName"] == [
        {"name": "most", "value": 2},
        {"name": "least", "value": 1},
    ]
    assert found["labelValueCountByLabelName"] == [
        {"name": "__name__", "value": 2},
        {"name": "pod", "value": 2},
    ]
    assert found["memoryInBytesByLabelName"] == [
        {"name": "__name__", "value": 9},
        {"name": "pod", "value": 3},
    ]
    assert found["seriesCountByLabelValuePair"] == [
        {"name": "__name__=most", "value": 2},
        {"name": "pod=a", "value": 2},
    ]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "99999"])
async def test_lists_of_counts_have_a_length(prometheus: httpx.AsyncClient, limit: str) -> None:
    answer = await prometheus.get("api/v1/status/tsdb", params={"limit": limit})
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
