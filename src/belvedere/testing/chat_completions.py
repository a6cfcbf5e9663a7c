"""OpenAI's chat completions, `/v1/chat/completions`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from belvedere.testing import openai_errors
from belvedere.testing.answer import Answer
from belvedere.testing.policy import ChatRequest, Fault
from belvedere.testing.request import (
    Asked,
    BadRequestError,
    Json,
    checked_body,
    checked_limit,
    checked_messages,
    checked_model,
    named,
    offered,
)
from belvedere.testing.sse import event
from belvedere.testing.tokens import tokens, usage_of

_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "audio": (None,),
    "functions": (None,),
    "response_format": (None, {"type": "text"}),
}


class ChatCompletions:
    """The API, for `model_app`."""

    error = staticmethod(openai_errors.body)

    def read(self, body: object, models: Sequence[str]) -> Asked:
        """Check a request.

        Raises:
            BadRequestError: if it is invalid, or this server does not implement what it asks for.
        """
        checked = checked_body(body, _SUPPORTED)
        tools = _tools(checked.get("tools"))
        choice = checked.get("tool_choice")
        chat = ChatRequest(
            model=checked_model(checked, models),
            messages=checked_messages(checked.get("messages")),
            tools=offered(map(_name, tools), choice, _name(choice)),
            body=checked,
        )
        return Asked(
            chat=chat,
            tools=tools,
            stream=bool(checked.get("stream")),
            max_output_tokens=checked_limit(checked, "max_completion_tokens", "max_tokens"),
            usage=usage_of(chat.messages, tools),
        )

    def whole(self, answer: Answer) -> Json:
        """Return the answer as one object."""
        message: Json = {
            "role": "assistant",
            "content": None if answer.calls else "".join(answer.text),
            "refusal": None,
            "annotations": [],
        }
        if answer.calls:
            message["tool_calls"] = _calls(answer)
        choice = {"index": 0, "message": message, "logprobs": None}
        return {
            **_head(answer, "chat.completion"),
            "choices": [{**choice, "finish_reason": _finish_reason(answer)}],
            "usage": _usage(answer),
        }

    def events(self, answer: Answer, fault: Fault | None) -> Iterator[str]:
        """Yield the stream: the first event has no token, each other about one.

        A `fault` breaks it off after its number of events.
        """
        for number, chunk in enumerate(_chunks(answer)):
            if fault and number == fault.after_chunks:
                yield event(openai_errors.body(fault))
                return
            yield event(chunk)
        yield "data: [DONE]\n\n"


def _chunks(answer: Answer) -> Iterator[Json]:
    options = answer.asked.chat.body.get("stream_options")
    with_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))
    rest: Json = {"usage": None} if with_usage else {}

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**_head(answer, "chat.completion.chunk"), "choices": [choice], **rest}

    yield chunk({"role": "assistant", "content": None if answer.calls else "", "refusal": None})
    for piece in answer.text:
        yield chunk({"content": piece})
    for index, call in enumerate(_calls(answer)):
        function = call["function"]
        begun = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield chunk({"tool_calls": [begun]})
        for piece in tokens(function["arguments"]):
            part = {"index": index, "function": {"arguments": piece}}
            yield chunk({"tool_calls": [part]})
    yield chunk({}, _finish_reason(answer))
    if with_usage:
        head = _head(answer, "chat.completion.chunk")
        yield {**head, "choices": [], "usage": _usage(answer)}


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_belvedere",
    }


def _calls(answer: Answer) -> list[Json]:
    return [
        {
            "id": f"call_{call.id}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in answer.calls
    ]


def _finish_reason(answer: Answer) -> str:
    if answer.is_cut:
        return "length"
    return "tool_calls" if answer.calls else "stop"


def _usage(answer: Answer) -> Json:
    usage = answer.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tools(tools: object) -> Sequence[Mapping[str, Any]]:
    if tools is None:
        return ()
    if not isinstance(tools, list) or not all(map(_name, tools)):
        raise BadRequestError("'tools' must be a list of functions with names.", "tools")
    return tools


def _name(tool: object) -> str:
    return named(tool.get("function")) if isinstance(tool, Mapping) else ""
