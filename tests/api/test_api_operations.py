"""Health, readiness, `/metrics`, `/api/status`, the start page, and what is not there."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from api_samples import client
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from belvedere import internal_telemetry as telemetry
from belvedere.api.rates import AcceptedRates
from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import StoreUnavailable


async def test_healthy(api: httpx.AsyncClient) -> None:
    answer = await api.get("/-/healthy")
    assert (answer.status_code, answer.text) == (200, "Belvedere is healthy.\n")


@pytest.mark.parametrize(
    ("problem", "status", "text"),
    [
        ("", 200, "Belvedere is ready.\n"),
        ("it is starting", 503, "Belvedere is not ready: it is starting\n"),
    ],
)
async def test_ready(store: EmbeddedClickHouse, problem: str, status: int, text: str) -> None:
    async with client(AppState(store, problem=lambda: problem)) as api:
        answer = await api.get("/-/ready")
    assert (answer.status_code, answer.text) == (status, text)
    assert ("retry-after" in answer.headers) is bool(problem)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
async def test_metrics(api: httpx.AsyncClient, accept: str, content_type: str) -> None:
    answer = await api.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(content_type)
    assert "otelcol_receiver_accepted_spans" in answer.text
    if "openmetrics" in accept:
        assert list(text_string_to_metric_families(answer.text))


async def test_health_needs_no_token(guarded: httpx.AsyncClient) -> None:
    for path in ("/-/healthy", "/-/ready", "/"):
        assert (await guarded.get(path)).status_code == 200


async def test_status(store: EmbeddedClickHouse, tmp_path: Path) -> None:
    parts = {"data_dir": str(tmp_path), "listening": {"OTLP/gRPC": "127.0.0.1:4317"}}
    telemetry.EXPORTER_QUEUE_SIZE.labels("belvedere").set(3)
    telemetry.EXPORTER_QUEUE_CAPACITY.labels("belvedere").set(10)
    async with client(AppState(store, status_parts=lambda: parts)) as api:
        telemetry.RECEIVER_ACCEPTED["traces"].labels("otlp", "grpc").inc(7)
        status = (await api.get("/api/status")).json()
    assert {"belvedere", "clickhouse", "python", "chdb"} == set(status["versions"])
    assert status["signals"]["traces"]["accepted"] >= 7
    assert status["signals"]["traces"]["accepted_per_s"] > 0
    assert set(status["signals"]) == {"traces", "metrics", "logs"}
    assert status["queues"]["belvedere"] == {"size": 3, "capacity": 10}
    assert {
        key: value
        for table in status["tables"]
        if table["table"] == "otel_traces"
        for key, value in table.items()
        if key != "bytes"
    } == {"table": "otel_traces", "rows": 2}
    assert status["disk"]["free_bytes"] > 0
    assert status["memory_bytes"] > 0
    assert status["uptime_s"] > 0
    assert (status["ready"], status["project"]) == (True, "default")
    assert status["listening"] == {"OTLP/gRPC": "127.0.0.1:4317"}


async def test_status_needs_a_token_and_shows_its_project(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/api/status")).status_code == 401
    headers = {"Authorization": "Bearer theirs"}
    status = (await guarded.get("/api/status", headers=headers)).json()
    assert status["project"] == "other"
    assert "otel_traces" not in {table["table"] for table in status["tables"] if table["rows"]}


@pytest.mark.parametrize("data_dir", [None, "/nowhere/at/all"])
async def test_a_status_without_a_disk(store: EmbeddedClickHouse, data_dir: str | None) -> None:
    async with client(AppState(store, status_parts=lambda: {"data_dir": data_dir})) as api:
        assert (await api.get("/api/status")).json()["disk"] is None


def test_rates_look_back_a_minute() -> None:
    now_s = 0.0
    rates = AcceptedRates(lambda: now_s)
    counter = telemetry.RECEIVER_ACCEPTED["logs"].labels("otlp", "http")
    for _ in range(24):  # two minutes: 100 a second, then 10 a second
        counter.inc(500 if now_s < 60 else 50)
        now_s += 5
        rates.sample()
    assert rates.per_second()["logs"] == 10
    assert rates.per_second()["metrics"] == 0


async def test_the_start_page_is_whole(api: httpx.AsyncClient) -> None:
    """Nothing from elsewhere, and nothing may be loaded from elsewhere."""
    answer = await api.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    html = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in html
    assert "https:" not in html
    assert "innerHTML" not in html


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nothing", 404, "Not Found; the start page / says what is here"),
        ("PUT", "/api/sql", 405, "Method Not Allowed; the start page / says what is here"),
    ],
)
async def test_what_is_not_there(
    api: httpx.AsyncClient, method: str, path: str, status: int, error: str
) -> None:
    answer = await api.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


class Broken:
    """Stands for a database that fails: named for what it is."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def query(self, *_: Any, **__: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (StoreUnavailable("gone"), 503, {"error": "gone", "code": "StoreUnavailable"}),
        (
            RuntimeError("secret"),
            500,
            {"error": "internal error; the server's log says more", "code": "INTERNAL"},
        ),
    ],
)
async def test_a_database_that_fails(error: Exception, status: int, body: dict[str, str]) -> None:
    async with client(AppState(Broken(error))) as api:  # type: ignore[arg-type]  # only query() is called
        answer = await api.get("/api/sql", params={"query": "select 1"})
    assert (answer.status_code, answer.json()) == (status, body)


async def test_the_start_page_asks_what_the_api_can_answer(api: httpx.AsyncClient) -> None:
    page = (await api.get("/")).text
    query = page.partition("const ROOTS = `")[2].partition("`;")[0]
    answer = await api.get("/api/sql", params={"query": query})
    assert answer.status_code == 200
    columns = {column["name"] for column in answer.json()["meta"]}
    assert columns == {
        "TraceId", "Timestamp", "ServiceName", "SpanName", "Duration", "StatusCode",
    }  # fmt: skip
