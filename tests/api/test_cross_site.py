"""What web pages of other sites may do with their visitor's browser: nothing."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from belvedere.api.app import create_app
from belvedere.api.prometheus.app import create_prometheus_app
from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse

OWN = "http://belvedere:4320"
SQL = "/api/sql"
EVIL = "https://evil.example"
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
JSON = {"json": {"query": "select 1"}}
FORM = {"data": {"query": "select 1"}}


@pytest.fixture
async def page(store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(AppState(store)))
    async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
        yield client


@pytest.fixture
async def prometheus(store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_prometheus_app(AppState(store)))
    async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
        yield client


HEADERS = [
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, True),
    ({"Origin": OWN}, True),
    ({"Origin": "HTTP://BELVEDERE:4320"}, True),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
    ({"Sec-Fetch-Site": "cross-site", **LINK}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "new-value"}, False),
    ({"Origin": EVIL}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "http://belvedere:4321"}, False),
    ({"Origin": "http://belvedere"}, False),
    ({"Origin": "http://belvedere:4320.evil.example"}, False),
    ({"Origin": "http://evil.example?http://belvedere:4320"}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), HEADERS, ids=str)
@pytest.mark.parametrize(
    ("method", "request_"),
    [("GET", {"params": {"query": "select 1"}}), ("POST", JSON), ("POST", FORM)],
    ids=["get", "post json", "post form"],
)
async def test_sql(
    page: httpx.AsyncClient,
    method: str,
    request_: dict[str, Any],
    headers: dict[str, str],
    allowed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = await page.request(method, SQL, headers=headers, **request_)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert answer.json()["code"] == "CROSS_SITE"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("Text/Plain;charset=UTF-8", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/sql", 200),
        ("", 200),
    ],
)
async def test_bodies_that_forms_of_other_sites_can_send(
    page: httpx.AsyncClient, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await page.post(SQL, content="select 1", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("path", [SQL, "/api/status", "/prometheus/api/v1/query", "/metrics"])
async def test_a_preflight_is_refused(page: httpx.AsyncClient, path: str) -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    answer = await page.options(path, headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", **LINK}, 200),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", "/api/status", {"Origin": EVIL}, 403),
        ("GET", "/metrics", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/prometheus/graph?g0.expr=1", {"Sec-Fetch-Site": "cross-site", **LINK}, 302),
        ("POST", "/prometheus/api/v1/query", {"Sec-Fetch-Site": "cross-site", **LINK}, 403),
        ("POST", "/prometheus/api/v1/write", {"Origin": EVIL}, 403),
        ("POST", "/prometheus/api/v1/otlp/v1/metrics", {"Origin": EVIL}, 403),
        ("POST", "/prometheus/api/v1/otlp/v1/metrics", {"Origin": "null"}, 403),
    ],
    ids=str,
)
async def test_other_paths(
    page: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert (await page.request(method, path, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), ({"Origin": EVIL}, 403), ({"Sec-Fetch-Site": "same-site"}, 403)],
    ids=str,
)
async def test_prometheus_on_a_port_of_its_own(
    prometheus: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await prometheus.post("/api/v1/query", data={"query": "1"}, headers=headers)
    assert answer.status_code == status
