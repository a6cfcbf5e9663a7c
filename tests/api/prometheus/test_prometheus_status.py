"""What the server says of itself, and its lifecycle: shapes as a real Prometheus has them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import yaml
from api_samples import client
from real_prometheus import RealPrometheus

from belvedere.api.prometheus.app import create_prometheus_app
from belvedere.api.state import AppState, LastReload
from belvedere.store.embedded import EmbeddedClickHouse

TOKENS = {"ours": "default", "chief": "*"}
FLAGS = {"query.timeout": "2m", "storage.tsdb.path": "/data"}
CONFIG = {"rule_files": ["rules/*.yml"]}
ADMIN = [f"/api/v1/admin/tsdb/{name}" for name in ("delete_series", "clean_tombstones", "snapshot")]
CORS = "access-control-allow-"


class Reloads:
    def __init__(self) -> None:
        self.count = 0
        self.usable = True

    async def __call__(self) -> bool:
        self.count += 1
        return self.usable


@pytest.fixture
def reloads() -> Reloads:
    return Reloads()


@pytest.fixture
async def port(metric_store: EmbeddedClickHouse, reloads: Reloads) -> AsyncIterator[Any]:
    """A client of `--prometheus-port`, without tokens."""
    state = AppState(metric_store, reload=reloads, flags=FLAGS, prometheus_config=lambda _: CONFIG)
    transport = httpx.ASGITransport(create_prometheus_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://belvedere") as opened:
        yield opened


@pytest.fixture
async def tokened(metric_store: EmbeddedClickHouse, reloads: Reloads) -> AsyncIterator[Any]:
    """The same with tokens."""
    state = AppState(metric_store, tokens=TOKENS, reload=reloads, flags=FLAGS)
    transport = httpx.ASGITransport(create_prometheus_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://belvedere") as opened:
        yield opened


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RealPrometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running.url


@pytest.fixture
async def upstream(prometheus_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=prometheus_url, trust_env=False) as opened:
        yield opened


@pytest.mark.parametrize(
    "request_",
    [
        "GET /api/v1/status/walreplay",
        "GET /api/v1/targets/metadata",
        "GET /api/v1/scrape_pools",
        "GET /api/v1/nothing",
        "OPTIONS /api/v1/query",
        "OPTIONS /api/v1/nothing",
        "GET /-/reload",
        *(f"{method} {path}" for method in ("POST", "PUT", "GET") for path in ADMIN),
    ],
)
async def test_answers_as_prometheus_does(
    port: httpx.AsyncClient, upstream: httpx.AsyncClient, request_: str
) -> None:
    ours = await port.request(*request_.split())
    theirs = await upstream.request(*request_.split())
    assert ours.status_code == theirs.status_code
    if theirs.headers.get("content-type") == "application/json":
        assert ours.json() == theirs.json()


@pytest.mark.parametrize("path", ["/api/v1/query", "/api/v1/label/x/values"])
async def test_a_preflight_of_the_own_site_has_the_headers_of_prometheus(
    port: httpx.AsyncClient, upstream: httpx.AsyncClient, path: str
) -> None:
    origin = {"Origin": "http://belvedere"}
    ours = (await port.options(path, headers=origin)).headers
    theirs = (await upstream.options(path, headers=origin)).headers
    shared = (f"{CORS}headers", f"{CORS}methods", "access-control-expose-headers", "vary")
    assert [ours[name] for name in shared] == [theirs[name] for name in shared]
    assert ours[f"{CORS}origin"] == "http://belvedere"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("notifications", []),
        ("status/tsdb/blocks", {"blocks": []}),
        ("status/flags", FLAGS),
        ("status/config", {"yaml": "rule_files:\n- rules/*.yml\n"}),
    ],
)
async def test_what_there_is_of_newer_ones(port: httpx.AsyncClient, path: str, data: Any) -> None:
    answer = await port.get(f"/api/v1/{path}")
    assert answer.json() == {"status": "success", "data": data}
    if path == "status/config":
        assert yaml.safe_load(data["yaml"]) == CONFIG


async def test_features_are_those_of_the_language(port: httpx.AsyncClient) -> None:
    found = (await port.get("/api/v1/features")).json()["data"]
    assert found["api"]["admin"] is False
    assert found["promql_functions"]["rate"] is True
    assert found["promql_functions"]["mad_over_time"] is False
    assert found["promql_operators"]["topk"] is True
    assert found["promql_operators"]["limitk"] is False
    assert {type(on) for category in found.values() for on in category.values()} == {bool}


@pytest.mark.parametrize(
    ("last", "successful", "time"),
    [
        (LastReload(is_successful=False), False, None),
        (LastReload(loaded_s=1_795_000_000.0), True, "2026-11-18T11:06:40+00:00"),
    ],
    ids=["failed", "succeeded"],
)
async def test_runtime_information_tells_of_the_last_reload(
    metric_store: EmbeddedClickHouse,
    last: LastReload,
    successful: bool,  # noqa: FBT001 - a table
    time: str | None,
) -> None:
    async with client(AppState(metric_store, last_reload=lambda: last)) as api:
        answer = await api.get("/prometheus/api/v1/status/runtimeinfo")
    found = answer.json()["data"]
    assert found["reloadConfigSuccess"] is successful
    assert found["lastConfigTime"] == (time or found["startTime"])


async def test_the_version_is_that_of_buildinfo(port: httpx.AsyncClient) -> None:
    build = (await port.get("/api/v1/status/buildinfo")).json()["data"]
    assert (await port.get("/version")).json() == build


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_reload(port: httpx.AsyncClient, reloads: Reloads, method: str) -> None:
    answer = await port.request(method, "/-/reload")
    assert (answer.status_code, answer.text, reloads.count) == (200, "", 1)
    reloads.usable = False
    answer = await port.request(method, "/-/reload")
    assert answer.status_code == 500
    assert "failed to reload the rules" in answer.text


@pytest.mark.parametrize(
    ("request_", "token", "status"),
    [
        ("POST /-/reload", "", 401),
        ("POST /-/reload", "ours", 403),
        ("POST /-/reload", "chief", 200),
        ("GET /metrics", "", 401),
        ("GET /metrics", "ours", 200),
        ("GET /metrics", "chief", 200),
        ("GET /api/v1/status/flags", "", 401),
        ("GET /api/v1/status/config", "", 401),
        ("GET /api/v1/targets/metadata", "", 401),
        (f"POST {ADMIN[0]}", "", 401),
        (f"POST {ADMIN[0]}", "ours", 500),
    ],
)
async def test_tokens(
    tokened: httpx.AsyncClient, reloads: Reloads, request_: str, token: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await tokened.request(*request_.split(), headers=headers)
    assert answer.status_code == status, answer.text
    assert reloads.count == (request_ == "POST /-/reload" and status == 200)


@pytest.mark.parametrize(("token", "shows"), [("ours", False), ("chief", True)])
async def test_paths_are_for_operators(
    tokened: httpx.AsyncClient,
    token: str,
    shows: bool,  # noqa: FBT001 - a table
) -> None:
    answer = await tokened.get("/api/v1/status/flags", headers={"Authorization": f"Bearer {token}"})
    assert ("storage.tsdb.path" in answer.json()["data"]) is shows


async def test_metrics_are_those_of_the_api(
    port: httpx.AsyncClient, metric_store: EmbeddedClickHouse
) -> None:
    answer = await port.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "otelcol_receiver_accepted_spans" in answer.text
    async with client(AppState(metric_store)) as api:
        assert (await api.get("/prometheus/-/healthy")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/-/reload"), ("GET", "/metrics"), ("OPTIONS", "/api/v1/query")]
)
async def test_pages_of_other_sites_are_refused(
    port: httpx.AsyncClient, reloads: Reloads, method: str, path: str
) -> None:
    answer = await port.request(method, path, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, reloads.count) == (403, 0)
