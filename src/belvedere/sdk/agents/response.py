"""What a model's response says of itself, read from the shapes of the well-known clients.

OpenAI chat completions, responses and embeddings, Anthropic messages: as objects of their clients,
or as the dictionaries their APIs send.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import messages, shapes
from belvedere.sdk.agents.shapes import count, text


@dataclass(slots=True)
class Usage:
    """Tokens; `None` is unknown.

    `input_tokens` includes those read from or written to the provider's cache, `output_tokens`
    those of reasoning, as the GenAI conventions have it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None

    def update(self, other: "Usage") -> None:
        """Takes over what `other` knows: streams report totals, later ones are the whole truth."""
        for each in fields(self):
            value = getattr(other, each.name)
            if value is not None:
                setattr(self, each.name, value)

    def attributes(self) -> dict[str, int]:
        """As span attributes; what is unknown or negative is left out."""
        values = ((name, getattr(self, each)) for each, name in _USAGE.items())
        return {name: value for name, value in values if value is not None and value >= 0}

    @classmethod
    def of(cls, attributes: Mapping[str, object]) -> "Usage":
        """What these span attributes say of it."""
        return cls(**{each: count(attributes, name) for each, name in _USAGE.items()})


_USAGE: Final[Mapping[str, str]] = {
    "input_tokens": names.USAGE_INPUT_TOKENS,
    "output_tokens": names.USAGE_OUTPUT_TOKENS,
    "cache_read_tokens": names.USAGE_CACHE_READ_TOKENS,
    "cache_creation_tokens": names.USAGE_CACHE_CREATION_TOKENS,
    "reasoning_tokens": names.USAGE_REASONING_TOKENS,
}
"""Field of `Usage` → attribute."""


@dataclass(slots=True)
class Response:
    """What was found. `answer` makes the output messages, only where content is captured."""

    id: str | None = None
    model: str | None = None
    provider: str | None = None
    finish_reasons: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    answer: Callable[[], list[object]] | None = None


def _count(usage: object, *paths: tuple[str, ...]) -> int | None:
    """The first of these paths that holds a number."""
    found = (count(usage, *path) for path in paths)
    return next((value for value in found if value is not None), None)


def openai_usage(usage: object) -> Usage:
    """Usage of OpenAI's APIs: cached tokens are already part of the input."""
    return Usage(
        _count(usage, ("prompt_tokens",), ("input_tokens",)),
        _count(usage, ("completion_tokens",), ("output_tokens",)),
        _count(
            usage,
            ("prompt_tokens_details", "cached_tokens"),
            ("input_tokens_details", "cached_tokens"),
        ),
        None,
        _count(
            usage,
            ("completion_tokens_details", "reasoning_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
        ),
    )


def anthropic_usage(usage: object) -> Usage:
    """Usage of Anthropic's API, which counts cached tokens apart from the input: added here."""
    uncached = count(usage, "input_tokens")
    read = count(usage, "cache_read_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    total = None if uncached is None else uncached + (read or 0) + (written or 0)
    return Usage(total, count(usage, "output_tokens"), read, written)


def _chat_completion(value: object) -> Response | None:
    choices = shapes.field(value, "choices")
    if not isinstance(choices, list | tuple):
        return None

    def answer() -> list[object]:
        return [
            messages.message(
                shapes.field(choice, "message"), "assistant", text(choice, "finish_reason")
            )
            for choice in choices
        ]

    reasons = [reason for choice in choices if (reason := text(choice, "finish_reason"))]
    usage = openai_usage(shapes.field(value, "usage"))
    return Response(finish_reasons=reasons, usage=usage, answer=answer)


def _openai_response(value: object) -> Response | None:
    if text(value, "object") != "response":
        return None
    status = text(value, "status") or "completed"
    reason = text(shapes.field(value, "incomplete_details"), "reason") or status

    def answer() -> list[object]:
        # One generation is one message: the items of `output` are its parts.
        parts: list[object] = []
        for item in shapes.field(value, "output") or ():
            inner = shapes.field(item, "content")
            parts.extend(messages.parts(item if inner is None else inner))
        return [messages.message({"role": "assistant", "content": parts}, "assistant", reason)]

    usage = openai_usage(shapes.field(value, "usage"))
    return Response(finish_reasons=[reason], usage=usage, answer=answer)


def _anthropic_message(value: object) -> Response | None:
    if text(value, "type") != "message":
        return None
    reason = text(value, "stop_reason")
    return Response(
        finish_reasons=[reason] if reason else [],
        usage=anthropic_usage(shapes.field(value, "usage")),
        answer=lambda: [messages.message(value, "assistant", reason)],
    )


def _embeddings(value: object) -> Response | None:
    if text(value, "object") != "list" or shapes.field(value, "usage") is None:
        return None
    return Response(usage=openai_usage(shapes.field(value, "usage")))


_SHAPES = (_chat_completion, _openai_response, _anthropic_message, _embeddings)
_CLIENTS = frozenset({"openai", "anthropic"})
"""Clients whose package is named as the convention names the provider."""


def provider(value: object) -> str | None:
    """The provider whose client's class this is an object of."""
    package = type(value).__module__.partition(".")[0]
    return package if package in _CLIENTS else None


def read(value: object) -> Response | None:
    """What `value` says, if it is a response of a known shape."""
    for shape in _SHAPES:
        response = shape(value)
        if response is not None:
            response.id = text(value, "id")
            response.model = text(value, "model")
            response.provider = provider(value)
            return response
    return None
