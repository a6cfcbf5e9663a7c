"""Texts cut into tokens: not as a model would, but as many, and the same each time."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from belvedere.testing.policy import Message, Usage, text_of

_TOKEN: Final = re.compile(r"\s*\S{1,5}|\s+$")
_PER_MESSAGE: Final = 4
"""What a message costs besides its text."""
_CACHE_FROM: Final = 1024
"""Shorter prefixes are not cached."""
_CACHE_STEP: Final = 128
"""Cached prefixes have multiples of so many tokens."""


def tokens(text: str) -> list[str]:
    """The text in pieces, which joined are the text again."""
    return _TOKEN.findall(text)


def input_tokens(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> int:
    """How many tokens a request has."""
    spoken = sum(
        _PER_MESSAGE
        + len(tokens(text_of(message)))
        + sum(len(tokens(_json(call))) for call in message.get("tool_calls") or ())
        for message in messages
    )
    return spoken + sum(len(tokens(_json(tool))) for tool in tools)


def cached_tokens(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> int:
    """How many of the tokens of a request the provider had seen before.

    That is what precedes the model's last message, since the model was sent it to answer: so the
    number depends on the request alone, not on what the server happened to be asked earlier.
    """
    for index in range(len(messages) - 1, -1, -1):
        if messages[index]["role"] == "assistant":
            seen = input_tokens(messages[:index], tools)
            return seen // _CACHE_STEP * _CACHE_STEP if seen >= _CACHE_FROM else 0
    return 0


def usage_of(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> Usage:
    """The tokens of a request, by a provider that caches without being asked to."""
    return Usage(input_tokens(messages, tools), cache_read_tokens=cached_tokens(messages, tools))


def usage_with_prefix(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], prefix: int | None
) -> Usage:
    """The tokens of a request, by a provider that caches the prefix that it is told to cache.

    Args:
        messages: of the request.
        tools: the definitions of tools, which precede the messages.
        prefix: the number of messages to cache with the tools. None: nothing is cached.
    """
    wanted = 0 if prefix is None else input_tokens(messages[:prefix], tools)
    if wanted < _CACHE_FROM:
        return Usage(input_tokens(messages, tools))
    read = min(cached_tokens(messages, tools), wanted)
    return Usage(
        input_tokens(messages, tools), cache_read_tokens=read, cache_write_tokens=wanted - read
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
