"""Decorators keep the types of what they decorate: checked by mypy itself."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from collections.abc import AsyncIterator, Iterator
from belvedere.sdk.agents import agent, context, model_call, retrieval, task, tool, workflow

@agent
def plain(a: int, *, b: str = "") -> list[int]: ...
@agent("x", version="1")
async def coroutine(a: int) -> str: ...
@model_call("m", temperature=0.1)
def stream() -> Iterator[int]: ...
@tool()
async def async_stream() -> AsyncIterator[int]:
    yield 1
class Desk:
    @task
    def method(self, a: int) -> float: ...
    @retrieval("r")
    @classmethod
    def of_class(cls, a: int) -> bytes: ...

reveal_type(plain)
reveal_type(coroutine)
reveal_type(stream)
reveal_type(async_stream)
reveal_type(Desk().method)
reveal_type(Desk.of_class(1))
with agent("x") as agent_run, model_call("m") as call, workflow("w") as workflow_run:
    reveal_type(agent_run)
    reveal_type(call)
    reveal_type(workflow_run)
async def enter() -> None:
    async with tool("t") as tool_call, context(user_id="u"):
        reveal_type(tool_call)
"""
EXPECTED = [
    "def (a: int, *, b: str =) -> list[int]",
    "def (a: int) -> typing.Coroutine[Any, Any, str]",
    "def () -> typing.Iterator[int]",
    "def () -> typing.AsyncIterator[int]",
    "def (a: int) -> float",
    "bytes",
    "belvedere.sdk.agents.kinds.AgentRun",
    "belvedere.sdk.agents.model.ModelCall",
    "belvedere.sdk.agents.kinds.WorkflowRun",
    "belvedere.sdk.agents.kinds.ToolCall",
]


def test_types_are_preserved(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary",
         "--disable-error-code=empty-body", "--config-file=", str(program)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    revealed = [
        line.partition('Revealed type is "')[2].rstrip('"') for line in checked.stdout.splitlines()
    ]
    assert [text.replace("builtins.", "") for text in revealed] == EXPECTED, checked.stdout
