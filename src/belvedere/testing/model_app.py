"""The API: `/v1/chat/completions` and `/v1/models`, as an ASGI application."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from belvedere.testing.completion import Completion, Input, complete, error
from belvedere.testing.pace import Pace
from belvedere.testing.policy import ChatRequest, Fault, Policy, Reply
from belvedere.testing.request import Asked, BadRequestError, read
from belvedere.testing.tokens import cached_tokens, input_tokens

MODELS: Final = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o4-mini")
"""The models that a server has by default."""


def model_app(
    policy: Policy,
    *,
    seed: int = 0,
    speed: float = 1.0,
    models: Sequence[str] = MODELS,
    clock_s: Callable[[], float] = time.time,
    seen: Callable[[ChatRequest], None] = lambda _: None,
) -> Starlette:
    """An API whose model follows `policy`.

    Args:
        policy: what happens to a request.
        seed: the same requests get the same ids and delays for the same number.
        speed: 1.0 is a real model's; 10.0 ten times as fast; `math.inf` without delays.
        models: their names; others are answered with 404.
        clock_s: the time of Unix, for the answers' `created`.
        seen: told of each valid request.

    Raises:
        ValueError: `speed` is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above 0, not {speed}: math.inf is without delays")
    api = _Api(policy, seed, speed, tuple(models), clock_s, seen)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", api.chat, methods=["POST"]),
            Route("/v1/models", api.list_models),
            Route("/v1/models/{model}", api.get_model),
        ],
        exception_handlers={BadRequestError: _refuse},
    )


@dataclass(eq=False)
class _Api:
    policy: Policy
    seed: int
    speed: float
    models: tuple[str, ...]
    clock_s: Callable[[], float]
    seen: Callable[[ChatRequest], None]
    attempts: dict[str, int] = field(default_factory=dict)
    """Request → faults in a row, while there are any."""

    async def list_models(self, request: Request) -> Response:
        _check_key(request)
        return JSONResponse({"object": "list", "data": [_model(name) for name in self.models]})

    async def get_model(self, request: Request) -> Response:
        _check_key(request)
        name = request.path_params["model"]
        if name not in self.models:
            raise BadRequestError(f"The model '{name}' does not exist.", "model", 404)
        return JSONResponse(_model(name))

    async def chat(self, request: Request) -> Response:
        _check_key(request)
        try:
            body = json.loads(await request.body())
        except ValueError as reason:
            raise BadRequestError(f"The body is no JSON: {reason}") from None
        asked = read(body, self.models)
        chat = asked.chat
        key = sha256(json.dumps([chat.model, chat.messages, chat.tools]).encode()).hexdigest()
        chat = replace(chat, attempt=self.attempts.get(key, 0))
        self.seen(chat)
        reply = self.policy(chat)
        fault = None
        if isinstance(reply, Fault):
            fault = reply
            self.attempts[key] = chat.attempt + 1
            if fault.after_chunks is None or not asked.stream:
                return _failed(fault)
            reply = self.policy(replace(chat, attempt=fault.times))
            reply = Reply() if isinstance(reply, Fault) else reply
        else:
            self.attempts.pop(key, None)
        return await self._answer(asked, reply, fault, Random(f"{self.seed} {key}"))  # noqa: S311 - delays and ids, no secrets

    async def _answer(
        self, asked: Asked, reply: Reply, fault: Fault | None, random: Random
    ) -> Response:
        chat = asked.chat
        given = Input(
            input_tokens(chat.messages, asked.tools),
            cached_tokens(chat.messages, asked.tools),
            asked.max_output_tokens,
        )
        completion = complete(reply, chat.model, given, random, int(self.clock_s()))
        pace = Pace(random, self.speed / reply.slowness)
        output_tokens = completion.usage["completion_tokens"]
        if asked.stream:
            events = _events(completion, pace, fault, with_usage=asked.with_usage)
            return StreamingResponse(events, media_type="text/event-stream")
        await asyncio.sleep(pace.first_token_s(given.tokens) + pace.output_s(output_tokens))
        return JSONResponse(completion.whole())


async def _events(
    completion: Completion, pace: Pace, fault: Fault | None, *, with_usage: bool
) -> AsyncIterator[str]:
    """The stream, as server-sent events."""
    first_s = pace.first_token_s(completion.usage["prompt_tokens"])
    thinking = completion.usage["completion_tokens_details"]["reasoning_tokens"]
    await asyncio.sleep(first_s + pace.output_s(thinking))
    last = math.inf if fault is None or fault.after_chunks is None else fault.after_chunks
    for number, chunk in enumerate(completion.chunks(with_usage=with_usage)):
        if fault and number >= last:
            yield f"data: {json.dumps(error(fault))}\n\n"
            return
        yield f"data: {json.dumps(chunk)}\n\n"
        await asyncio.sleep(pace.output_s(1))
    yield "data: [DONE]\n\n"


def _check_key(request: Request) -> None:
    if not request.headers.get("authorization", "").startswith("Bearer "):
        raise BadRequestError("You didn't provide an API key (any will do here).", None, 401)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "belvedere"}


def _failed(fault: Fault, param: str | None = None) -> Response:
    headers = {}
    if fault.retry_after_s is not None:
        # The header of HTTP has whole seconds; the provider's own has the rest.
        headers["retry-after"] = str(math.ceil(fault.retry_after_s))
        headers["retry-after-ms"] = str(round(fault.retry_after_s * 1000))
    return JSONResponse(error(fault, param), fault.status, headers)


async def _refuse(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, BadRequestError)  # noqa: S101 - what it is registered for
    return _failed(problem.fault, problem.param)
