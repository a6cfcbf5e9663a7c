"""Pending spans: long runs are seen before they end, short ones cost nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from belvedere.sdk.agents import agent, context, providers, task
from belvedere.sdk.agents.duplicate_calls import DuplicateCallProcessor
from belvedere.sdk.agents.pending import PendingSpanProcessor
from belvedere.sdk.agents.processors import span_processors


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    made = TracerProvider(shutdown_on_exit=False)
    for processor in span_processors(pending=True, export=exporter):
        made.add_span_processor(processor)
    undo = providers.bind(made)
    yield made
    undo()
    made.shutdown()


def test_a_run_that_goes_on_is_exported(provider: Any, exporter: Any) -> None:
    with context(user_id="u"), agent("outer") as outer, agent("inner", version="2") as inner:
        provider.force_flush()
        first, second = exporter.get_finished_spans()
    assert (first.name, second.name) == ("invoke_agent outer", "invoke_agent inner")
    assert second.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "inner",
        "gen_ai.agent.version": "2",
        "user.id": "u",
        "logfire.span_type": "pending_span",
        "logfire.pending_parent_id": outer.span_id,
    }
    assert first.attributes["logfire.pending_parent_id"] == "0" * 16
    assert second.parent.span_id == int(inner.span_id, 16)
    assert second.context.trace_id == int(inner.trace_id, 16)
    assert second.context.span_id not in {int(inner.span_id, 16), int(outer.span_id, 16)}
    assert second.start_time == second.end_time
    assert second.resource is provider.resource


def test_a_run_that_has_ended_is_not(provider: Any, exporter: Any) -> None:
    with task("short"):
        pass
    provider.force_flush()
    assert not exporter.get_finished_spans()


def test_shutdown_flushes_and_leaves_the_exporter_alone(exporter: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(PendingSpanProcessor(exporter, delay_s=60))
    running = provider.get_tracer("t").start_span("running")
    provider.shutdown()
    assert [span.name for span in exporter.get_finished_spans()] == ["running"]
    running.end()
    exporter.export([])
    assert not exporter._stopped


def test_what_is_not_sampled_is_not(exporter: Any) -> None:
    provider = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(PendingSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("s"):
        assert trace.get_current_span().get_span_context().is_valid
        provider.force_flush()
    provider.shutdown()
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize(
    ("pending", "export", "count"),
    [(False, None, 1), (False, InMemorySpanExporter(), 1), (True, None, 1)],
    ids=["off", "off with an exporter", "no exporter"],
)
def test_opt_in(pending: Any, export: Any, count: int) -> None:
    assert len(span_processors(pending=pending, export=export)) == count


def test_a_span_that_another_stands_for_has_none(exporter: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(DuplicateCallProcessor(()))
    provider.add_span_processor(PendingSpanProcessor(exporter, delay_s=60))
    tracer, chat = provider.get_tracer("t"), {"gen_ai.operation.name": "chat"}
    with tracer.start_as_current_span("chat", attributes=chat) as outer:
        inner = tracer.start_span("the same", attributes=chat)
        provider.shutdown()
    assert [span.name for span in exporter.get_finished_spans()] == ["chat"]
    assert (inner.is_recording(), outer.is_recording()) == (True, False)
