"""OpenAI's embeddings, `/v1/embeddings`."""

import base64
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from belvedere.testing import openai_errors
from belvedere.testing.answer import Answer
from belvedere.testing.policy import ChatRequest, Fault, Usage
from belvedere.testing.request import (
    Asked,
    BadRequestError,
    Json,
    checked_body,
    checked_limit,
    checked_model,
)
from belvedere.testing.tokens import tokens

_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {"encoding_format": (None, "float", "base64")}
_DIMENSIONS: Final[Mapping[str, int]] = {"text-embedding-3-large": 3072}
"""Model → the dimensions of its vectors; other models have 1536."""


class Embeddings:
    """The API, for `model_app`. The policy decides about faults and usage; vectors are counted.

    The vector of a text is that of its tokens, so texts that share words are near each other.
    """

    error = staticmethod(openai_errors.body)

    def read(self, body: object, models: Sequence[str]) -> Asked:
        """Check a request.

        Raises:
            BadRequestError: if it is invalid, or this server does not implement what it asks for.
        """
        checked = checked_body(body, _SUPPORTED)
        checked_limit(checked, "dimensions")
        model = checked_model(checked, models)
        texts = _texts(checked.get("input"))
        messages = [{"role": "user", "content": text} for text in texts]
        spent = sum(len(tokens(text)) for text in texts)
        return Asked(
            ChatRequest(model, messages, body=checked), max_output_tokens=0, usage=Usage(spent)
        )

    def whole(self, answer: Answer) -> Json:
        """Return the vectors."""
        body = answer.asked.chat.body
        dimensions = body.get("dimensions") or _DIMENSIONS.get(answer.model, 1536)
        vectors = (vector(message["content"], dimensions) for message in answer.asked.chat.messages)
        is_text = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(values) if is_text else values,
            }
            for index, values in enumerate(vectors)
        ]
        spent = answer.usage.input_tokens
        usage = {"prompt_tokens": spent, "total_tokens": spent}
        return {"object": "list", "data": data, "model": answer.model, "usage": usage}

    def events(self, answer: Answer, fault: Fault | None) -> Iterator[str]:
        """Raise: there is no stream of embeddings."""
        raise NotImplementedError


def vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1: each token adds to one dimension, by its hash."""
    values = [0.0] * dimensions
    for token in tokens(text.lower()):
        digest = blake2b(token.strip().encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "little")
        values[place % dimensions] += 1.0 if digest[-1] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in values))
    if not length:
        return [1.0, *values[1:]]
    return [value / length for value in values]


def _texts(given: Any) -> list[str]:
    """Return the texts to embed. Lists of token ids are as good as texts here."""
    match given:
        case str():
            return [given]
        case [int(), *_]:
            return [" ".join(map(str, given))]
        case [_, *_] if all(isinstance(one, str | list) for one in given):
            return [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]
    raise BadRequestError("'input' must be a text, or a list of texts.", "input")


def _base64(values: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
