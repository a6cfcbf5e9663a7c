"""Tokens of one project, operators' tokens, and projects that cannot be."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from api_samples import client
from prometheus_client.parser import text_string_to_metric_families

from belvedere import internal_telemetry as telemetry
from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse

TOKENS = {"ours": "default", "theirs": "other", "chief": "*"}
OF_THE_SERVER = {"pid", "uptime_s", "queues", "memory_bytes", "disk", "data_dir", "listening"}
QUERY = "/prometheus/api/v1/query"


def bearer(token: str, project: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | ({"X-Scope-OrgID": project} if project else {})


@pytest.fixture
async def tokened(store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API with tokens for `default`, `other` and all projects."""
    parts = {"data_dir": "/", "listening": {"OTLP/gRPC": "127.0.0.1:4317"}}
    async with client(AppState(store, tokens=TOKENS, status_parts=lambda: parts)) as opened:
        yield opened


@pytest.fixture
def counted() -> None:
    """Something in the counters of both projects, and in one of the whole server."""
    for project in ("default", "other"):
        telemetry.STORE_FLUSHED["logs"].labels(project).inc()
    telemetry.RECEIVER_ACCEPTED["logs"].labels("otlp", "http").inc()


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("token", "projects"),
    [("ours", {"default"}), ("theirs", {"other"}), ("chief", {"default", "other", None})],
)
@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_show_the_caller_s_project(
    tokened: httpx.AsyncClient, token: str, projects: set[str | None], accept: str
) -> None:
    answer = await tokened.get("/metrics", headers={**bearer(token), "Accept": accept})
    assert answer.status_code == 200
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text.replace("# EOF\n", ""))
        for sample in family.samples
    ]
    shown = {sample.labels.get("project") for sample in samples}
    assert shown >= projects
    if None not in projects:
        assert shown == projects
    assert ("otelcol_receiver_accepted" in answer.text) is (None in projects)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("token", ["ours", "theirs"])
async def test_a_status_of_one_project(tokened: httpx.AsyncClient, token: str) -> None:
    status = (await tokened.get("/api/status", headers=bearer(token))).json()
    assert status["project"] == TOKENS[token]
    assert not OF_THE_SERVER & status.keys()
    assert set(status["signals"]) == {"traces", "metrics", "logs"}
    assert status["signals"]["logs"].keys() == {"stored"}
    assert status["signals"]["logs"]["stored"] >= 1


async def test_an_operator_s_status_is_of_the_server(tokened: httpx.AsyncClient) -> None:
    status = (await tokened.get("/api/status", headers=bearer("chief", "other"))).json()
    assert status["project"] == "other"
    assert status.keys() >= OF_THE_SERVER
    assert "accepted" in status["signals"]["logs"]


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        (bearer("chief"), "of default"),
        (bearer("chief", "other"), "of other"),
        (bearer("theirs"), "of other"),
        (bearer("theirs", "other"), "of other"),
        (bearer("theirs", "default"), 403),
        (bearer(""), 401),
        (bearer("*"), 401),
        (bearer("other"), 401),
        ({}, 401),
    ],
    ids=str,
)
async def test_whose_data_is_read(
    tokened: httpx.AsyncClient, headers: dict[str, str], answer: str | int
) -> None:
    found = await tokened.get(
        "/api/sql", params={"query": "select Body from otel_logs"}, headers=headers
    )
    if isinstance(answer, int):
        assert found.status_code == answer
    else:
        assert found.json()["data"] == [{"Body": answer}]


@pytest.mark.parametrize(
    ("token", "status"), [("theirs", 403), ("chief", 200)], ids=["one project", "operator"]
)
async def test_other_projects_tables(tokened: httpx.AsyncClient, token: str, status: int) -> None:
    query = {"query": "select count() from default.otel_logs"}
    answer = await tokened.get("/api/sql", params=query, headers=bearer(token))
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/metrics", "/api/status", "/api/sql?query=select 1", QUERY])
async def test_what_requires_a_token(tokened: httpx.AsyncClient, path: str) -> None:
    answer = await tokened.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_empty_token_opens_nothing(store: EmbeddedClickHouse) -> None:
    """No configuration can have one; this is the second lock."""
    async with client(AppState(store, tokens={"": "default"})) as api:
        for value in ("Bearer", "Bearer ", "Bearer  "):
            answer = await api.get("/api/status", headers={"Authorization": value})
            assert answer.status_code == 401


IMPOSSIBLE = [
    *("a b", "a/b", "a.b", "a'b", "a`b", "x" * 65, "../x", "a;b", "*"),
    *("system", "information_schema", "INFORMATION_SCHEMA", "_temporary_and_external_tables"),
]


@pytest.mark.parametrize("project", IMPOSSIBLE)
@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("GET", "/api/status", {}),
        ("GET", "/api/sql", {"params": {"query": "select 1"}}),
        ("GET", "/api/traces/0af7651916cd43dd", {}),
        ("GET", QUERY, {"params": {"query": "up"}}),
        (
            "POST",
            "/prometheus/api/v1/write",
            {"headers": {"Content-Type": "application/x-protobuf"}},
        ),
        (
            "POST",
            "/prometheus/api/v1/otlp/v1/metrics",
            {"headers": {"Content-Type": "application/x-protobuf"}},
        ),
    ],
    ids=["status", "sql", "trace", "promql", "remote write", "otlp"],
)
async def test_a_project_that_cannot_be_is_400(
    api: httpx.AsyncClient, method: str, path: str, request_: dict[str, Any], project: str
) -> None:
    headers = {**request_.get("headers", {}), "X-Scope-OrgID": project}
    answer = await api.request(method, path, **{**request_, "headers": headers})
    assert answer.status_code == 400
    assert "X-Scope-OrgID" in answer.text


async def test_two_projects_are_400(api: httpx.AsyncClient) -> None:
    headers = [("X-Scope-OrgID", "default"), ("X-Scope-OrgID", "other")]
    assert (await api.get("/api/status", headers=headers)).status_code == 400
