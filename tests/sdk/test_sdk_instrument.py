"""Instrumentors: chosen, activated once, taken away again, and said."""

import importlib
import logging
from importlib.metadata import EntryPoint
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

import belvedere
from belvedere.installation import install_command
from belvedere.sdk.instrument import activate
from belvedere.sdk.instrument import candidates as chosen
from belvedere.sdk.instrument.counted_twice import counted_twice
from belvedere.sdk.instrument.requirements import Requirements
from belvedere.sdk.providers import Providers


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", raising=False)


class Dist:
    def __init__(self, name: str) -> None:
        self.name = name


def entry_point(name: str, distribution: str) -> EntryPoint:
    found = EntryPoint(name, f"{distribution.replace('-', '_')}:X", chosen.GROUP)
    vars(found)["dist"] = Dist(distribution)
    return found


def test_of_several_for_one_library_opentelemetrys_own_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = [
        entry_point("openai", "openinference-instrumentation-openai"),
        entry_point("openai", "opentelemetry-instrumentation-openai"),
        entry_point("openai", "opentelemetry-instrumentation-genai-openai"),
        entry_point("mcp", "openinference-instrumentation-mcp"),
        entry_point("aiohttp-client", "opentelemetry-instrumentation-aiohttp-client"),
    ]
    monkeypatch.setattr(chosen, "entry_points", lambda **_: installed)
    found = chosen.candidates()
    assert found["openai"].dist.name == "opentelemetry-instrumentation-genai-openai"
    assert found["mcp"].dist.name == "openinference-instrumentation-mcp"
    assert found["aiohttp"].name == "aiohttp-client"


@pytest.mark.parametrize(
    ("names", "name", "wanted"),
    [
        (None, "httpx", True),
        (None, "psycopg", True),
        (None, "logging", False),
        (["logging"], "logging", True),
        (["httpx"], "requests", False),
        (None, "mcp", False),
        (["mcp"], "mcp", False),
    ],
)
def test_what_is_wanted(names: list[str] | None, name: str, *, wanted: bool) -> None:
    assert (chosen.unwanted(names, name) == "") is wanted


OURS, OPENINFERENCE, TRACELOOP = (
    "opentelemetry-instrumentation-genai-",
    "openinference-instrumentation-",
    "opentelemetry-instrumentation-",
)


@pytest.mark.parametrize(
    ("name", "by", "langchain_by", "expected"),
    [
        ("openai", OURS, OURS, ""),
        ("openai", OPENINFERENCE, OURS, ""),
        ("openai", TRACELOOP, TRACELOOP, ""),
        ("openai", OURS, None, ""),
        ("httpx", TRACELOOP, OPENINFERENCE, ""),
        ("openai", OURS, OPENINFERENCE, "openinference-instrumentation-langchain records"),
        ("openai", OPENINFERENCE, OPENINFERENCE, "openinference-instrumentation-langchain records"),
        ("openai", OURS, TRACELOOP, "opentelemetry-instrumentation-langchain records"),
        ("openai", OPENINFERENCE, TRACELOOP, "opentelemetry-instrumentation-langchain records"),
        ("anthropic", OURS, None, ""),
        ("anthropic", OPENINFERENCE, None, "the client makes spans itself"),
        ("anthropic", TRACELOOP, None, "the client makes spans itself"),
    ],
)
def test_what_would_be_counted_twice(
    name: str, by: str, langchain_by: str | None, expected: str
) -> None:
    found = {name: entry_point(name, by + name)}
    if langchain_by is not None:
        found["langchain"] = entry_point("langchain", f"{langchain_by}langchain")
    reason = counted_twice(name, found, {each for each in found if each != name})
    assert expected in reason
    assert bool(expected) is bool(reason)


@pytest.mark.parametrize(
    ("names", "level", "state"),
    [(None, "INFO", "counted twice"), (["openai", "langchain"], "WARNING", "when imported")],
    ids=["found", "named"],
)
def test_the_second_instrumentor_of_the_same_calls(
    names: list[str] | None,
    level: str,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    by = {"langchain": OPENINFERENCE, "openai": OURS}
    found = {name: entry_point(name, start + name) for name, start in by.items()}
    monkeypatch.setattr(activate, "candidates", lambda: found)
    required = Requirements(("never_imported",), missing=False, conflict="")
    monkeypatch.setattr(activate, "requirements", lambda _: required)
    caplog.set_level(logging.INFO, "belvedere.sdk")
    three = Providers(TracerProvider(), MeterProvider(), LoggerProvider(), frozenset())
    states, _ = activate.activate(names, three)
    assert states["langchain"] == "when imported"
    assert state in states["openai"]
    (line,) = [each for each in caplog.records if "counted twice" in each.getMessage()]
    assert line.levelname == level
    assert "openai" in line.getMessage()


def test_the_variable_disables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "httpx, requests, aiohttp-client")
    assert "names it" in chosen.unwanted(None, "aiohttp")
    assert "names it" in chosen.unwanted(None, "requests")
    assert not chosen.unwanted(None, "fastapi")


def get(receiver: Any) -> None:
    """A request of the application's own (to what receives: it has an HTTP server at hand)."""
    with httpx.Client() as client:
        client.post(f"{receiver.endpoint}/v1/traces", content=b"")


def test_an_instrumented_client_makes_one_span_a_call_until_shutdown(receiver: Any) -> None:
    options: dict[str, Any] = {
        "endpoint": receiver.endpoint,
        "isolated": True,
        "logs": False,
        "metrics": "none",
    }
    with belvedere.init("a", instrument=["httpx"], **options) as first:
        assert first.instrumented["httpx"] == "activated"
        with belvedere.init("b", instrument=["httpx"], **options) as second:
            assert second.instrumented["httpx"] == "active already"
            get(receiver)
        get(receiver)
    get(receiver)
    assert receiver.spans == ["POST", "POST"]  # and none for the SDK's own requests


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("django", install_command("django")),
        ("abacus", "belvedere has no extra for it; install a distribution that instruments it"),
    ],
)
def test_what_is_not_there_is_said(
    name: str, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    with belvedere.init(instrument=[name], isolated=True, logs=False, metrics="none") as telemetry:
        assert telemetry.instrumented[name].endswith(remedy)
        assert telemetry.instrumented["httpx"] == "not asked for"
    assert f"{name} is not instrumented" in caplog.text


@pytest.mark.parametrize("installed", [True, False])
def test_a_library_with_spans_of_its_own_needs_no_instrumentor(
    installed: bool,  # noqa: FBT001 - a parameter of pytest
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    instrumentor = entry_point("mcp", "opentelemetry-instrumentation-mcp")
    monkeypatch.setattr(chosen, "entry_points", lambda **_: [instrumentor] if installed else [])
    with belvedere.init(instrument=["mcp"], isolated=True, logs=False, metrics="none") as telemetry:
        reason = telemetry.instrumented["mcp"]
    remedy = ": pip uninstall opentelemetry-instrumentation-mcp" if installed else ""
    assert reason == f"mcp 2 makes its own spans{remedy}"
    assert ("mcp is not instrumented" in caplog.text) is installed


def test_an_instrumentor_that_fails_does_not_stop_the_application(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from opentelemetry.instrumentation.requests import RequestsInstrumentor

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such hook")

    importlib.import_module("requests")
    monkeypatch.setattr(RequestsInstrumentor, "_instrument", broken)
    caplog.set_level(logging.DEBUG, "belvedere.sdk")
    with belvedere.init(
        instrument=["requests"], isolated=True, logs=False, metrics="none"
    ) as telemetry:
        assert telemetry.instrumented["requests"] == "failed: RuntimeError: no such hook"
    assert "requests is not instrumented: failed" in caplog.text
    assert trace.get_tracer_provider() is not telemetry.tracer_provider


@pytest.mark.parametrize(
    ("name", "of_settings", "ready"),
    [("django", None, False), ("django", "mysite.settings", True), ("flask", None, True)],
)
def test_django_is_not_given_default_settings(
    name: str,
    of_settings: str | None,
    *,
    ready: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    if of_settings:
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", of_settings)
    assert (activate._not_ready(name) == "") is ready
