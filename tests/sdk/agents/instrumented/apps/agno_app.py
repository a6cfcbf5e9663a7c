"""An agent of Agno's, whose model is OpenAI's."""

import sys

from agno.agent import Agent
from agno.models.openai import OpenAIChat

import belvedere


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


belvedere.init(instrument=sys.argv[2:])
model = OpenAIChat(id="gpt-4o-mini", base_url=f"{sys.argv[1]}/v1", api_key="any")
agent = Agent(name="guide", model=model, tools=[weather], telemetry=False)
print(agent.run("weather?").content)
