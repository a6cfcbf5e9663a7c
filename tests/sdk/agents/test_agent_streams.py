"""The span of a stream: how long it lives, and where it is current."""

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from belvedere.sdk.agents import agent, model_call, task

FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"


def current() -> int:
    return trace.get_current_span().get_span_context().span_id


@agent("a")
def numbers(n: int = 3) -> Iterator[int]:
    for i in range(n):
        yield current() or i


@agent("a")
async def async_numbers(n: int = 3) -> AsyncIterator[int]:
    for _ in range(n):
        await asyncio.sleep(0)
        yield current()


def test_current_inside_and_never_outside(recorded: Any) -> None:
    with task("consumer") as consumer:
        seen = []
        for inside in numbers():
            seen.append(inside)
            assert current() == int(consumer.span_id, 16)
    stream, _ = recorded.spans
    assert seen == [stream.context.span_id] * 3
    assert stream.parent.span_id == int(consumer.span_id, 16)
    assert stream.attributes[FIRST_CHUNK] >= 0


async def test_current_inside_and_never_outside_async(recorded: Any) -> None:
    async with task("consumer") as consumer:
        seen = []
        async for inside in async_numbers():
            seen.append(inside)
            assert current() == int(consumer.span_id, 16)
    stream, _ = recorded.spans
    assert seen == [stream.context.span_id] * 3


def test_what_a_generator_makes_current_stays_current_for_it(recorded: Any) -> None:
    @agent("a")
    def nested() -> Iterator[int]:
        with task("inner"):
            yield current()
            yield current()
        yield current()

    outer, inner = None, None
    values = []
    for value in nested():
        values.append(value)
        assert current() == 0
    inner, outer = recorded.spans
    assert values == [inner.context.span_id, inner.context.span_id, outer.context.span_id]
    assert inner.parent.span_id == outer.context.span_id


def test_nothing_starts_before_the_first_step(recorded: Any) -> None:
    stream = numbers()
    del stream
    assert not recorded.spans


def leave_early(stream: Any) -> None:
    next(stream)


@pytest.mark.parametrize(
    "finish",
    [
        pytest.param(list, id="exhausted"),
        pytest.param(lambda stream: (next(stream), stream.close()), id="closed"),
        pytest.param(leave_early, id="collected"),
    ],
)
def test_the_span_ends_with_the_stream(recorded: Any, finish: Any) -> None:
    finish(numbers())
    gc.collect()
    assert recorded.span.status.status_code is StatusCode.UNSET
    assert not recorded.span.events


async def test_an_async_stream_that_is_closed(recorded: Any) -> None:
    stream = async_numbers()
    await anext(stream)
    assert not recorded.spans
    await stream.aclose()
    assert recorded.span.name == "invoke_agent a"


async def test_an_async_stream_that_is_left(recorded: Any) -> None:
    async for _ in async_numbers():
        break
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert recorded.span.status.status_code is StatusCode.UNSET


def test_an_async_stream_that_is_collected_after_its_loop(recorded: Any) -> None:
    loop = asyncio.new_event_loop()
    stream = async_numbers()
    loop.run_until_complete(anext(stream))
    loop.close()
    del stream
    gc.collect()
    assert recorded.span.name == "invoke_agent a"


def test_each_step_in_another_context(recorded: Any, caplog: pytest.LogCaptureFixture) -> None:
    stream = numbers()
    for _ in range(3):
        contextvars.copy_context().run(next, stream)
    contextvars.copy_context().run(stream.close)
    assert recorded.span.name == "invoke_agent a"
    assert not caplog.records


def echo() -> Generator[str, str, str]:
    got = ""
    while True:
        try:
            sent = yield got
        except LookupError as error:
            got = f"caught {error}"
        else:
            if sent == "stop":
                return "done"
            got = f"got {sent}"


def conversation(stream: Generator[str, Any, str]) -> list[Any]:
    said: list[Any] = [next(stream), stream.send("a"), stream.throw(LookupError("b")), next(stream)]
    with pytest.raises(StopIteration) as stop:
        stream.send("stop")
    return [*said, stop.value.value]


def test_send_throw_and_return_pass(recorded: Any) -> None:
    assert conversation(task(echo)()) == conversation(echo())
    assert not recorded.faults


def test_yield_from_passes(recorded: Any) -> None:
    @task
    def inner() -> Generator[int, None, str]:
        yield 1
        return "end"

    @task
    def outer() -> Generator[int, None, str]:
        return (yield from inner())

    stream = outer()
    assert next(stream) == 1
    with pytest.raises(StopIteration) as stop:
        next(stream)
    assert stop.value.value == "end"
    assert [span.name.rpartition(".")[2] for span in recorded.spans] == ["inner", "outer"]


def test_a_generator_that_ignores_closing_does_so_still(recorded: Any) -> None:
    @task
    def stubborn() -> Iterator[int]:
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2

    stream = stubborn()
    next(stream)
    with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
        stream.close()  # type: ignore[attr-defined] # it is a generator


async def test_asend_athrow_pass(recorded: Any) -> None:
    @task
    async def echoes() -> Any:
        got = None
        while True:
            try:
                got = yield got
            except LookupError as error:
                got = str(error)

    stream = echoes()
    assert await anext(stream) is None
    assert await stream.asend("a") == "a"
    assert await stream.athrow(LookupError("b")) == "b"
    with pytest.raises(ValueError, match="unhandled"):
        await stream.athrow(ValueError("unhandled"))
    assert recorded.span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("after", [0, 1], ids=["before the first chunk", "after a chunk"])
def test_an_error_in_a_stream(recorded: Any, after: int) -> None:
    @model_call("m")
    def fails() -> Iterator[int]:
        yield from range(after)
        raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        list(fails())
    assert recorded.span.status.status_code is StatusCode.ERROR
    assert recorded.attributes["error.type"] == "ValueError"
    assert (FIRST_CHUNK in recorded.attributes) == bool(after)


async def test_a_cancelled_stream(recorded: Any) -> None:
    @agent("a")
    async def slow() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(60)

    async def consume() -> None:
        async for _ in slow():
            pass

    running = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert recorded.span.status.status_code is StatusCode.UNSET


async def test_streams_by_hand(recorded: Any) -> None:
    async def chunks() -> AsyncIterator[str]:
        yield "c"

    with model_call("m") as call:
        assert list(call.stream(["a", "b"])) == ["a", "b"]
        assert [each async for each in call.astream(chunks())] == ["c"]
    assert recorded.attributes["gen_ai.request.stream"] is True
    assert FIRST_CHUNK in recorded.attributes
    (point,) = recorded.points("gen_ai.client.operation.time_per_output_chunk")
    assert point.count == 2
