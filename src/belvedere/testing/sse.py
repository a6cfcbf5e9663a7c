"""Server-sent events."""

import json

from belvedere.testing.request import Json


def event(data: Json, name: str = "") -> str:
    """Return the text of one event; Anthropic's and the Responses API's have names."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"
