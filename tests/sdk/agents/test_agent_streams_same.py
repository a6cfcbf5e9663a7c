"""A decorated generator does what the undecorated one does, whatever is asked of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace

from belvedere.sdk.agents import model_call

Said = tuple[str, Any]


class Stop(BaseException):
    """Something that is no `Exception`."""


ERRORS: dict[str, Callable[[], BaseException]] = {
    "value": lambda: ValueError("v"),
    "stop": StopIteration,
    "stop async": StopAsyncIteration,
    "exit": GeneratorExit,
    "base": Stop,
}
BEHAVIOUR = st.lists(
    st.sampled_from(["yield", "swallow", "swallow and end", "raise", "return"]), max_size=5
)
ASKED = st.lists(
    st.sampled_from(["next", "send", "close"]) | st.sampled_from(sorted(ERRORS)), max_size=7
)


def generator(behaviour: list[str]) -> Generator[Any, Any, Any]:
    got: Any = None
    for i, step in enumerate(behaviour):
        if step == "raise":
            raise KeyError(i)
        if step == "return":
            return (i, got)
        try:
            got = yield (i, got)
        except BaseException as error:
            if step == "yield":
                raise
            got = type(error).__name__
            if step == "swallow and end":
                return got
    return "end"


async def async_generator(behaviour: list[str]) -> AsyncGenerator[Any, Any]:
    got: Any = None
    for i, step in enumerate(behaviour):
        await asyncio.sleep(0)
        if step == "raise":
            raise KeyError(i)
        if step == "return":
            return
        try:
            got = yield (i, got)
        except BaseException as error:
            # One that goes on after GeneratorExit is an error of its own, and stays running.
            if step == "yield" or isinstance(error, GeneratorExit):
                raise
            got = type(error).__name__
            if step == "swallow and end":
                return


def told(error: BaseException) -> Said:
    return (type(error).__name__, str(getattr(error, "value", None) or error))


def run_out(stream: Generator[Any, Any, Any]) -> Iterator[Any]:
    try:
        yield from iter(stream)
    except (KeyError, RuntimeError) as error:
        yield told(error)


def outcomes(stream: Generator[Any, Any, Any], asked: list[str]) -> list[Said]:
    said: list[Said] = []
    for i, what in enumerate(asked):
        try:
            if what == "next":
                said.append(("gave", next(stream)))
            elif what == "send":
                said.append(("gave", stream.send(i)))
            elif what == "close":
                said.append(("closed", stream.close()))
            else:
                said.append(("gave", stream.throw(ERRORS[what]())))
        except BaseException as error:  # noqa: BLE001 - compared
            said.append(told(error))
        assert trace.get_current_span() is trace.INVALID_SPAN
    # Run out, so that the garbage collector finds none that goes on after GeneratorExit.
    said.extend(("gave", item) for item in run_out(stream))
    return said


async def async_outcomes(stream: AsyncGenerator[Any, Any], asked: list[str]) -> list[Said]:
    said: list[Said] = []
    for i, what in enumerate(asked):
        try:
            if what == "next":
                said.append(("gave", await anext(stream)))
            elif what == "send":
                said.append(("gave", await stream.asend(i)))
            elif what == "close":
                said.append(("closed", await stream.aclose()))
            else:
                said.append(("gave", await stream.athrow(ERRORS[what]())))
        except BaseException as error:  # noqa: BLE001 - compared
            said.append(told(error))
        assert trace.get_current_span() is trace.INVALID_SPAN
    try:
        await stream.aclose()
    except BaseException as error:  # noqa: BLE001 - compared
        said.append(told(error))
    return said


@settings(max_examples=300, deadline=None)
@given(behaviour=BEHAVIOUR, asked=ASKED)
def test_generators(behaviour: list[str], asked: list[str]) -> None:
    decorated = model_call("m")(generator)
    assert outcomes(decorated(behaviour), asked) == outcomes(generator(behaviour), asked)


@settings(max_examples=200, deadline=None)
@given(behaviour=BEHAVIOUR, asked=ASKED)
def test_async_generators(behaviour: list[str], asked: list[str]) -> None:
    decorated = model_call("m")(async_generator)

    async def both() -> tuple[list[Said], list[Said]]:
        return (
            await async_outcomes(decorated(behaviour), asked),
            await async_outcomes(async_generator(behaviour), asked),
        )

    ours, plain = asyncio.run(both())
    assert ours == plain
