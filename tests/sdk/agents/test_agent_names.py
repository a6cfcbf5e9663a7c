"""Span names, kinds and attributes are those of the GenAI conventions."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from belvedere.sdk.agents import agent, model_call, retrieval, task, tool, workflow

CASES = {
    "workflow": (
        lambda: workflow("nightly"),
        "invoke_workflow nightly",
        SpanKind.INTERNAL,
        {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "nightly"},
    ),
    "agent": (
        lambda: agent("scout", id="a1", version="2", description="finds", model="m", provider="p"),
        "invoke_agent scout",
        SpanKind.INTERNAL,
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "scout",
            "gen_ai.agent.id": "a1",
            "gen_ai.agent.version": "2",
            "gen_ai.agent.description": "finds",
            "gen_ai.request.model": "m",
            "gen_ai.provider.name": "p",
        },
    ),
    "remote agent": (
        lambda: agent("scout", remote=True),
        "invoke_agent scout",
        SpanKind.CLIENT,
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "scout"},
    ),
    "nameless agent": (
        agent,
        "invoke_agent",
        SpanKind.INTERNAL,
        {"gen_ai.operation.name": "invoke_agent"},
    ),
    "tool": (
        lambda: tool("search", call_id="c1", description="looks up"),
        "execute_tool search",
        SpanKind.INTERNAL,
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": "c1",
            "gen_ai.tool.description": "looks up",
        },
    ),
    "task": (lambda: task("plan"), "plan", SpanKind.INTERNAL, {"belvedere.task.name": "plan"}),
    "nameless task": (task, "task", SpanKind.INTERNAL, {}),
    "model call": (
        lambda: model_call("gpt-5", provider="openai", temperature=0.2, stop_sequences=["x"]),
        "chat gpt-5",
        SpanKind.CLIENT,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.stop_sequences": ("x",),
        },
    ),
    "model by keyword": (
        lambda: model_call(model="gpt-5"),
        "chat gpt-5",
        SpanKind.CLIENT,
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"},
    ),
    "embeddings": (
        lambda: model_call("e-3", operation="embeddings"),
        "embeddings e-3",
        SpanKind.CLIENT,
        {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e-3"},
    ),
    "retrieval": (
        lambda: retrieval("docs", provider="openai", model="e-3", top_k=5),
        "retrieval docs",
        SpanKind.CLIENT,
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "docs",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "e-3",
            "gen_ai.request.top_k": 5,
        },
    ),
}


@pytest.mark.parametrize(("make", "name", "kind", "attributes"), CASES.values(), ids=CASES.keys())
def test_span_of_an_operation(
    recorded: Any, make: Callable[[], Any], name: str, kind: SpanKind, attributes: dict[str, Any]
) -> None:
    with make():
        pass
    assert (recorded.span.name, recorded.span.kind) == (name, kind)
    assert recorded.attributes == attributes
    assert recorded.span.instrumentation_scope.name == "belvedere.agents"


class Team:
    @agent
    def lead(self) -> str:
        return "led"

    @tool
    @classmethod
    def look(cls) -> str:
        return cls.__name__

    @staticmethod
    @task
    def note() -> str:
        return "noted"

    @task
    @staticmethod
    def jot() -> str:
        return "jotted"


@pytest.mark.parametrize(
    ("call", "result", "name"),
    [
        (lambda: Team().lead(), "led", "invoke_agent Team.lead"),
        (lambda: Team().look(), "Team", "execute_tool look"),
        (Team.look, "Team", "execute_tool look"),
        (Team.note, "noted", "Team.note"),
        (lambda: Team().jot(), "jotted", "Team.jot"),
    ],
    ids=["method", "class method", "class method of the class", "static inside", "static outside"],
)
def test_methods(recorded: Any, call: Callable[[], str], result: str, name: str) -> None:
    assert call() == result
    assert recorded.span.name == name


@pytest.mark.parametrize("decorate", [workflow, agent, task, tool, model_call, retrieval])
def test_each_decorator_is_used_bare_called_or_named(recorded: Any, decorate: Any) -> None:
    def work() -> int:
        return 7

    assert [decorate(work)(), decorate()(work)(), decorate("x")(work)()] == [7, 7, 7]
    assert len(recorded.spans) == 3
    assert recorded.spans[0].name == recorded.spans[1].name
    assert recorded.spans[2].name.endswith("x")


async def test_async_with(recorded: Any) -> None:
    async with agent("a") as outer, task("t") as inner:
        assert inner.trace_id == outer.trace_id
    inner_span, outer_span = recorded.spans
    assert inner_span.parent.span_id == outer_span.context.span_id


def test_an_operation_is_entered_again(recorded: Any) -> None:
    operation = task("t")
    with operation as outer, operation as inner:
        assert inner.span_id != outer.span_id
    with operation:
        pass
    assert len(recorded.spans) == 3


async def test_an_operation_is_entered_by_tasks_at_once(recorded: Any) -> None:
    operation = agent("shared")
    first_left = asyncio.Event()

    async def enter(number: int) -> None:
        async with operation as run:
            run.set_attribute("number", number)
            await (asyncio.sleep(0) if number == 1 else first_left.wait())
            with tool("inside") as call:
                call.set_attribute("number", number)
        first_left.set()
        assert not trace.get_current_span().get_span_context().is_valid

    await asyncio.gather(enter(1), enter(2), enter(3))
    assert family(recorded.spans) == {(number, None) for number in (1, 2, 3)} | {
        (number, number) for number in (1, 2, 3)
    }


def test_an_operation_is_entered_by_threads_at_once(recorded: Any) -> None:
    operation = agent("shared")
    both_in, first_left = threading.Barrier(2), threading.Event()

    def enter(number: int) -> bool:
        with operation as run:
            run.set_attribute("number", number)
            both_in.wait(10)
            if number == 2:
                first_left.wait(10)
            with tool("inside") as call:
                call.set_attribute("number", number)
        first_left.set()
        return trace.get_current_span().get_span_context().is_valid

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(enter, (1, 2))) == [False, False]
    assert family(recorded.spans) == {(number, None) for number in (1, 2)} | {
        (number, number) for number in (1, 2)
    }


def family(spans: list[ReadableSpan]) -> set[tuple[Any, Any]]:
    """The `number` of each span that has ended, and that of its parent."""
    numbers = {span.context.span_id: dict(span.attributes or {})["number"] for span in spans}
    return {
        (numbers[span.context.span_id], numbers[span.parent.span_id] if span.parent else None)
        for span in spans
        if span.end_time
    }


@pytest.mark.parametrize("wrong", [int, 17, None], ids=["a class", "a number", "nothing"])
def test_what_is_no_function_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="only functions and methods can be decorated"):
        agent("x")(wrong)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError, match="no parameter 'temprature'; it has model, provider, temp"):
        model_call("m", temprature=1)  # type: ignore[call-overload] # the mistake tested
