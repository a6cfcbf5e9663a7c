"""Decorating changes nothing about a function: only spans are added."""

import asyncio
import functools
import gc
import inspect
import pickle
import types
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from belvedere.sdk.agents import AgentRun, ModelCall, Run, TaskRun, agent, task, tool


def plain(a: int, /, b: str = "b", *args: int, c: float = 1.0, **kwargs: Any) -> str:
    """What it does."""
    return f"{a}{b}{args}{c}{kwargs}"


async def coroutine(a: int, b: str = "b") -> str:
    """What it does."""
    await asyncio.sleep(0)
    return f"{a}{b}"


def generator(a: int) -> Iterator[int]:
    """What it does."""
    yield a


async def async_generator(a: int) -> AsyncIterator[int]:
    """What it does."""
    yield a


KINDS = [plain, coroutine, generator, async_generator]


@pytest.mark.parametrize("func", KINDS, ids=lambda func: func.__name__)
def test_inspection_sees_no_difference(func: Callable[..., Any]) -> None:
    decorated = agent("x")(func)
    for question in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        asyncio.iscoroutinefunction if not hasattr(inspect, "markcoroutinefunction") else bool,
        inspect.signature,
        inspect.getdoc,
        inspect.get_annotations,
    ):
        assert question(decorated) == question(func)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(decorated, name) == getattr(func, name)


def test_results_and_arguments_pass(recorded: Any) -> None:
    assert tool(plain)(1, "x", 2, c=3, d=4) == plain(1, "x", 2, c=3, d=4)
    assert asyncio.run(tool(coroutine)(1, b="y")) == "1y"
    marker = object()
    assert task(lambda: marker)() is marker


def test_wrong_arguments_raise_the_same(recorded: Any) -> None:
    with pytest.raises(TypeError, match=r"plain\(\) missing 1 required positional argument: 'a'"):
        tool(plain)()


@tool
def module_level() -> int:
    return 3


def test_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level  # noqa: S301 - our own


def test_a_partial_and_a_callable_object(recorded: Any) -> None:
    class Doubler:
        def __call__(self, x: int) -> int:
            return 2 * x

    assert task(functools.partial(plain, 1))() == plain(1)
    assert task(Doubler())(4) == 8
    assert [span.name for span in recorded.spans] == ["plain", "Doubler"]


class Broken(Exception):  # noqa: N818 - a name that is checked below
    pass


def test_an_error_passes_and_is_recorded(recorded: Any) -> None:
    error = Broken("no luck")

    @agent("a")
    def fails() -> None:
        raise error

    with pytest.raises(Broken) as raised:
        fails()
    assert raised.value is error
    assert error.__context__ is None
    span = recorded.span
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "Broken: no luck"
    assert recorded.attributes["error.type"] == f"{Broken.__module__}.Broken"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "no luck"


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(3), GeneratorExit()],
    ids=repr,
)
def test_stopping_is_no_error(recorded: Any, error: BaseException) -> None:
    with pytest.raises(type(error)), agent("a"):
        raise error
    assert recorded.span.status.status_code is StatusCode.UNSET
    assert not recorded.span.events


def test_a_handled_error_is_recorded_by_hand(recorded: Any) -> None:
    with task("t") as run:
        run.record_error(ValueError("bad"))
    assert recorded.span.status.status_code is StatusCode.ERROR
    assert recorded.attributes["error.type"] == "ValueError"


def test_the_current_run(recorded: Any) -> None:
    @task
    def inside() -> None:
        assert AgentRun.current().span_id == outer.span_id
        assert TaskRun.current().span is trace.get_current_span()
        AgentRun.current().set_attribute("seen", value=True)

    with agent("a") as outer:
        inside()
        assert AgentRun.current() is outer
    assert recorded.spans[1].attributes["seen"] is True
    assert AgentRun.current().trace_id == "0" * 32


def test_outside_of_any_run_nothing_is_recorded(recorded: Any) -> None:
    ModelCall.current().usage(input_tokens=3)
    ModelCall.current().response(id="x")
    AgentRun.current().add_event("nothing")
    Run.current().set_attribute("a", 1)
    assert not recorded.spans
    assert not recorded.faults


def test_recursion_and_concurrency(recorded: Any) -> None:
    @task
    async def count(n: int) -> int:
        await asyncio.sleep(0)
        return n + await count(n - 1) if n else 0

    async def both() -> list[int]:
        return await asyncio.gather(count(3), count(4))

    assert asyncio.run(both()) == [6, 10]
    roots = [span for span in recorded.spans if span.parent is None]
    assert len(recorded.spans) == 9
    assert len(roots) == 2
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_coroutine_made_of_a_generator_is_still_one(recorded: Any) -> None:
    @task
    @types.coroutine
    def legacy(item: int) -> Generator[Any, Any, int]:
        with tool("inside"):
            yield from asyncio.sleep(0).__await__()
        return item

    @task
    @types.coroutine
    def failing() -> Generator[Any, Any, None]:
        yield from asyncio.sleep(0).__await__()
        raise KeyError("k")

    async def use() -> int:
        with pytest.raises(KeyError):
            await failing()
        return await legacy(7)

    assert asyncio.run(use()) == 7
    assert inspect.isgeneratorfunction(legacy)
    failed, inside, outer = recorded.spans
    assert (failed.status.is_ok, failed.attributes["error.type"]) == (False, "KeyError")
    assert inside.parent.span_id == outer.context.span_id
    assert "gen_ai.response.time_to_first_chunk" not in outer.attributes


async def test_a_cancelled_coroutine_ends_its_span(recorded: Any) -> None:
    @agent("a")
    async def forever() -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(forever())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert recorded.span.status.status_code is StatusCode.UNSET


def test_a_coroutine_closed_elsewhere_ends_its_span_quietly(
    recorded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import contextvars

    @agent("a")
    async def waits() -> None:
        await asyncio.Future()

    async def begin() -> Any:
        pending = waits()
        pending.send(None)
        return pending

    loop = asyncio.new_event_loop()
    pending = contextvars.copy_context().run(loop.run_until_complete, begin())
    loop.close()
    pending.close()
    assert recorded.span.name == "invoke_agent a"
    assert not caplog.records


def test_without_an_sdk_everything_passes() -> None:
    from belvedere.sdk.agents import providers

    undo = providers.bind(trace.NoOpTracerProvider())
    try:
        assert tool(plain)(1) == plain(1)
        assert list(tool(generator)(1)) == [1]
        with agent("a") as run:
            assert run.handle == f"00-{'0' * 32}-{'0' * 16}-00"
    finally:
        undo()


def test_a_run_is_freed_without_the_garbage_collector(recorded: Any) -> None:
    """A cycle would keep each span, and all it holds, until a collection."""
    gc.collect()
    gc.disable()
    try:
        with agent("a") as run:
            freed = weakref.ref(run.span)
            list(task(generator)(1))
        del run
        assert freed() is None
    finally:
        gc.enable()
