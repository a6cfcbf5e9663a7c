"""The APIs, as an ASGI application."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from belvedere.testing import openai_errors
from belvedere.testing.answer import Answer, answer
from belvedere.testing.chat_completions import ChatCompletions
from belvedere.testing.embeddings import Embeddings
from belvedere.testing.messages import Messages
from belvedere.testing.pace import Pace
from belvedere.testing.policy import ChatRequest, Fault, Policy, Reply, Usage
from belvedere.testing.request import Asked, BadRequestError, Json
from belvedere.testing.responses import Responses

MODELS: Final = (
    *("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o4-mini"),
    *("text-embedding-3-small", "text-embedding-3-large"),
    *("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5"),
)
"""The models that a server has by default. Each is served by every API."""


class Api(Protocol):
    """One API: its requests, and the forms of its answers."""

    def read(self, body: object, models: Sequence[str]) -> Asked:
        """Check a request.

        Raises:
            BadRequestError: if it is invalid, or this server does not implement what it asks for.
        """

    def whole(self, answer: Answer) -> Json:
        """Return the answer as one object."""

    def events(self, answer: Answer, fault: Fault | None) -> Iterator[str]:
        """Yield the stream; a `fault` breaks it off after its number of events."""

    def error(self, fault: Fault, param: str | None = None) -> Json:
        """Return the body of an error."""


def model_app(
    policy: Policy,
    *,
    seed: int = 0,
    speed: float = 1.0,
    models: Sequence[str] = MODELS,
    clock_s: Callable[[], float] = time.time,
    seen: Callable[[ChatRequest], None] = lambda _: None,
    answered: Callable[[Usage], None] = lambda _: None,
) -> Starlette:
    """An application whose model follows `policy`, whichever API it is asked by.

    Args:
        policy: what happens to a request.
        seed: the same requests get the same ids and delays for the same number.
        speed: 1.0 is a real model's; 10.0 ten times as fast; `math.inf` without delays.
        models: their names; others are answered with 404.
        clock_s: the time of Unix, for the answers' `created`.
        seen: called with each valid request.
        answered: called with the tokens of each request that is answered, before it is.

    Raises:
        ValueError: `speed` is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above 0, not {speed}: math.inf is without delays")
    server = _Server(policy, seed, speed, tuple(models), clock_s, seen, answered)
    apis: dict[str, Api] = {
        "/v1/chat/completions": ChatCompletions(),
        "/v1/responses": Responses(),
        "/v1/embeddings": Embeddings(),
        "/v1/messages": Messages(),
    }
    return Starlette(
        routes=[
            *(Route(path, server.endpoint(api), methods=["POST"]) for path, api in apis.items()),
            Route("/v1/models", server.list_models),
            Route("/v1/models/{model}", server.get_model),
        ],
        exception_handlers={BadRequestError: _refuse},
    )


@dataclass(eq=False)
class _Server:
    policy: Policy
    seed: int
    speed: float
    models: tuple[str, ...]
    clock_s: Callable[[], float]
    seen: Callable[[ChatRequest], None]
    answered: Callable[[Usage], None]
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

    def endpoint(self, api: Api) -> Callable[[Request], Any]:
        """Return what serves the requests of an API."""

        async def serve(request: Request) -> Response:
            try:
                _check_key(request)
                return await self._serve(api, await request.body())
            except BadRequestError as problem:
                return _failed(problem.fault, api.error(problem.fault, problem.param))

        return serve

    async def _serve(self, api: Api, body: bytes) -> Response:
        try:
            given = json.loads(body)
        except ValueError as reason:
            raise BadRequestError(f"The body is no JSON: {reason}") from None
        asked = api.read(given, self.models)
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
                return _failed(fault, api.error(fault))
            reply = self.policy(replace(chat, attempt=fault.times))
            reply = Reply() if isinstance(reply, Fault) else reply
        else:
            self.attempts.pop(key, None)
        random = Random(f"{self.seed} {key}")  # noqa: S311 - delays and ids, no secrets
        pace = Pace(random, self.speed / reply.slowness)
        said = answer(reply, asked, random, int(self.clock_s()))
        if fault is None:
            self.answered(said.usage)
        if asked.stream:
            events = _paced(api.events(said, fault), pace, said.usage)
            return StreamingResponse(events, media_type="text/event-stream")
        await asyncio.sleep(
            pace.first_token_s(said.usage.input_tokens) + pace.output_s(said.usage.output_tokens)
        )
        return JSONResponse(api.whole(said))


async def _paced(events: Iterator[str], pace: Pace, usage: Usage) -> AsyncIterator[str]:
    first_s = pace.first_token_s(usage.input_tokens)
    await asyncio.sleep(first_s + pace.output_s(usage.reasoning_tokens))
    for event in events:
        yield event
        await asyncio.sleep(pace.output_s(1))


def _check_key(request: Request) -> None:
    """Accept any key: as a bearer token, or as Anthropic's clients send it."""
    is_bearer = request.headers.get("authorization", "").startswith("Bearer ")
    if not is_bearer and "x-api-key" not in request.headers:
        raise BadRequestError("You didn't provide an API key (any will do here).", None, 401)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "belvedere"}


def _failed(fault: Fault, body: Json) -> Response:
    headers = {}
    if fault.retry_after_s is not None:
        # The header of HTTP has whole seconds; the provider's own has the rest.
        headers["retry-after"] = str(math.ceil(fault.retry_after_s))
        headers["retry-after-ms"] = str(round(fault.retry_after_s * 1000))
    return JSONResponse(body, fault.status, headers)


async def _refuse(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, BadRequestError)  # noqa: S101 - what it is registered for
    return _failed(problem.fault, openai_errors.body(problem.fault, problem.param))
