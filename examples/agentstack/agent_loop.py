"""An agent at work: asks the model, calls the tools that it wants, until there is an answer."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import belvedere
from agentstack.messages import Agent, Event
from agentstack.model_client import PROVIDER, ModelClient, Spoken
from agentstack.toolbox import ASK_RESEARCHER, Toolbox, ToolFailedError

_MAX_TURNS: Final = 6
_RESEARCHER: Final = Agent(
    id="agent_researcher",
    name="researcher",
    model="o4-mini",
    instructions="You search the documents and report what they say.",
    tools=["search_docs"],
    status="ready",
)

log = belvedere.get_logger()


class MaxTurnsExceededError(Exception):
    """An agent called tools again and again, and came to no answer."""


@dataclass
class AgentLoop:
    """Runs agents, with the tools and the model that there are."""

    models: ModelClient
    toolbox: Toolbox

    async def run(
        self,
        agent: Agent,
        messages: list[Any],
        say: Callable[[Event], Awaitable[None]],
        done: Event,
    ) -> str:
        """Let an agent answer the last of the messages. Returns the handle of its run.

        Args:
            agent: who answers.
            messages: what was said, the question last; what follows is added.
            say: told of tokens and tools as they come.
            done: gets the answer, and the tokens used, those of its sub-agents too; the latter
                also if the run fails.

        Raises:
            MaxTurnsExceededError: the agent goes in circles.
            openai.APIError: the model failed for good.
        """
        with belvedere.agent(agent.name, id=agent.id, provider=PROVIDER, model=agent.model) as run:
            messages.insert(0, {"role": "system", "content": agent.instructions})
            for _ in range(_MAX_TURNS):
                spoken = await self._ask(agent, messages, say)
                done.input_tokens += spoken.input_tokens
                done.output_tokens += spoken.output_tokens
                messages.append(spoken.message())
                if not spoken.calls:
                    done.text = spoken.text
                    return run.handle
                for call in spoken.calls:
                    await say(Event(type="tool", text=call["function"]["name"]))
                    messages.append(await self._execute(call, done))
            log.error("agent goes in circles", agent_id=agent.id, turns=_MAX_TURNS)
            raise MaxTurnsExceededError(f"{agent.name} gave no answer in {_MAX_TURNS} turns")

    async def _ask(
        self, agent: Agent, messages: list[Any], say: Callable[[Event], Awaitable[None]]
    ) -> Spoken:
        async def on_text(text: str) -> None:
            await say(Event(type="token", text=text))

        tools = self.toolbox.definitions(agent.tools)
        return await self.models.ask(agent.model, messages, tools, on_text)

    async def _execute(self, wanted: dict[str, Any], done: Event) -> dict[str, str]:
        """Call a tool. If it fails, the model is told; it may know what to do."""
        name, call_id = wanted["function"]["name"], wanted["id"]
        arguments = json.loads(wanted["function"]["arguments"])
        try:
            with belvedere.tool(name, call_id=call_id) as call:
                call.arguments(arguments)
                if name == ASK_RESEARCHER:
                    result = await self._research(arguments["task"], done)
                else:
                    result = await self.toolbox.call(name, arguments)
                call.result(result)
        except ToolFailedError as error:
            log.warning("tool failed, the model is told", tool=name, reason=str(error))
            result = f"error: {error}"
        return {"role": "tool", "tool_call_id": call_id, "content": result}

    async def _research(self, task: str, done: Event) -> str:
        """Have the sub-agent do a task."""

        async def say_nothing(_: Event) -> None:
            """What it says on the way is for nobody."""

        report = Event(type="done")
        try:
            await self.run(_RESEARCHER, [{"role": "user", "content": task}], say_nothing, report)
        finally:
            done.input_tokens += report.input_tokens
            done.output_tokens += report.output_tokens
        return report.text
