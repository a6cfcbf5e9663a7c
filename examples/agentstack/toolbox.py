"""The tools that agents have: of the tool server, and the runtime's own."""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from huey.contrib.asyncio import aget_result
from huey.exceptions import HueyException, TaskException
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import TextContent
from openai.types.chat import ChatCompletionFunctionToolParam

from agentstack.job_queue import send
from agentstack.jobs import analyse
from agentstack.settings import LISTENER, WATCHED, environment, settings

_JOB_S: Final = 30.0
ASK_RESEARCHER: Final = "ask_researcher"
"""The tool that is an agent. `agent_loop` runs it."""
_OWN: Final = {
    "run_analysis": ("Compute something from the shop's numbers.", "question"),
    ASK_RESEARCHER: ("Ask a colleague who searches the documents.", "task"),
}
"""Tool → description, and the one parameter."""


class ToolFailedError(Exception):
    """A tool gave no result. The model is told the text."""


class Toolbox:
    """All tools. It is made by `open_toolbox`."""

    def __init__(
        self, client: Client, definitions: Sequence[ChatCompletionFunctionToolParam]
    ) -> None:
        self._client = client
        self._definitions = {tool["function"]["name"]: tool for tool in definitions}

    @property
    def names(self) -> set[str]:
        """The tools that there are."""
        return set(self._definitions)

    def definitions(self, names: Sequence[str]) -> list[ChatCompletionFunctionToolParam]:
        """Tools, as the model is told about them."""
        return [self._definitions[name] for name in names]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool.

        Raises:
            ToolFailedError: it failed, or there is none of that name.
        """
        if name == "run_analysis":
            return await _analyse(**arguments)
        result = await self._client.call_tool(name, arguments)
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            raise ToolFailedError(text)
        return text


async def _analyse(question: str) -> str:
    """Have the worker compute it."""
    try:
        return str(await aget_result(send(analyse, question=question), timeout=_JOB_S))
    except (HueyException, TaskException) as error:
        raise ToolFailedError(f"the analysis failed: {error}") from error


@asynccontextmanager
async def open_toolbox() -> AsyncIterator[Toolbox]:
    """Start the tool server, and end it."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agentstack", "tool_server"],
        env=_environment(),
    )
    async with Client(server) as client:
        served = [
            _definition(tool.name, tool.description or "", tool.input_schema)
            for tool in (await client.list_tools()).tools
        ]
        own = [
            _definition(
                name,
                description,
                {
                    "type": "object",
                    "properties": {parameter: {"type": "string"}},
                    "required": [parameter],
                },
            )
            for name, (description, parameter) in _OWN.items()
        ]
        yield Toolbox(client, [*served, *own])


def _definition(
    name: str, description: str, parameters: dict[str, object]
) -> ChatCompletionFunctionToolParam:
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _environment() -> dict[str, str]:
    """Ours. The protocol's client passes on nothing by itself, and standard input is its own."""
    own = {key: value for key, value in os.environ.items() if key not in {LISTENER, WATCHED}}
    return {**own, **environment(settings())}
