"""A tool that an MCP server runs: the spans of mcp itself beside those of ours."""

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from belvedere.sdk.agents import tool

if TYPE_CHECKING:  # seconds to import, for each process that only collects the tests
    from mcp.server import MCPServer


@pytest.fixture
def server(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> "MCPServer":
    """A server in memory; mcp's spans go where those of the test go."""
    from mcp.server import MCPServer
    from mcp.shared import _otel

    tracer = trace.get_tracer("mcp-python-sdk", tracer_provider=recorded.tracer_provider)
    monkeypatch.setattr(_otel, "_tracer", tracer)
    made = MCPServer("weather")

    @made.tool()
    def weather(city: str) -> str:
        return f"sunny in {city}"

    return made


async def test_the_caller_executes_and_the_server_serves(
    server: "MCPServer", recorded: Any
) -> None:
    from mcp import Client

    async with Client(server) as client:
        recorded.exporter.clear()
        async with tool("weather", type="extension"):
            await client.call_tool("weather", {"city": "Riga"})
    found = [
        (span.name, span.kind.name, (span.attributes or {}).get("gen_ai.operation.name"))
        for span in recorded.spans
        if "weather" in span.name
    ]
    assert found == [
        ("tools/call weather", "SERVER", "execute_tool"),
        ("execute_tool weather", "INTERNAL", "execute_tool"),
    ]
