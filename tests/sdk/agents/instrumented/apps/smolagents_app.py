"""An agent of smolagents', whose model is OpenAI's."""

import sys

from smolagents import OpenAIModel, ToolCallingAgent, tool

import belvedere


@tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name.
    """
    return f"sunny in {city}"


belvedere.init(instrument=sys.argv[2:])
model = OpenAIModel("gpt-4o-mini", api_base=f"{sys.argv[1]}/v1", api_key="any")
agent = ToolCallingAgent(tools=[weather], model=model, name="guide", verbosity_level=0)
print(agent.run("weather, please?"))
