"""What a model call records: request, response, tokens, and the `gen_ai.client.*` metrics."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from belvedere.sdk.agents import ModelCall, model_call

ID, MODEL = "gen_ai.response.id", "gen_ai.response.model"
REASONS = "gen_ai.response.finish_reasons"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
OUTPUT_MESSAGES = "gen_ai.output.messages"


def as_object(value: Any) -> Any:
    """The same fields as an object, as the clients' classes have them (tool inputs stay dicts)."""
    if isinstance(value, dict):
        return SimpleNamespace(
            **{key: each if key == "input" else as_object(each) for key, each in value.items()}
        )
    return [as_object(each) for each in value] if isinstance(value, list) else value


FORMS = pytest.mark.parametrize("form", [lambda value: value, as_object], ids=["dict", "object"])
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5-2026",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 8},
    },
}
CHAT_ANSWER = [
    {
        "role": "assistant",
        "parts": [
            {
                "type": "tool_call",
                "id": "call_1",
                "name": "weather",
                "arguments": {"city": "Paris"},
            }
        ],
        "finish_reason": "tool_call",
    }
]
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "model": "gpt-5-2026",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Rainy."}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ],
    "usage": {
        "input_tokens": 100,
        "output_tokens": 20,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens_details": {"reasoning_tokens": 8},
    },
}
RESPONSE_ANSWER = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "Rainy."},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {}},
        ],
        "finish_reason": "stop",
    }
]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-5",
    "stop_reason": "end_turn",
    "content": [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Rainy."},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ],
    "usage": {
        "input_tokens": 30,
        "cache_read_input_tokens": 64,
        "cache_creation_input_tokens": 6,
        "output_tokens": 20,
    },
}
MESSAGE_ANSWER = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Hm."},
            {"type": "text", "content": "Rainy."},
            {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}},
        ],
        "finish_reason": "stop",
    }
]
OPENAI_USAGE = {INPUT: 100, OUTPUT: 20, CACHE_READ: 64, REASONING: 8}
SHAPES = {
    "openai chat completion": (
        CHAT,
        {ID: "chatcmpl-1", MODEL: "gpt-5-2026", REASONS: ("tool_calls",), **OPENAI_USAGE},
        CHAT_ANSWER,
    ),
    "openai response": (
        RESPONSE,
        {ID: "resp_1", MODEL: "gpt-5-2026", REASONS: ("completed",), **OPENAI_USAGE},
        RESPONSE_ANSWER,
    ),
    "openai response cut short": (
        RESPONSE | {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        {ID: "resp_1", MODEL: "gpt-5-2026", REASONS: ("max_output_tokens",), **OPENAI_USAGE},
        [RESPONSE_ANSWER[0] | {"finish_reason": "length"}],
    ),
    "anthropic message": (
        MESSAGE,
        {
            ID: "msg_1",
            MODEL: "claude-5",
            REASONS: ("end_turn",),
            INPUT: 100,
            OUTPUT: 20,
            CACHE_READ: 64,
            CACHE_CREATION: 6,
        },
        MESSAGE_ANSWER,
    ),
    "openai embeddings": (
        {"object": "list", "model": "e-3", "data": [], "usage": {"prompt_tokens": 5}},
        {MODEL: "e-3", INPUT: 5},
        None,
    ),
    "no tokens at all": (
        CHAT | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
        {
            ID: "chatcmpl-1",
            MODEL: "gpt-5-2026",
            REASONS: ("tool_calls",),
            INPUT: 0,
            OUTPUT: 0,
        },
        CHAT_ANSWER,
    ),
}


@pytest.mark.usefixtures("captured")
@FORMS
@pytest.mark.parametrize(("value", "expected", "answer"), SHAPES.values(), ids=SHAPES.keys())
def test_responses_of_known_shapes(
    recorded: Any, form: Any, value: Any, expected: dict[str, Any], answer: Any
) -> None:
    returned = form(value)
    assert model_call("m")(lambda: returned)() is returned
    found = recorded.attributes
    assert json.loads(found.pop(OUTPUT_MESSAGES, "null")) == answer
    del found["gen_ai.operation.name"], found["gen_ai.request.model"]
    assert found == expected
    assert not recorded.faults


class Hostile:
    """An object that must not be touched: reading any attribute of it fails."""

    def __repr__(self) -> str:
        return "Hostile()"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked")

    @property
    def usage(self) -> Any:
        raise AssertionError("a property was asked")


@dataclass(slots=True)
class Slotted:
    id: str = "s"
    model: str = "m-1"
    choices: list[Any] = field(default_factory=list)


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "text",
        [],
        {},
        Hostile(),
        object,
        {"choices": 3},
        {"choices": [None, {"message": 3}]},
        {"type": "message", "usage": "much"},
        {"object": "response", "output": [3, None], "usage": {"input_tokens": True}},
        {"choices": [], "usage": {"prompt_tokens": -1}},
    ],
    ids=repr,
)
def test_what_is_not_understood_is_let_pass(recorded: Any, captured: None, value: Any) -> None:
    assert model_call("m")(lambda: value)() is value
    assert INPUT not in recorded.attributes
    assert not recorded.faults


def test_slots_are_read(recorded: Any) -> None:
    response = Slotted()
    model_call("m")(lambda: response)()
    assert recorded.attributes[MODEL] == "m-1"


def test_recorded_by_hand(recorded: Any) -> None:
    with model_call(provider="openai") as call:
        call.request(model="gpt-5", max_tokens=10, server_address="localhost", server_port=8080)
        call.response(id="r", model="gpt-5-x", finish_reasons=["stop"])
        call.usage(input_tokens=10, output_tokens=4, cache_read_tokens=6, cache_creation_tokens=1)
        call.usage(reasoning_tokens=2)
    assert recorded.span.name == "chat gpt-5"
    assert recorded.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.max_tokens": 10,
        "server.address": "localhost",
        "server.port": 8080,
        ID: "r",
        MODEL: "gpt-5-x",
        REASONS: ("stop",),
        INPUT: 10,
        OUTPUT: 4,
        CACHE_READ: 6,
        CACHE_CREATION: 1,
        REASONING: 2,
    }


def test_within_a_decorated_function(recorded: Any) -> None:
    @model_call
    def ask(model: str) -> str:
        ModelCall.current().request(model=model)
        return "answer"

    assert ask("gpt-5") == "answer"
    assert recorded.span.name == "chat gpt-5"


def delta(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-5-2026",
        "usage": None,
        "choices": [{"index": 0, "delta": changes, "finish_reason": None}],
    }


def tool_delta(**call: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": 0, **call}])


STREAMS = {
    "openai chat": (
        [
            tool_delta(id="call_1", function={"name": "weather", "arguments": ""}),
            tool_delta(function={"arguments": '{"city": '}),
            tool_delta(function={"arguments": '"Paris"}'}),
            delta() | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            delta() | {"choices": [], "usage": CHAT["usage"]},
        ],
        SHAPES["openai chat completion"][1],
        CHAT_ANSWER,
    ),
    "openai response": (
        [
            {"type": "response.created", "response": RESPONSE | {"usage": None, "output": []}},
            {"type": "response.output_text.delta", "delta": "Rai"},
            {"type": "response.completed", "response": RESPONSE},
        ],
        SHAPES["openai response"][1],
        RESPONSE_ANSWER,
    ),
    "anthropic": (
        [
            {
                "type": "message_start",
                "message": MESSAGE
                | {"content": [], "stop_reason": None}
                | {"usage": {**MESSAGE["usage"], "output_tokens": 1}},  # type: ignore[dict-item] # a mapping
            },
            {"type": "content_block_delta", "index": 0, "delta": {"thinking": "Hm."}},
            {"type": "content_block_delta", "index": 1, "delta": {"text": "Rai"}},
            {"type": "content_block_delta", "index": 1, "delta": {"text": "ny."}},
            {
                "type": "content_block_start",
                "index": 2,
                "content_block": {"type": "tool_use", "id": "t", "name": "f"},
            },
            {"type": "content_block_delta", "index": 2, "delta": {"partial_json": '{"a": 1}'}},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 20},
            },
            {"type": "message_stop"},
        ],
        SHAPES["anthropic message"][1],
        MESSAGE_ANSWER,
    ),
    "texts": (
        ["Rai", "ny."],
        {},
        [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "Rainy."}],
                "finish_reason": "stop",
            }
        ],
    ),
    "something else": ([1, None, {"type": 3}, Hostile()], {}, None),
}


@pytest.mark.usefixtures("captured")
@FORMS
@pytest.mark.parametrize(("chunks", "expected", "answer"), STREAMS.values(), ids=STREAMS.keys())
async def test_streams_of_known_chunks(
    recorded: Any, form: Any, chunks: Any, expected: dict[str, Any], answer: Any
) -> None:
    given = [form(chunk) for chunk in chunks]

    @model_call("m")
    def stream() -> Iterator[Any]:
        yield from given

    @model_call("m")
    async def async_stream() -> AsyncIterator[Any]:
        for chunk in given:
            yield chunk

    assert list(stream()) == given
    assert [chunk async for chunk in async_stream()] == given
    assert not recorded.faults
    for span in recorded.spans:
        found = dict(span.attributes)
        assert json.loads(found.pop(OUTPUT_MESSAGES, "null")) == answer
        assert found.pop("gen_ai.request.stream") is True
        assert found.pop("gen_ai.response.time_to_first_chunk") >= 0
        del found["gen_ai.operation.name"], found["gen_ai.request.model"]
        assert found == expected
