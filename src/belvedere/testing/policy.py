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
    """A valid request, whichever API it came by.

    Its messages have the form of the chat completions: input items of the OpenAI Responses API and
    content blocks of Anthropic's Messages API are translated, a text to embed is a user's message.
    """

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
class Usage:
    """The tokens of one request and its answer.

    Attributes:
        input_tokens: all of the request, those read from and written to the cache included, as
            `gen_ai.usage.input_tokens` counts them. Anthropic's API reports them apart.
        output_tokens: all of the answer, reasoning included.
        cache_read_tokens: of the input, read from the provider's cache.
        cache_write_tokens: of the input, written to the provider's cache.
        reasoning_tokens: of the output, spent on reasoning.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The model answers, or calls tools.

    Attributes:
        text: the answer. Not sent if there are calls.
        calls: the tools that the model calls.
        reasoning_tokens: counted as output, besides the text.
        slowness: how many times as long as usual the model takes.
        usage: reported to the client instead of what the server counts.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning_tokens: int = 0
    slowness: float = 1.0
    usage: Usage | None = None


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
