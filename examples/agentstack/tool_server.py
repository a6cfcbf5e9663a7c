"""The tool server: a shop's orders and documents, by the Model Context Protocol.

It speaks over standard input and output. The official package makes the spans, and takes the trace
context from `params._meta` of each call.
"""

import asyncio

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

import belvedere

ORDERS = {
    "8123": "shipped on Monday, arrives on Thursday",
    "8124": "being packed",
    "8125": "delivered, one item was returned",
}
DOCUMENTS = {
    "returns": "Returns are free within 30 days.",
    "shipping": "Parcels take two to four days within the country.",
    "moving": "See also: moving.",
    "traces": "A trace tells where the time of a request went; a metric tells how often.",
}
_SEARCH_S = 0.04
_QUERY_S = 0.015

server = MCPServer("agentstack-tools")
log = belvedere.get_logger()


@server.tool()
async def lookup_order(order_id: str) -> str:
    """Where an order is."""
    await asyncio.sleep(_QUERY_S)
    if order_id not in ORDERS:
        log.error("order not found", order_id=order_id)
        raise ToolError(f"there is no order {order_id}")
    return f"Order {order_id} is {ORDERS[order_id]}."


@server.tool()
async def search_docs(query: str) -> str:
    """Search the documents."""
    await asyncio.sleep(_SEARCH_S)
    found = [text for word, text in DOCUMENTS.items() if word in query.lower()]
    log.info("documents searched", query=query, found=len(found))
    return "\n".join(found) or "Nothing found."


def main() -> None:
    """Serve until standard input ends."""
    server.run("stdio")
