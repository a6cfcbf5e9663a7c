"""The policy that follows a script: scenarios, of which the first that fits is played."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from belvedere.testing.policy import Call, ChatRequest, Fault, Reply, Usage

_OPENINGS = ("In short:", "Here is what I found:", "As far as I can tell:", "Good question.")
_SUBJECTS = ("the numbers", "the records", "the sources", "the last answers", "the tools")
_VERBS = ("agree with", "point to", "rule out", "leave open", "confirm")
_OBJECTS = ("your guess", "a slow start", "one clear cause", "the usual pattern", "a small change")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the model does with a question.

    Attributes:
        when: a regular expression; the scenario is for questions where it is found, in any case.
        turns: the tools that the model calls, turn by turn, all of a turn at once. It calls only
            tools that the request offers; a turn without any is left out.
        answer: what it says in the end. None: something of the length that questions get.
        loops: it plays its last turn again and again, and never answers while it has tools.
        fault: what fails before its first reply to the question.
        reasoning_tokens: of each reply.
        slowness: how many times as long as usual it takes.
        usage: reported with each reply instead of what the server counts.
    """

    when: str
    turns: tuple[tuple[Call, ...], ...] = ()
    answer: str | None = None
    loops: bool = False
    fault: Fault | None = None
    reasoning_tokens: int = 0
    slowness: float = 1.0
    usage: Usage | None = None


_NO_SCENARIO = Scenario("")


class Script:
    """A `Policy` that plays scenarios; a question that fits none is answered at once."""

    def __init__(self, scenarios: Sequence[Scenario] = (), *, seed: int = 0) -> None:
        """Take the scenarios.

        Raises:
            re.error: a `when` is no regular expression.
        """
        self._seed = seed
        self._scenarios = [(re.compile(s.when, re.IGNORECASE), s) for s in scenarios]

    def __call__(self, request: ChatRequest) -> Reply | Fault:
        """Decide by the user's last message and by what has been called since."""
        scenario = self._choose(request.question)
        fault = scenario.fault
        if fault and request.turn == 0 and request.attempt < fault.times:
            return fault
        calls = self._calls(scenario, request)
        return Reply(
            text="" if calls else self._answer(scenario, request),
            calls=calls,
            reasoning_tokens=scenario.reasoning_tokens,
            slowness=scenario.slowness,
            usage=scenario.usage,
        )

    def _choose(self, question: str) -> Scenario:
        fitting = (scenario for when, scenario in self._scenarios if when.search(question))
        return next(fitting, _NO_SCENARIO)

    @staticmethod
    def _calls(scenario: Scenario, request: ChatRequest) -> tuple[Call, ...]:
        offered = [
            calls
            for turn in scenario.turns
            if (calls := tuple(call for call in turn if call.tool in request.tools))
        ]
        if not offered:
            return ()
        if request.turn < len(offered):
            return offered[request.turn]
        return offered[-1] if scenario.loops else ()

    def _answer(self, scenario: Scenario, request: ChatRequest) -> str:
        if scenario.answer is not None:
            return scenario.answer
        random = Random(f"{self._seed} {request.question}")  # noqa: S311 - a story, not a secret
        sentences = [random.choice(_OPENINGS)]
        for _ in range(random.randint(2, 5)):
            subject = random.choice(_SUBJECTS)
            rest = f"{random.choice(_VERBS)} {random.choice(_OBJECTS)}."
            sentences.append(f"{subject.capitalize()} {rest}")
        return " ".join(sentences)
