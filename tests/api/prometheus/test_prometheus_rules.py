"""`/api/v1/rules`, `/alerts`, `/alertmanagers`: upstream's JSON, and what clients may ask for."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from belvedere.api.prometheus.app import create_prometheus_app
from belvedere.api.state import AppState
from belvedere.collector.source import Source
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.series_notation import parse_series
from belvedere.rules.evaluation.build import Defaults, build_groups
from belvedere.rules.evaluation.group import Group, Workings
from belvedere.rules.evaluation.vector import engine_query
from belvedere.rules.files.read import load_rule_file

_RULES = """
groups:
- name: a
  interval: 30s
  rules:
  - record: job:up:sum
    expr: sum(up)by(job)
    labels: {team: x}
  - alert: Down
    expr: up == 0
    for: 1m
    labels: {team: y, severity: page}
    annotations: {summary: "{{ $labels.job }}"}
  - alert: Broken
    expr: label_replace(up, "job", "j", "", "")
- name: b
  rules:
  - record: one
    expr: "1"
- name: empty
"""


async def _evaluated() -> list[Group]:
    groups = build_groups(
        "default", [load_rule_file(Source("r.yml", _RULES))], Defaults(), restored=True
    )
    memory = MemorySource()
    for line in ('up{job="k"} 0x10', 'up{job="l"} 1x10'):
        labels, points = parse_series(line)
        memory.add(labels, [(at * 60_000, point.value or 0.0) for at, point in enumerate(points)])

    async def write(*_: Any) -> None:
        return

    async def run(function: Any) -> Any:
        return function()

    workings = Workings(engine_query(Engine(), lambda: memory), run, write, lambda *_: None)
    for minute in (1, 2):
        await groups[0].evaluate(minute * 60_000, workings)
    return groups


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    groups = asyncio.run(_evaluated())
    state = AppState(
        database=None,  # type: ignore[arg-type] # no query comes
        rule_groups=lambda project: groups if project == "default" else (),
        alertmanagers=lambda: ["http://am:9093/api/v2/alerts"],
    )
    with TestClient(create_prometheus_app(state)) as client:
        yield client


def _data(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_rules_have_upstreams_form(client: TestClient) -> None:
    a, b = _data(client, "rules")["groups"]
    assert (a["name"], a["file"], a["interval"], a["limit"]) == ("a", "r.yml", 30, 0)
    assert a["evaluationTime"] > 0
    assert b["lastEvaluation"] == "0001-01-01T00:00:00Z"
    recording, alerting, broken = a["rules"]
    for rule in a["rules"]:
        assert rule.pop("evaluationTime") >= 0
        assert rule.pop("lastEvaluation").endswith("Z")
    assert recording == {
        "name": "job:up:sum",
        "query": "sum by (job) (up)",
        "labels": {"team": "x"},
        "health": "ok",
        "type": "recording",
    }
    alert = {
        "labels": {"alertname": "Down", "job": "k", "severity": "page", "team": "y"},
        "annotations": {"summary": "k"},
        "state": "firing",
        "activeAt": "1970-01-01T00:01:00Z",
        "value": "0e+00",
    }
    assert alerting == {
        "state": "firing",
        "name": "Down",
        "query": "up == 0",
        "duration": 60,
        "keepFiringFor": 0,
        "labels": {"severity": "page", "team": "y"},
        "annotations": {"summary": "{{ $labels.job }}"},
        "alerts": [alert],
        "health": "ok",
        "type": "alerting",
    }
    assert broken["health"] == "err"
    assert "same labelset" in broken["lastError"]
    assert _data(client, "alerts") == {"alerts": [alert]}


def test_alertmanagers_are_listed(client: TestClient) -> None:
    assert _data(client, "alertmanagers") == {
        "activeAlertmanagers": [{"url": "http://am:9093/api/v2/alerts"}],
        "droppedAlertmanagers": [],
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["job:up:sum", "Down", "Broken", "one"]),
        ("type=alert", ["Down", "Broken"]),
        ("type=record", ["job:up:sum", "one"]),
        ("rule_name[]=Down&rule_name[]=one", ["Down", "one"]),
        ("rule_group[]=b", ["one"]),
        ("file[]=other.yml", []),
        ("match[]={severity=~'p.*'}", ["Down"]),
        ("match[]={team='x'}&match[]={severity='page'}", ["job:up:sum", "Down"]),
    ],
)
def test_rules_are_selected(client: TestClient, query: str, names: list[str]) -> None:
    groups = _data(client, f"rules?{query}")["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == names


def test_alerts_can_be_left_out(client: TestClient) -> None:
    (group,) = _data(client, "rules?exclude_alerts=true&rule_name[]=Down")["groups"]
    assert group["rules"][0]["alerts"] == []


def test_groups_come_in_pages(client: TestClient) -> None:
    first = _data(client, "rules?group_limit=1")
    assert [group["name"] for group in first["groups"]] == ["a"]
    second = _data(client, f"rules?group_limit=1&group_next_token={first['groupNextToken']}")
    assert [group["name"] for group in second["groups"]] == ["b"]
    assert "groupNextToken" not in second


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("type=x", 'not supported value "x"'),
        ("exclude_alerts=maybe", "strconv.ParseBool"),
        ("group_limit=0", "greater than 0"),
        ("group_limit=x", "valid number"),
        ("group_next_token=x", "group_limit needs to be present"),
        ("group_limit=1&group_next_token=x", "were rule groups changed?"),
        ("match[]={", "parse error"),
    ],
)
def test_what_is_no_question_is_refused(client: TestClient, query: str, problem: str) -> None:
    answer = client.get(f"/api/v1/rules?{query}")
    assert answer.status_code == 400
    assert answer.json()["errorType"] == "bad_data"
    assert problem in answer.json()["error"]


@pytest.mark.parametrize("path", ["rules", "alerts", "alertmanagers"])
def test_without_rules_all_is_empty(path: str) -> None:
    """Grafana asks at its start."""
    with TestClient(create_prometheus_app(AppState(database=None))) as client:  # type: ignore[arg-type] # no query comes
        assert not any(_data(client, path).values())


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "api/v1/query?query=up+%3D%3D+0"),
        ("/graph?g0.expr=a%26b%3D%0A", "api/v1/query?query=a%26b%3D%0A"),
        ("/graph", "./"),
        ("/alerts", "api/v1/alerts"),
    ],
)
def test_links_of_alerts_lead_to_the_api(client: TestClient, link: str, leads_to: str) -> None:
    answer = client.get(link, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, leads_to)


def test_the_start_page_links_to_what_there_is(client: TestClient) -> None:
    assert 'href="api/v1/alerts"' in client.get("/").text
