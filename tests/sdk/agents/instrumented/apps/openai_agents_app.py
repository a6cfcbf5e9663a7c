"""An agent of the OpenAI Agents SDK, which calls the Responses API, whole and streamed."""

import asyncio
import sys

from agents import Agent, Runner, function_tool, set_default_openai_client
from openai import AsyncOpenAI

import belvedere


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def main() -> None:
    # Without a key of its own, the SDK's exporter to OpenAI sends nothing.
    client = AsyncOpenAI(base_url=f"{sys.argv[1]}/v1", api_key="any")
    set_default_openai_client(client, use_for_tracing=False)
    agent = Agent(name="guide", model="gpt-4o-mini", tools=[weather])
    print((await Runner.run(agent, "weather?")).final_output)
    streamed = Runner.run_streamed(agent, "capital?")
    async for _ in streamed.stream_events():
        pass
    print(streamed.final_output)


belvedere.init(instrument=sys.argv[2:])
asyncio.run(main())
