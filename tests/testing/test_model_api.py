"""`belvedere.testing` through the official client of the OpenAI API."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from belvedere.testing import MODELS, Call, ChatRequest, Fault, ModelServer, Reply, Scenario

TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("search", "calculate")
]
SCRIPT = [
    Scenario("weather", turns=((Call("search", {"q": "Riga"}),),), answer="It rains in Riga."),
    Scenario("both", turns=((Call("search"), Call("calculate", {"x": 1})),), answer="Done."),
    Scenario("circles", turns=((Call("search", {"q": "again"}),),), loops=True),
    Scenario("busy", fault=Fault(429, "Slow down.", retry_after_s=0.01), answer="Now."),
    Scenario("down", fault=Fault(500, "Out of order.", times=99)),
    Scenario("breaks", fault=Fault(500, "Lost it.", after_chunks=3), answer="One two three."),
    Scenario("think", reasoning_tokens=64, answer="42"),
    Scenario("capital", answer="Riga is the capital of Latvia, on the river Daugava."),
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT, speed=math.inf) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def ask(client: OpenAI, *messages: Any, **options: Any) -> Any:
    said = [m if isinstance(m, dict) else {"role": "user", "content": m} for m in messages]
    return client.chat.completions.create(model="gpt-4o-mini", messages=said, **options)


def follow(client: OpenAI, question: str, turns: int) -> list[list[str]]:
    """Play an agent whose tools say "ok": the names of the tools called, turn by turn."""
    messages: list[Any] = [{"role": "user", "content": question}]
    called = []
    for _ in range(turns):
        message = ask(client, *messages, tools=TOOLS).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        called.append([call.function.name for call in message.tool_calls or ()])
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "ok"}
            for call in message.tool_calls or ()
        ]
    return called


def test_it_answers(client: OpenAI) -> None:
    completion = ask(client, "What is the capital of Latvia?")
    choice = completion.choices[0]
    assert choice.message.content == "Riga is the capital of Latvia, on the river Daugava."
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > 4 < usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_a_stream_says_the_same(client: OpenAI) -> None:
    whole = ask(client, "What is the capital of Latvia?")
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = list(ask(client, "What is the capital of Latvia?", **options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.id for chunk in chunks} == {whole.id}
    assert all(chunk.usage is None for chunk in chunks)
    assert (last.choices, last.usage) == ([], whole.usage)
    assert len(chunks) > 5


def test_a_stream_without_usage(client: OpenAI) -> None:
    chunks = list(ask(client, "What is the capital of Latvia?", stream=True))
    assert all(len(chunk.choices) == 1 for chunk in chunks)


def test_the_clients_own_stream_puts_tool_calls_together(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="gpt-4o", messages=[{"role": "user", "content": "both"}], tools=TOOLS
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    assert calls == [("search", "{}"), ("calculate", '{"x": 1}')]


@pytest.mark.parametrize(
    ("question", "called"),
    [
        pytest.param("the weather?", [["search"], [], []], id="a tool, then the answer"),
        pytest.param("both", [["search", "calculate"], [], []], id="two at once"),
        pytest.param("in circles", [["search"], ["search"], ["search"]], id="for ever"),
        pytest.param("anything", [[], [], []], id="no scenario"),
    ],
)
def test_tools_are_called_by_the_script(
    client: OpenAI, question: str, called: list[list[str]]
) -> None:
    assert follow(client, question, 3) == called


@pytest.mark.parametrize(
    ("options", "called"),
    [
        ({}, None),
        ({"tools": TOOLS[1:]}, None),
        ({"tools": TOOLS, "tool_choice": "none"}, None),
        ({"tools": TOOLS, "tool_choice": "auto"}, "search"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", **TOOLS[0]}}, "search"),
    ],
    ids=["no tools", "another tool", "none", "auto", "this one"],
)
def test_only_offered_tools_are_called(
    client: OpenAI, options: dict[str, Any], called: str | None
) -> None:
    choice = ask(client, "What is the weather?", **options).choices[0]
    names = [call.function.name for call in choice.message.tool_calls or ()]
    assert names == ([called] if called else [])
    assert choice.finish_reason == ("tool_calls" if called else "stop")


def test_busy_then_an_answer(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client, "busy?")
    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.response.headers["retry-after"] == "1"
    assert raised.value.response.headers["retry-after-ms"] == "10"
    assert ask(client, "busy?").choices[0].message.content == "Now."
    patient = client.with_options(max_retries=2)
    assert ask(patient, "busy?").choices[0].message.content == "Now."


def test_down(client: OpenAI) -> None:
    for _ in range(3):
        with pytest.raises(openai.InternalServerError, match=r"Out of order\."):
            ask(client, "down?")


def test_a_stream_breaks(client: OpenAI) -> None:
    came: list[str] = []
    stream = ask(client, "breaks?", stream=True)
    with pytest.raises(openai.APIError, match="Lost it"):
        came.extend(chunk.choices[0].delta.content for chunk in stream)
    assert "".join(came) == "One two"
    second = [chunk.choices[0].delta.content or "" for chunk in ask(client, "breaks?", stream=True)]
    assert "".join(second) == "One two three."


def test_tokens_of_thinking_and_limits(client: OpenAI) -> None:
    details = ask(client, "think").usage.completion_tokens_details
    assert details.reasoning_tokens == 64
    cut = ask(client, "What is the capital of Latvia?", max_completion_tokens=3)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 3


def test_what_was_sent_before_is_cached(client: OpenAI) -> None:
    """By steps of 128 tokens from 1024 on, and less than the whole input."""
    system = {"role": "system", "content": "You help. " * 900}
    first = ask(client, system, "capital").usage
    answer = {"role": "assistant", "content": "Riga."}
    second = ask(client, system, "capital", answer, "and the river?").usage
    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens_details.cached_tokens == first.prompt_tokens // 128 * 128 > 1024


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(MODELS)
    assert client.models.retrieve("gpt-4o").owned_by == "belvedere"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "gpt-1"}, "The model 'gpt-1' does not exist"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "robot", "content": ""}]}, r"messages\[0\]\.role"),
        ({"messages": [{"role": "tool", "content": "", "tool_call_id": "x"}]}, "must answer"),
        ({"n": 2}, "'n' is not supported"),
        ({"response_format": {"type": "json_object"}}, "'response_format' is not supported"),
        ({"max_tokens": 0}, "positive integer"),
        ({"tools": [{"type": "function"}]}, "functions with names"),
    ],
    ids=str,
)
def test_bad_requests(client: OpenAI, options: dict[str, Any], problem: str) -> None:
    request: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **options}
    with pytest.raises((openai.BadRequestError, openai.NotFoundError), match=problem):
        client.chat.completions.create(**request)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"authorization": "Bearer x"}, 400),
        (b"[]", {"authorization": "Bearer x"}, 400),
        (b"{}", {}, 401),
    ],
    ids=["no JSON", "no object", "no key"],
)
def test_requests_that_no_client_sends(
    server: ModelServer, body: bytes, headers: dict[str, str], status: int
) -> None:
    import httpx

    answer = httpx.post(f"{server.url}/chat/completions", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_seed_decides_ids_and_answers() -> None:
    def said(seed: int) -> tuple[str, str]:
        with (
            ModelServer(seed=seed, speed=math.inf) as server,
            OpenAI(base_url=server.url, api_key="any") as client,
        ):
            completion = ask(client, "Tell me something.")
            return completion.id, completion.choices[0].message.content

    assert said(1) == said(1)
    assert said(1) != said(2)


def test_a_policy_of_ones_own_sees_the_requests() -> None:
    def echo(request: ChatRequest) -> Reply:
        return Reply(json.dumps([request.question, request.tools, request.turn]))

    with (
        ModelServer(echo, speed=1000) as server,
        OpenAI(base_url=server.url, api_key="any") as client,
    ):
        parts = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
        answer = ask(client, parts, tools=TOOLS, temperature=0.5).choices[0].message.content
        assert json.loads(answer) == ["hello", ["search", "calculate"], 0]
        assert [request.body["temperature"] for request in server.requests] == [0.5]


@pytest.mark.parametrize("speed", [0, -1.0, math.nan])
def test_impossible_speeds(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        ModelServer(speed=speed)


def test_it_stops_twice_and_before_it_started() -> None:
    server = ModelServer()
    stops: list[Callable[[], None]] = [server.stop, server.stop]
    for stop in stops:
        stop()
    server.start().stop()
    server.stop()
