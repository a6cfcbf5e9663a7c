"""What a policy is asked, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Message: TypeAlias = Mapping[str, Any]
"""A message of the API: `role`, `content`, perhaps `tool_calls` or `tool_call_id`."""


def text_of(message: Message) -> str:
    """The text of a message, whose content is text, a list of parts, or nothing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(
        part["text"] for part in content or () if isinstance(part, Mapping) and "text" in part
    )


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A valid request for a chat completion."""

    model: str
    messages: Sequence[Message]
    tools: tuple[str, ...] = ()
    """The names of the tools that the model may call now."""
    attempt: int = 0
    """How often the same request got a `Fault` since it last got a reply."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """The request as it came."""

    @property
    def question(self) -> str:
        """The text of the last message of the user."""
        return next((text_of(m) for m in reversed(self.messages) if m["role"] == "user"), "")

    @property
    def turn(self) -> int:
        """How often the model has called tools since the user's last message."""
        turns = 0
        for message in reversed(self.messages):
            if message["role"] == "user":
                break
            turns += bool(message.get("tool_calls"))
        return turns


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """The model answers, or calls tools."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning_tokens: int = 0
    slowness: float = 1.0
    """How many times as long as usual the model takes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The provider fails.

    Attributes:
        status: of HTTP, 400 or above.
        message: what the client is told.
        retry_after_s: told in the headers `retry-after` and `retry-after-ms`.
        times: so often in a row for the same request; the next try gets a reply.
        after_chunks: a streamed reply breaks off after so many chunks. None, and for whole
            replies: the request fails at once.
    """

    status: int = 500
    message: str = "The server had an error while processing your request."
    retry_after_s: float | None = None
    times: int = 1
    after_chunks: int | None = None


Policy: TypeAlias = Callable[[ChatRequest], Reply | Fault]
"""Decides what happens to a request. Called in the server's event loop: it must not block.

A `Fault` with `after_chunks` follows the beginning of what the policy would have said next.
"""
