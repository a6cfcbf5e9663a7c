"""Users of AgentStack: they create agents and ask them, some at the same time."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final

import httpx

from agentstack.scenarios import AGENTS, QUESTIONS, Question

_USERS: Final = 4
"""Who ask at the same time."""
_TIMEOUT_S: Final = 60.0
_END_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a chat."""

    question: Question
    answer: str
    """Or what went wrong."""
    failed: bool
    trace_id: str
    """Empty: the gateway did not say."""
    duration_s: float

    def __str__(self) -> str:
        """One line."""
        mark = "failed  " if self.failed else "answered"
        rest = f": {self.answer}" if self.failed else ""
        return f"{mark} {self.duration_s:5.1f} s  {self.question.message}{rest}"


class Users:
    """The load. One a set of services, since it remembers the agents that it created."""

    def __init__(self, gateway_url: str, *, seed: int = 0) -> None:
        self._url, self._random = gateway_url, Random(seed)  # noqa: S311 - a story, not a secret
        self._agents: dict[str, str] = {}
        self._questions = self._draw()

    async def run(
        self,
        chats: int | None,
        *,
        seconds: float = 0.0,
        tell: Callable[[Outcome], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
    ) -> list[Outcome]:
        """Ask, and return what came of it.

        Args:
            chats: how many; None: as many as there is time for.
            seconds: how long, if `chats` is None, from when the agents are there.
            tell: told of each outcome as it comes.
            check: called before each chat; what it raises ends the load.

        Raises:
            httpx.HTTPError: the gateway is not there, or an agent could not be created.
        """
        asked = iter(range(chats)) if chats is not None else count()
        until_s = math.inf
        outcomes: list[Outcome] = []

        async def user() -> None:
            for _ in asked:
                if time.monotonic() >= until_s:
                    return
                check()
                outcome = await self._ask(client, next(self._questions))
                outcomes.append(outcome)
                tell(outcome)

        try:
            async with httpx.AsyncClient(base_url=self._url, timeout=_TIMEOUT_S) as client:
                if not self._agents:
                    await self._create_agents(client)
                if chats is None:
                    until_s = time.monotonic() + seconds
                await asyncio.gather(*(user() for _ in range(_USERS)))
        except httpx.TransportError:
            await asyncio.sleep(_END_S)
            check()  # knows better what is wrong: a service has ended
            raise
        return outcomes

    async def _create_agents(self, client: httpx.AsyncClient) -> None:
        async def create(name: str) -> None:
            answer = await client.post("/v1/agents", json=AGENTS[name].model_dump())
            self._agents[name] = answer.raise_for_status().json()["id"]

        await asyncio.gather(*(create(name) for name in AGENTS))

    async def _ask(self, client: httpx.AsyncClient, question: Question) -> Outcome:
        began_s = time.monotonic()
        url = f"/v1/agents/{self._agents[question.agent]}/chat"
        body = {
            "message": question.message,
            "stream": question.stream,
            "user_id": f"user-{self._random.randint(1, 5)}",
        }
        async with client.stream("POST", url, json=body) as response:
            text = (await response.aread()).decode()
        failed, answer = _read(response.status_code, text)
        trace_id = response.headers.get("traceresponse", "-").split("-")[1]
        return Outcome(question, answer, failed, trace_id, time.monotonic() - began_s)

    def _draw(self) -> Iterator[Question]:
        """Each question once, and then again in another order."""
        yield from QUESTIONS
        while True:
            yield from self._random.sample(QUESTIONS, len(QUESTIONS))


def _read(status: int, text: str) -> tuple[bool, str]:
    """Whether an answer says that the chat failed, and what it says."""
    if text.startswith("data:"):
        events = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
        return events[-1]["type"] != "done", events[-1]["text"]
    answer = json.loads(text)
    return status >= httpx.codes.BAD_REQUEST, answer.get("answer") or str(answer.get("detail"))
