"""`loki` against an HTTP server that stands in for Loki's push API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from collector_samples import events, until
from loki_peer import LokiPeer, logs
from otlp_peers import HttpAnswer, InstantTime
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.loki import LokiExporter
from belvedere.collector.exporters.loki.exporter import LokiConfig

DIRECT = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


@pytest.fixture
async def loki() -> AsyncIterator[LokiPeer]:
    peer = LokiPeer()
    await peer.start()
    yield peer
    await peer.stop()


@asynccontextmanager
async def exporter(
    peer: LokiPeer, time: InstantTime | None = None, name: str = "loki", **config: Any
) -> AsyncIterator[LokiExporter]:
    endpoint = f"http://127.0.0.1:{peer.port}/loki/api/v1/push"
    settings = LokiConfig.model_validate({"endpoint": endpoint} | config)
    running = LokiExporter(settings, Host(name), clock=time.clock if time else None)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


@pytest.mark.parametrize(
    ("config", "content"),
    [
        ({}, "application/x-protobuf"),
        ({"encoding": "json"}, "application/json"),
        ({"encoding": "json", "compression": "gzip"}, "application/json"),
    ],
    ids=["protobuf", "json", "json-gzip"],
)
async def test_pushes(loki: LokiPeer, config: dict[str, Any], content: str) -> None:
    batch = logs(
        {"body": "one", "time_unix_nano": 1, "severity_number": 9},
        {"body": "two", "time_unix_nano": 2, "severity_number": 9},
        {"body": "three", "time_unix_nano": 3, "severity_number": 17},
        resource={"service.name": "s", "loki.format": "raw"},
    )
    headers = {"X-Scope-OrgID": "acme"}
    async with exporter(loki, headers=headers, **DIRECT, **config) as sending:
        await sending.consume(batch)
    (received,) = loki.received
    assert received.path == "/loki/api/v1/push"
    assert received.headers["content-type"] == content
    assert received.headers["x-scope-orgid"] == "acme"
    assert received.message == {
        '{exporter="OTLP", job="s", level="INFO"}': [(1, "one"), (2, "two")],
        '{exporter="OTLP", job="s", level="ERROR"}': [(3, "three")],
    }


def of_tenants(*tenants: str) -> Any:
    return logs(*({"body": t, "attributes": {"loki.tenant": "t", "t": t}} for t in tenants))


async def test_each_tenant_gets_its_own_request(loki: LokiPeer) -> None:
    async with exporter(loki, headers={"x-scope-orgid": "other"}, **DIRECT) as sending:
        await sending.consume(of_tenants("a", "b", "a", ""))
    sent = {r.headers["x-scope-orgid"]: sum(map(len, r.message.values())) for r in loki.received}
    assert sent == {"a": 2, "b": 1, "other": 1}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(code, Retryable) for code in (429, 500, 502, 503, 504)]
    + [(code, Permanent) for code in (301, 400, 401, 404, 413, 422)],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
async def test_statuses(loki: LokiPeer, status: int, outcome: type[Exception]) -> None:
    text = b"entry too far behind\n"
    loki.answers = [HttpAnswer(status, text, [("content-type", "text/plain")])]
    async with exporter(loki, **DIRECT) as sending:
        with pytest.raises(outcome, match=f"/push: {status} .*: entry too far behind$"):
            await sending.consume(logs({}))


async def test_one_tenant_is_refused_for_good(
    loki: LokiPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    loki.answers = [HttpAnswer(400, b"limit of a", []), HttpAnswer(204)]
    async with exporter(loki, name="loki/refused", **DIRECT) as sending:
        with capture_logs() as written:
            await sending.consume(of_tenants("a", "b", "b"))
    assert events(written, "warning") == ["tenant_refused"]
    counters = counted("loki/refused")
    assert counters["sent_log_records"] == 2
    assert counters["send_failed_log_records"] == 1


async def test_all_that_cannot_be_sent_is_an_error(loki: LokiPeer) -> None:
    off = dict.fromkeys(("exporter", "job", "instance", "level"), False)
    async with exporter(loki, default_labels_enabled=off, **DIRECT) as sending:
        with pytest.raises(Permanent, match="2 records cannot be sent: they have no label"):
            await sending.consume(logs({}, {}))
    assert not loki.received


async def test_some_that_cannot_be_sent_are_counted(
    loki: LokiPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    async with exporter(loki, name="loki/format", **DIRECT) as sending:
        with capture_logs() as written:
            await sending.consume(logs({"attributes": {"loki.format": "xml"}}, {}, {}))
    assert events(written, "warning") == ["records_dropped"]
    assert counted("loki/format")["send_failed_log_records"] == 1
    assert counted("loki/format")["sent_log_records"] == 2


async def test_retries_and_waits_as_asked(
    loki: LokiPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    loki.answers = [HttpAnswer(429, headers=[("retry-after", "40")]), HttpAnswer(500)]
    time = InstantTime()
    async with exporter(loki, time, "loki/retries") as sending:
        await sending.consume(logs({}, {}))
        await until(lambda: len(loki.received) == 3)
    assert time.pauses_s == [40, 7.5]
    assert counted("loki/retries")["sent_log_records"] == 2


async def test_nobody_there(loki: LokiPeer) -> None:
    await loki.stop()
    async with exporter(loki, **DIRECT) as sending:
        with pytest.raises(Retryable, match="/loki/api/v1/push: "):
            await sending.consume(logs({}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"endpoint": ""}, "endpoint is required"),
        ({"endpoint": "loki:3100"}, "write http://host:port"),
        ({"compression": "gzip"}, "goes with encoding json"),
        ({"default_labels_enabled": {"host": True}}, "host"),
        ({"labels": {"attributes": {"a": "a"}}}, "loki.attribute.labels"),
        ({"tenant_id": "a"}, "X-Scope-OrgID"),
        ({"format": "body"}, "loki.format"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LokiConfig.model_validate({"endpoint": "http://loki:3100/loki/api/v1/push"} | config)
