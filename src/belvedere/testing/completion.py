"""The API's objects, as the reference of the OpenAI API has them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from belvedere.testing.policy import Fault, Reply
from belvedere.testing.tokens import tokens

Json: TypeAlias = dict[str, Any]

_KINDS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""Status → type and code of the error."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply with all that the API says about it."""

    id: str
    created: int
    model: str
    text: list[str]
    """In tokens."""
    calls: list[Json]
    finish_reason: str
    usage: Json

    def whole(self) -> Json:
        """As one object."""
        message: Json = {
            "role": "assistant",
            "content": None if self.calls else "".join(self.text),
            "refusal": None,
            "annotations": [],
        }
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "logprobs": None}
        return {
            **self._head("chat.completion"),
            "choices": [{**choice, "finish_reason": self.finish_reason}],
            "usage": self.usage,
        }

    def chunks(self, *, with_usage: bool) -> Iterator[Json]:
        """As the chunks of a stream: the first has no token, each other has about one."""
        rest: Json = {"usage": None} if with_usage else {}

        def chunk(delta: Json, finish_reason: str | None = None) -> Json:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            return {**self._head("chat.completion.chunk"), "choices": [choice], **rest}

        yield chunk({"role": "assistant", "content": None if self.calls else "", "refusal": None})
        for piece in self.text:
            yield chunk({"content": piece})
        for index, call in enumerate(self.calls):
            function = call["function"]
            begun = {**call, "index": index, "function": {**function, "arguments": ""}}
            yield chunk({"tool_calls": [begun]})
            for piece in tokens(function["arguments"]):
                part = {"index": index, "function": {"arguments": piece}}
                yield chunk({"tool_calls": [part]})
        yield chunk({}, self.finish_reason)
        if with_usage:
            head = self._head("chat.completion.chunk")
            yield {**head, "choices": [], "usage": self.usage}

    def _head(self, kind: str) -> Json:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_belvedere",
        }


@dataclass(frozen=True, slots=True)
class Input:
    """What a request cost before the model said anything, and what it may cost."""

    tokens: int
    cached_tokens: int
    max_output_tokens: int | None


def complete(reply: Reply, model: str, given: Input, random: Random, created: int) -> Completion:
    """The completion of a reply: cut off where the request's limit is."""
    text = tokens(reply.text)
    reasons = "tool_calls" if reply.calls else "stop"
    limit = given.max_output_tokens
    if limit is not None and len(text) + reply.reasoning_tokens > limit:
        text, reasons = text[: max(0, limit - reply.reasoning_tokens)], "length"
    calls = [
        {
            "id": f"call_{random.getrandbits(96):024x}",
            "type": "function",
            "function": {"name": call.tool, "arguments": json.dumps(dict(call.arguments))},
        }
        for call in reply.calls
    ]
    spoken = sum(len(tokens(json.dumps(call["function"]))) for call in calls)
    output_tokens = len(text) + spoken + reply.reasoning_tokens
    return Completion(
        id=f"chatcmpl-{random.getrandbits(96):024x}",
        created=created,
        model=model,
        text=text,
        calls=calls,
        finish_reason=reasons,
        usage={
            "prompt_tokens": given.tokens,
            "completion_tokens": output_tokens,
            "total_tokens": given.tokens + output_tokens,
            "prompt_tokens_details": {"cached_tokens": given.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reply.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    )


def error(fault: Fault, param: str | None = None) -> Json:
    """The body of an error."""
    kind, code = _KINDS.get(fault.status, ("server_error", None))
    return {"error": {"message": fault.message, "type": kind, "param": param, "code": code}}
