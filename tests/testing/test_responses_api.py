"""`belvedere.testing`'s Responses API through OpenAI's client, whose types check each object."""

import json
import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from belvedere.testing import Call, Fault, ModelServer, Scenario, Usage

TOOLS: Any = [
    {"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False}
    for name in ("search", "calculate")
]
TRUTH = Usage(100, 20, cache_read_tokens=40, cache_write_tokens=10, reasoning_tokens=5)
SCRIPT = [
    Scenario("weather", turns=((Call("search", {"q": "Riga"}),),), answer="It rains in Riga."),
    Scenario("both", turns=((Call("search"), Call("calculate", {"x": 1})),), answer="Done."),
    Scenario("think", reasoning_tokens=64, answer="It is 42."),
    Scenario("exact", answer="One two.", usage=TRUTH),
    Scenario("busy", fault=Fault(429, "Slow down."), answer="Now."),
    Scenario("breaks", fault=Fault(500, "Lost it.", after_chunks=6), answer="One two three."),
    Scenario("capital", answer="Riga is the capital of Latvia."),
]
QUESTIONS = ["capital?", "weather?", "both?", "think!", "exact?"]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT, speed=math.inf) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def ask(client: OpenAI, given: Any, **options: Any) -> Any:
    return client.responses.create(model="gpt-4o-mini", input=given, tools=TOOLS, **options)


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_has_the_clients_types(client: OpenAI, question: str) -> None:
    from openai.types.responses import Response

    raw = client.responses.with_raw_response.create(model="gpt-4o", input=question, tools=TOOLS)
    Response.model_validate_json(raw.content, strict=True)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stream_says_the_same(server: ModelServer, client: OpenAI, question: str) -> None:
    import httpx
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    whole = ask(client, question)
    body = {"model": "gpt-4o-mini", "input": question, "tools": TOOLS, "stream": True}
    answer = httpx.post(f"{server.url}/responses", json=body, headers={"authorization": "Bearer x"})
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    event_type: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    events = [event_type.validate_json(line.removeprefix("data: "), strict=True) for line in lines]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1].response.model_dump(exclude={"created_at"})
    assert last == whole.model_dump(exclude={"created_at"})
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert deltas == whole.output_text


def test_the_clients_own_stream_puts_it_together(client: OpenAI) -> None:
    with client.responses.stream(model="gpt-4o", input="both?", tools=TOOLS) as stream:
        output = stream.get_final_response().output
    calls = [(item.name, item.arguments) for item in output if item.type == "function_call"]
    assert calls == [("search", "{}"), ("calculate", '{"x": 1}')]


@pytest.mark.parametrize("question", ["weather?", "both?"])
@pytest.mark.parametrize("way", ["whole input", "previous_response_id", "conversation"])
def test_an_agent_ends_with_the_answer(client: OpenAI, question: str, way: str) -> None:
    options = {"conversation": f"conv_{question}"} if way == "conversation" else {}
    first = ask(client, question, instructions="You help.", **options)
    calls = [item for item in first.output if item.type == "function_call"]
    assert calls
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "ok"} for call in calls
    ]
    if way == "previous_response_id":
        options = {"previous_response_id": first.id}
    past = [{"role": "user", "content": question}, *first.output] if way == "whole input" else []
    second = ask(client, [*past, *results], instructions="You help.", **options)
    assert second.output_text in {"It rains in Riga.", "Done."}
    whole = ask(client, [{"role": "user", "content": question}, *first.output, *results])
    assert second.usage.input_tokens > whole.usage.input_tokens  # by the instructions


def test_usage(client: OpenAI, server: ModelServer) -> None:
    usage = ask(client, "exact?").usage
    details = usage.input_tokens_details
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 20, 120)
    assert (details.cached_tokens, details.cache_write_tokens) == (40, 10)
    assert usage.output_tokens_details.reasoning_tokens == 5
    assert server.usages[-1] == TRUTH
    chat = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "exact?"}]
    ).usage
    assert chat is not None
    assert (chat.prompt_tokens, chat.completion_tokens) == (100, 20)


def test_reasoning_and_limits(client: OpenAI) -> None:
    thought = ask(client, "think!")
    assert [item.type for item in thought.output] == ["reasoning", "message"]
    assert thought.usage.output_tokens_details.reasoning_tokens == 64
    cut = ask(client, "capital?", max_output_tokens=3)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert cut.usage.output_tokens == 3
    stream = ask(client, "capital?", max_output_tokens=3, stream=True)
    assert [event.type for event in stream][-1] == "response.incomplete"


def test_faults(client: OpenAI, server: ModelServer) -> None:
    answered = len(server.usages)
    with pytest.raises(openai.RateLimitError, match=r"Slow down\."):
        ask(client, "busy?")
    assert ask(client, "busy?").output_text == "Now."
    last = list(ask(client, "breaks?", stream=True))[-1]
    assert (last.type, last.message) == ("error", "Lost it.")
    assert len(server.usages) == answered + 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "gpt-1"}, "The model 'gpt-1' does not exist"),
        ({"input": []}, "provide an input"),
        ({"input": 3}, "'input' must be a list"),
        ({"input": [3]}, r"'input\[0\]' must be an object"),
        ({"input": [{"role": "robot", "content": ""}]}, r"input\[0\]\.role"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "'item_reference' is not supported"),
        ({"input": [{"type": "function_call_output", "call_id": "x"}]}, "must answer a call"),
        ({"previous_response_id": "resp_x"}, "'resp_x' not found"),
        ({"background": True}, "'background' is not supported"),
        ({"text": {"format": {"type": "json_object"}}}, r"'text\.format' is not supported"),
        ({"tools": [{"type": "function"}]}, "must have names"),
        ({"max_output_tokens": -1}, "positive integer"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_bad_requests(client: OpenAI, options: dict[str, Any], problem: str) -> None:
    request: Any = {"model": "gpt-4o", "input": "hi", **options}
    with pytest.raises((openai.BadRequestError, openai.NotFoundError), match=problem):
        client.responses.create(**request)
