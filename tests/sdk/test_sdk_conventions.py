"""Instrumentors follow the stable HTTP and database conventions, unless the user chose others."""

import os
import subprocess
import sys

import pytest

from belvedere.sdk import settings

NAME = "OTEL_SEMCONV_STABILITY_OPT_IN"


@pytest.mark.parametrize(
    ("of_user", "expected"),
    [
        (None, "http,database"),
        ("", "http,database"),
        ("http/dup", "http/dup"),
        ("gen_ai_latest_experimental", "gen_ai_latest_experimental"),
    ],
)
def test_the_variable_while_init_holds(
    of_user: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if of_user is None:
        monkeypatch.delenv(NAME, raising=False)
    else:
        monkeypatch.setenv(NAME, of_user)
    restore = settings.use_stable_conventions()
    assert os.environ[NAME] == expected
    restore()
    restore()
    assert os.environ.get(NAME) == of_user


def test_what_the_application_sets_later_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    restore = settings.use_stable_conventions()
    monkeypatch.setenv(NAME, "http/dup")
    restore()
    assert os.environ[NAME] == "http/dup"


PROGRAM = """if True:
    import belvedere
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    telemetry = belvedere.init(isolated=True, logs=False, metrics="none", instrument=["fastapi"])
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry.tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    telemetry.meter_provider.add_metric_reader(metrics)

    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/agents/{name}")
    async def agent(name: str) -> str:
        return name

    async def call():
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            pass

        scope = {
            "type": "http", "method": "GET", "path": "/agents/a", "raw_path": b"/agents/a",
            "headers": [], "query_string": b"", "scheme": "http", "server": ("a", 80),
            "http_version": "1.1", "asgi": {"version": "3.0"}, "root_path": "",
        }
        await app(scope, receive, send)

    import asyncio

    asyncio.run(call())
    [span] = spans.get_finished_spans()
    print(span.name, span.attributes["http.request.method"])
    [scope] = metrics.get_metrics_data().resource_metrics[0].scope_metrics
    print(*(f"{m.name} {m.unit}" for m in scope.metrics if m.name.endswith("duration")))
"""


def test_a_request_served_is_in_seconds_and_named_by_its_route() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={name: value for name, value in os.environ.items() if name != NAME},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "GET /agents/{name} GET",
        "http.server.request.duration s",
    ]
