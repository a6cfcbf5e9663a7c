"""Anthropic's Messages API, `/v1/messages`: content blocks in, content blocks out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from belvedere.testing.answer import Answer
from belvedere.testing.policy import ChatRequest, Fault
from belvedere.testing.request import (
    Asked,
    BadRequestError,
    Json,
    as_list,
    checked_body,
    checked_limit,
    checked_messages,
    checked_model,
    named,
    offered,
)
from belvedere.testing.sse import event
from belvedere.testing.tokens import tokens, usage_with_prefix

_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "mcp_servers": (None, []),
    "output_config": (None,),
}
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
"""Status → type of the error."""


class Messages:
    """The API, for `model_app`."""

    def read(self, body: object, models: Sequence[str]) -> Asked:
        """Check a request.

        Raises:
            BadRequestError: if it is invalid, or this server does not implement what it asks for.
        """
        checked = checked_body(body, _SUPPORTED)
        model = checked_model(checked, models)
        if "max_tokens" not in checked:
            raise BadRequestError("max_tokens: Field required", "max_tokens")
        tools = as_list(checked.get("tools"), "tools")
        if not all(map(named, tools)):
            raise BadRequestError("'tools' must have names.", "tools")
        messages, prefix = _as_messages(checked, tools)
        choice = checked.get("tool_choice")
        chat = ChatRequest(
            model=model,
            messages=checked_messages(messages),
            tools=offered(map(named, tools), choice, named(choice)),
            body=checked,
        )
        return Asked(
            chat=chat,
            tools=tools,
            stream=bool(checked.get("stream")),
            max_output_tokens=checked_limit(checked, "max_tokens"),
            usage=usage_with_prefix(chat.messages, tools, prefix),
        )

    def whole(self, answer: Answer) -> Json:
        """Return the answer as one object."""
        return {
            **_head(answer),
            "content": _content(answer),
            "stop_reason": _stop_reason(answer),
            "usage": _usage(answer),
        }

    def events(self, answer: Answer, fault: Fault | None) -> Iterator[str]:
        """Yield the stream: about one token per event.

        A `fault` breaks it off after its number of events.
        """
        for number, data in enumerate(_events(answer)):
            if fault and number == fault.after_chunks:
                yield event(self.error(fault), "error")
                return
            yield event(data, data["type"])

    def error(self, fault: Fault, param: str | None = None) -> Json:
        """Return the body of an error; the parameter is part of the message here."""
        kind = _KINDS.get(fault.status, "api_error")
        message = f"{param}: {fault.message}" if param else fault.message
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def _as_messages(
    body: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]
) -> tuple[list[Json], int | None]:
    """Return the messages in the form of the chat completions, and how many are to be cached."""
    messages: list[Json] = []
    prefix = 0 if any("cache_control" in tool for tool in tools) else None
    system = body.get("system")
    if system:
        messages.append({"role": "system", "content": system})
        prefix = 1 if _is_breakpoint(system) else prefix
    given = as_list(body.get("messages"), "messages")
    for index, message in enumerate(given):
        param = f"messages[{index}]"
        if not isinstance(message, Mapping) or message.get("role") not in {"user", "assistant"}:
            raise BadRequestError("the role must be user or assistant.", f"{param}.role")
        content = message.get("content")
        if isinstance(content, str):
            messages.append({"role": message["role"], "content": content})
        else:
            messages += _from_blocks(message["role"], as_list(content, f"{param}.content"))
        if _is_breakpoint(content):
            prefix = len(messages)
    return messages, len(messages) if "cache_control" in body else prefix


def _is_breakpoint(content: object) -> bool:
    blocks = content if isinstance(content, list) else ()
    return any(isinstance(block, Mapping) and "cache_control" in block for block in blocks)


def _from_blocks(role: str, blocks: Sequence[Any]) -> list[Json]:
    """Return the messages of content blocks: the results of tools are messages of their own."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for block in blocks:
        if not isinstance(block, Mapping):
            raise BadRequestError("content blocks must be objects.", "messages")
        kinds.setdefault(block.get("type", "text"), []).append(block)
    results = [
        {
            "role": "tool",
            "tool_call_id": block.get("tool_use_id"),
            "content": block.get("content"),
        }
        for block in kinds.pop("tool_result", ())
    ]
    calls = [
        {
            "id": block.get("id"),
            "type": "function",
            "function": {"name": block.get("name"), "arguments": json.dumps(block.get("input"))},
        }
        for block in kinds.pop("tool_use", ())
    ]
    rest = [block for blocks in kinds.values() for block in blocks]
    if not rest and not calls:
        return results
    message: Json = {"role": role, "content": rest or None}
    return [*results, {**message, "tool_calls": calls} if calls else message]


def _head(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _content(answer: Answer) -> list[Json]:
    if not answer.calls:
        return [{"type": "text", "text": "".join(answer.text)}]
    return [
        {
            "type": "tool_use",
            "id": f"toolu_{call.id}",
            "name": call.name,
            "input": json.loads(call.arguments),
        }
        for call in answer.calls
    ]


def _stop_reason(answer: Answer) -> str:
    if answer.is_cut:
        return "max_tokens"
    return "tool_use" if answer.calls else "end_turn"


def _usage(answer: Answer) -> Json:
    usage = answer.usage
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    written = {"ephemeral_5m_input_tokens": usage.cache_write_tokens}
    return {
        "input_tokens": usage.input_tokens - cached,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {**written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "standard",
    }


def _events(answer: Answer) -> Iterator[Json]:
    begun = {**_usage(answer), "output_tokens": 1}
    del begun["output_tokens_details"]
    yield {"type": "message_start", "message": {**_head(answer), "usage": begun}}
    for index, block in enumerate(_content(answer)):
        is_text = block["type"] == "text"
        empty: Json = {"text": ""} if is_text else {"input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        for piece in answer.text if is_text else tokens(answer.calls[index].arguments):
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    usage = _usage(answer)
    del usage["cache_creation"], usage["service_tier"]
    stopped: Json = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    yield {"type": "message_delta", "delta": stopped, "usage": usage}
    yield {"type": "message_stop"}
