"""Conversation, user and project ids reach each span, here and in the services called."""

import asyncio
import threading
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context

from belvedere.sdk.agents import agent, context, task
from belvedere.sdk.agents.baggage import MAX_CHARACTERS

CONVERSATION, USER, PROJECT = "gen_ai.conversation.id", "user.id", "project.id"


def ids(span: Any) -> dict[str, Any]:
    return {
        key: span.attributes[key] for key in (CONVERSATION, USER, PROJECT) if key in span.attributes
    }


def test_each_span_inside_has_them(recorded: Any) -> None:
    with context(conversation_id="c", user_id="u", project_id="p"), agent("a"), task("t"):
        pass
    with task("after"):
        pass
    inner, outer, after = recorded.spans
    assert ids(inner) == ids(outer) == {CONVERSATION: "c", USER: "u", PROJECT: "p"}
    assert ids(after) == {}


def test_also_spans_of_others(recorded: Any) -> None:
    with (
        context(user_id="u"),
        recorded.tracer_provider.get_tracer("other").start_as_current_span("s"),
    ):
        pass
    assert ids(recorded.span) == {USER: "u"}


def test_inner_ids_win_and_none_leaves_the_outer(recorded: Any) -> None:
    with context(conversation_id="c", user_id="u"), context(user_id="v", project_id=""), task("t"):
        pass
    assert ids(recorded.span) == {CONVERSATION: "c", USER: "v"}


def test_what_a_span_has_already_stays(recorded: Any) -> None:
    with context(user_id="u"), task("t", attributes={USER: "explicit"}):
        pass
    assert ids(recorded.span) == {USER: "explicit"}


def test_they_travel_to_another_service(recorded: Any) -> None:
    carrier: dict[str, str] = {}
    with context(conversation_id="c 1", user_id="ü"):
        propagate.inject(carrier)
    token = otel_context.attach(propagate.extract(carrier))
    with task("there"):
        pass
    otel_context.detach(token)
    assert ids(recorded.span) == {CONVERSATION: "c 1", USER: "ü"}


def test_other_baggage_is_not_copied_and_long_ids_are_cut(recorded: Any) -> None:
    state = baggage.set_baggage("password", "hunter2")
    state = baggage.set_baggage(USER, "x" * 10_000, state)
    token = otel_context.attach(state)
    with task("t"):
        pass
    otel_context.detach(token)
    assert recorded.attributes == {"belvedere.task.name": "t", USER: "x" * MAX_CHARACTERS}


@pytest.mark.parametrize(
    "odd", [17, "\ud800", object()], ids=["a number", "a surrogate", "an object"]
)
def test_odd_ids_do_no_harm(recorded: Any, odd: Any) -> None:
    with context(user_id=odd), task("t"):
        pass
    assert isinstance(ids(recorded.span)[USER], str)
    ids(recorded.span)[USER].encode()
    assert not recorded.faults


async def test_tasks_do_not_mix(recorded: Any) -> None:
    async def one(name: str) -> None:
        async with context(conversation_id=name):
            await asyncio.sleep(0)
            with task(name):
                await asyncio.sleep(0)

    await asyncio.gather(*(one(f"c{i}") for i in range(5)))
    assert all(ids(span) == {CONVERSATION: span.name} for span in recorded.spans)


def test_threads_do_not_mix(recorded: Any) -> None:
    def elsewhere() -> None:
        with task("elsewhere"):
            pass

    with context(user_id="u"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert ids(recorded.span) == {}


def test_an_error_inside_passes_and_leaves() -> None:
    with pytest.raises(KeyError), context(user_id="u"):
        raise KeyError
    assert not baggage.get_all()


async def test_one_context_is_entered_by_tasks_at_once(recorded: Any) -> None:
    shared = context(project_id="p")
    first_left = asyncio.Event()

    async def enter(number: int) -> None:
        with shared:
            await (asyncio.sleep(0) if number == 1 else first_left.wait())
            with task(f"inside {number}"):
                pass
        first_left.set()
        with task(f"outside {number}"):
            pass

    await asyncio.gather(enter(1), enter(2), enter(3))
    of_it = {span.name for span in recorded.spans if "project.id" in span.attributes}
    assert of_it == {"inside 1", "inside 2", "inside 3"}
    assert len(recorded.spans) == 6
