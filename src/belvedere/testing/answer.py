"""A reply, cut into tokens and counted: what each API puts into its own form."""

import json
from dataclasses import dataclass, replace
from random import Random

from belvedere.testing.policy import Reply, Usage
from belvedere.testing.request import Asked
from belvedere.testing.tokens import tokens


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as it is sent."""

    id: str
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with all that an API says about it.

    Attributes:
        asked: the request.
        id: hexadecimal digits; each API puts its own prefix before them.
        created: in seconds of Unix.
        text: in tokens.
        calls: of tools. Without any, the text is the answer.
        is_cut: whether the request's limit cut the text off.
        usage: its tokens.
    """

    asked: Asked
    id: str
    created: int
    text: list[str]
    calls: list[ToolCall]
    is_cut: bool
    usage: Usage

    @property
    def model(self) -> str:
        """The model's name."""
        return self.asked.chat.model


def answer(reply: Reply, asked: Asked, random: Random, created: int) -> Answer:
    """Return the answer of a reply, cut off where the request's limit is."""
    limit = asked.max_output_tokens
    if limit == 0:
        reply = Reply(usage=reply.usage)
    text = tokens(reply.text)
    is_cut = limit is not None and len(text) + reply.reasoning_tokens > limit
    if is_cut and limit is not None:
        text = text[: max(0, limit - reply.reasoning_tokens)]
    calls = [
        ToolCall(f"{random.getrandbits(96):024x}", call.tool, json.dumps(dict(call.arguments)))
        for call in reply.calls
    ]
    spoken = sum(
        len(tokens(json.dumps({"name": call.name, "arguments": call.arguments}))) for call in calls
    )
    counted = replace(
        asked.usage,
        output_tokens=len(text) + spoken + reply.reasoning_tokens,
        reasoning_tokens=reply.reasoning_tokens,
    )
    return Answer(
        asked=asked,
        id=f"{random.getrandbits(96):024x}",
        created=created,
        text=text,
        calls=calls,
        is_cut=is_cut,
        usage=reply.usage or counted,
    )
