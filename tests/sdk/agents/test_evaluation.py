"""Feedback and scores are events `gen_ai.evaluation.result` of the run judged."""

from typing import Any

import pytest

from belvedere.sdk.agents import agent, feedback, score

NAME, VALUE = "gen_ai.evaluation.name", "gen_ai.evaluation.score.value"
LABEL, EXPLANATION = "gen_ai.evaluation.score.label", "gen_ai.evaluation.explanation"


def ended_run() -> Any:
    with agent("a") as run:
        pass
    return run


@pytest.mark.parametrize(
    "judged",
    [
        pytest.param(lambda run: {"span": run}, id="run"),
        pytest.param(lambda run: {"span": run.span}, id="span"),
        pytest.param(lambda run: {"span": run.span.get_span_context()}, id="span context"),
        pytest.param(lambda run: {"span": run.handle}, id="handle"),
        pytest.param(lambda run: {"trace_id": run.trace_id, "span_id": run.span_id}, id="ids"),
    ],
)
def test_the_event_is_of_the_run_judged(recorded: Any, judged: Any) -> None:
    run = ended_run()
    with agent("another"):
        score("relevance", 0.7, label="good", explanation="on topic", **judged(run))
    (event,) = recorded.events
    assert event.event_name == "gen_ai.evaluation.result"
    assert f"{event.trace_id:032x}" == run.trace_id
    assert f"{event.span_id:016x}" == run.span_id
    assert event.trace_flags.sampled
    assert event.timestamp
    assert dict(event.attributes) == {
        NAME: "relevance",
        VALUE: 0.7,
        LABEL: "good",
        EXPLANATION: "on topic",
    }


def test_by_default_the_current_run(recorded: Any) -> None:
    with agent("a") as run:
        score("length", 3, response_id="r", attributes={"judge": "gpt-5"})
    (event,) = recorded.events
    assert f"{event.span_id:016x}" == run.span_id
    assert dict(event.attributes) == {
        NAME: "length",
        VALUE: 3.0,
        "gen_ai.response.id": "r",
        "judge": "gpt-5",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {VALUE: 1.0, LABEL: "positive"}),
        (False, {VALUE: 0.0, LABEL: "negative"}),
        (4, {VALUE: 4.0}),
        ("wrong tone", {LABEL: "wrong tone"}),
    ],
    ids=str,
)
def test_feedback(recorded: Any, value: Any, expected: dict[str, Any]) -> None:
    feedback(value, comment="so", span=ended_run().handle)
    (event,) = recorded.events
    assert dict(event.attributes) == {NAME: "user_feedback", EXPLANATION: "so", **expected}


@pytest.mark.parametrize(
    "wrong",
    [
        {"span": "nonsense"},
        {"span": f"00-{'0' * 32}-{'0' * 16}-00"},
        {"trace_id": "ab"},
        {"trace_id": "xyz", "span_id": "1"},
        {"span": 17},
    ],
    ids=str,
)
def test_a_wrong_span_is_reported_not_raised(recorded: Any, wrong: dict[str, Any]) -> None:
    feedback(True, **wrong)
    assert not recorded.events
    assert recorded.faults == 1


def test_without_a_run_the_response_id_tells(recorded: Any) -> None:
    score("relevance", 1, response_id="r")
    (event,) = recorded.events
    assert not event.trace_id
    assert event.attributes["gen_ai.response.id"] == "r"
