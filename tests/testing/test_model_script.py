"""The parts of `belvedere.testing` that need no server."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.testing import Call, ChatRequest, Reply, Scenario, Script
from belvedere.testing.pace import Pace
from belvedere.testing.tokens import cached_tokens, input_tokens, tokens


@given(st.text())
def test_tokens_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_a_longer_request_has_more_tokens() -> None:
    short = [{"role": "user", "content": "hi"}]
    call = {"id": "c", "function": {"name": "search", "arguments": "{}"}}
    longer = [*short, {"role": "assistant", "content": None, "tool_calls": [call]}]
    assert input_tokens(short, ()) < input_tokens(longer, ()) < input_tokens(longer, ({"a": 1},))
    assert cached_tokens(longer, ()) == 0


@pytest.mark.parametrize("speed", [0.5, 1.0, 20.0, float("inf")])
def test_delays_depend_on_speed_alone_for_a_seed(speed: float) -> None:
    usual, other = Pace(Random(3), 1.0), Pace(Random(3), speed)
    for tokens_ in (0, 10, 1000):
        assert other.first_token_s(tokens_) == pytest.approx(usual.first_token_s(tokens_) / speed)
        assert other.output_s(tokens_) == pytest.approx(usual.output_s(tokens_) / speed)


def test_the_first_scenario_that_fits_is_played() -> None:
    script = Script([Scenario("a+b", answer="first"), Scenario("B", answer="second")])
    said = [
        script(ChatRequest("gpt-4o", [{"role": "user", "content": text}]))
        for text in ("AAB", "b", "c")
    ]
    assert said[:2] == [Reply("first"), Reply("second")]
    assert isinstance(said[2], Reply)
    assert said[2].text


def test_a_later_question_begins_anew() -> None:
    script = Script([Scenario("find", turns=((Call("search"),),), answer="found")])
    call = {"role": "assistant", "tool_calls": [{"id": "1"}]}
    ask, answer = {"role": "user", "content": "find"}, {"role": "tool", "tool_call_id": "1"}
    for messages, calls in (([ask], 1), ([ask, call, answer], 0), ([ask, call, answer, ask], 1)):
        reply = script(ChatRequest("gpt-4o", messages, ("search",)))
        assert isinstance(reply, Reply)
        assert len(reply.calls) == calls


def test_a_bad_expression() -> None:
    with pytest.raises(re.error):
        Script([Scenario("(")])
