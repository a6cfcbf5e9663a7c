"""Asks the model, as a stream, and again if it is busy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionFunctionToolParam

import belvedere
from belvedere import metrics

_ATTEMPTS: Final = 3
_BACKOFF_S: Final = 0.2
PROVIDER: Final = "openai"

log = belvedere.get_logger()


@dataclass
class Spoken:
    """What the model has said so far."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Tool calls, as the API has them in messages."""
    input_tokens: int = 0
    output_tokens: int = 0

    def message(self) -> dict[str, Any]:
        """As a message of the conversation."""
        calls = {"tool_calls": self.calls} if self.calls else {}
        return {"role": "assistant", "content": self.text or None, **calls}

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Take a chunk. Returns its text."""
        if chunk.usage:
            self.input_tokens = chunk.usage.prompt_tokens
            self.output_tokens = chunk.usage.completion_tokens
        text = ""
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or ():
                if part.index == len(self.calls):
                    function = {"name": "", "arguments": ""}
                    self.calls.append({"id": part.id, "type": "function", "function": function})
                function = self.calls[part.index]["function"]
                if part.function:
                    function["name"] += part.function.name or ""
                    function["arguments"] += part.function.arguments or ""
        self.text += text
        return text


@dataclass
class ModelClient:
    """Asks models of an API."""

    client: AsyncOpenAI

    async def ask(
        self,
        model: str,
        messages: Sequence[Any],
        tools: Sequence[ChatCompletionFunctionToolParam],
        on_text: Callable[[str], Awaitable[None]],
    ) -> Spoken:
        """Ask, and again after an error that may pass, as long as nothing was said.

        Raises:
            openai.APIError: the last attempt's.
        """
        attempt = 1
        while True:
            spoken = Spoken()
            try:
                await self._attempt(model, messages, tools, on_text, spoken)
            except openai.APIError as error:
                delay_s = _delay_s(error, attempt)
                if delay_s is None or spoken.text or attempt == _ATTEMPTS:
                    raise
                log.warning("model failed, trying again", model=model, attempt=attempt)
                await asyncio.sleep(delay_s)
                attempt += 1
            else:
                return spoken

    async def _attempt(
        self,
        model: str,
        messages: Sequence[Any],
        tools: Sequence[ChatCompletionFunctionToolParam],
        on_text: Callable[[str], Awaitable[None]],
        spoken: Spoken,
    ) -> None:
        began_s = time.perf_counter()
        labels = {"provider": PROVIDER, "model": model}
        status = "error"
        try:
            with belvedere.model_call(model, provider=PROVIDER, stream=True) as call:
                call.input(messages, tools=tools)
                stream = await self.client.chat.completions.create(
                    model=model,
                    messages=messages,
                    tools=tools or openai.omit,
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async for chunk in call.astream(stream):
                    if text := spoken.add(chunk):
                        await on_text(text)
            status = "ok"
        finally:
            duration_s = time.perf_counter() - began_s
            metrics.llm_calls_total.add(1, status=status, **labels)
            metrics.llm_call_duration_seconds.record(duration_s, status=status, **labels)
            metrics.llm_tokens_input_total.add(spoken.input_tokens, **labels)
            metrics.llm_tokens_output_total.add(spoken.output_tokens, **labels)


def _delay_s(error: openai.APIError, attempt: int) -> float | None:
    """How long to wait before the next attempt; None: it would be in vain."""
    if isinstance(error, openai.APIConnectionError):
        return _BACKOFF_S * 2.0**attempt
    if not isinstance(error, openai.RateLimitError | openai.InternalServerError):
        return None
    asked_ms: str | None = error.response.headers.get("retry-after-ms")
    return float(asked_ms) / 1000 if asked_ms else _BACKOFF_S * 2.0 ** (attempt - 1)
