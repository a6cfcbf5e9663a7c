"""`belvedere.init` decides about content: for instrumentors, and at every exporter."""

import os
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import belvedere
from belvedere.sdk import pipelines
from belvedere.sdk.agents import capture_variables
from belvedere.sdk.providers import Providers
from belvedere.sdk.settings import Batching

VARIABLES = (capture_variables.CAPTURE, "TRACELOOP_TRACE_CONTENT", "OPENINFERENCE_HIDE_INPUTS")
OPPOSITE = {"TRACELOOP_TRACE_CONTENT": "true", "OPENINFERENCE_HIDE_INPUTS": "true"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ, *VARIABLES]:
        if name.startswith("OTEL_") or name in VARIABLES:
            monkeypatch.delenv(name, raising=False)


def write_as_others_do(tracers: Any, loggers: Any) -> None:
    """A span and an event with content, as instrumentors write them that ask nobody."""
    attributes = {"input.value": "hello from ann@example.com", "llm.model_name": "gpt"}
    tracers.get_tracer("openinference").start_span("llm", attributes=attributes).end()
    body = {"content": "hello from ann@example.com"}
    event = LogRecord(body=body, event_name="gen_ai.user.message")
    loggers.get_logger("traceloop").emit(event)


@pytest.mark.parametrize(
    ("argument", "variable", "expected", "on_spans", "on_events"),
    [
        pytest.param(True, None, ("SPAN_ONLY", "true", "false"), True, True, id="on"),
        pytest.param(
            True, "NO_CONTENT", ("SPAN_ONLY", "true", "false"), True, True, id="on anyway"
        ),
        pytest.param(
            True, "EVENT_ONLY", ("SPAN_AND_EVENT", "true", "false"), True, True, id="on, events too"
        ),
        pytest.param(False, None, ("NO_CONTENT", "false", "true"), False, False, id="off"),
        pytest.param(
            False, "SPAN_AND_EVENT", ("NO_CONTENT", "false", "true"), False, False, id="off anyway"
        ),
        pytest.param(None, None, ("NO_CONTENT", "false", "true"), False, False, id="by default"),
        pytest.param(
            None, "span_only", ("SPAN_ONLY", "true", "false"), True, True, id="the variable"
        ),
        pytest.param(
            None, "event_only", ("EVENT_ONLY", "false", "true"), False, True, id="events alone"
        ),
    ],
)
def test_one_switch_decides(
    receiver: Any,
    monkeypatch: pytest.MonkeyPatch,
    argument: Any,
    variable: str | None,
    expected: tuple[str, str, str],
    *,
    on_spans: bool,
    on_events: bool,
) -> None:
    for name, value in OPPOSITE.items():
        monkeypatch.setenv(name, value)
    if variable is not None:
        monkeypatch.setenv(capture_variables.CAPTURE, variable)
    before = dict(os.environ)
    with belvedere.init(
        "shop",
        endpoint=receiver.endpoint,
        capture_content=argument,
        isolated=True,
        instrument=None,
    ) as telemetry:
        assert tuple(os.environ[name] for name in VARIABLES) == expected
        write_as_others_do(telemetry.tracer_provider, telemetry.logger_provider)
        assert telemetry.force_flush()
    assert dict(os.environ) == before
    sent = {
        signal: b"".join(request.SerializeToString() for request in receiver.requests[signal])
        for signal in ("traces", "logs")
    }
    assert b"gpt" in sent["traces"]
    assert b"gen_ai.user.message" in sent["logs"]
    assert b"ann@example.com" not in sent["traces"] + sent["logs"]
    assert (b"hello from [redacted:email]" in sent["traces"]) is on_spans
    assert (b"hello from [redacted:email]" in sent["logs"]) is on_events


def test_one_of_two_policies_ends_and_the_other_holds() -> None:
    first = capture_variables.apply(spans=True, events=False)
    second = capture_variables.apply(spans=False, events=False)
    assert capture_variables.given(capture_variables.CAPTURE) is None
    second()
    assert os.environ[capture_variables.CAPTURE] == "SPAN_ONLY"
    first()
    assert capture_variables.CAPTURE not in os.environ


def test_exporters_of_other_packages_get_clean_records_of_providers_that_were_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
    offered = {"traces": spans, "logs": records}
    monkeypatch.setattr(pipelines, "_load", lambda signal, _: offered[signal])
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "console")
    tracers, loggers = (
        TracerProvider(shutdown_on_exit=False),
        LoggerProvider(shutdown_on_exit=False),
    )
    to = Providers(tracers, None, loggers, frozenset({"traces", "logs"}))  # type: ignore[arg-type] # no metrics here
    where, few = pipelines.Where(None, None, None), Batching("spans", 5.0, 8, 8)
    added = [
        pipelines.add_spans(to, where, few, pending=False),
        pipelines.add_logs(to, where, few),
    ]
    write_as_others_do(tracers, loggers)
    for each in added:
        for part in each.parts:
            assert part.shutdown(10)
        for undo in each.undo:
            undo()
    exported = "".join(
        each.to_json() for each in (*spans.get_finished_spans(), *records.get_finished_logs())
    )
    assert "gpt" in exported
    assert "gen_ai.user.message" in exported
    assert "hello" not in exported
    assert "ann@example.com" not in exported
