"""`belvedere.testing`'s Messages API through Anthropic's client, whose types check each object."""

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from belvedere.testing import Call, Fault, ModelServer, Scenario, Usage

if TYPE_CHECKING:  # it takes a second to import
    from anthropic import Anthropic

TOOLS: Any = [
    {"name": name, "input_schema": {"type": "object"}} for name in ("search", "calculate")
]
TRUTH = Usage(100, 20, cache_read_tokens=40, cache_write_tokens=10, reasoning_tokens=5)
SCRIPT = [
    Scenario("weather", turns=((Call("search", {"q": "Riga"}),),), answer="It rains in Riga."),
    Scenario("both", turns=((Call("search"), Call("calculate", {"x": 1})),), answer="Done."),
    Scenario("exact", answer="One two.", usage=TRUTH),
    Scenario("busy", fault=Fault(529, "Overloaded."), answer="Now."),
    Scenario("breaks", fault=Fault(500, "Lost it.", after_chunks=3), answer="One two three."),
    Scenario("capital", answer="Riga is the capital of Latvia."),
]
QUESTIONS = ["capital?", "weather?", "both?", "exact?"]
LONG = "You help. " * 900


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT, speed=math.inf) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ModelServer) -> "Iterator[Anthropic]":
    from anthropic import Anthropic

    with Anthropic(base_url=server.anthropic_url, api_key="any", max_retries=0) as client:
        yield client


def ask(client: "Anthropic", *messages: Any, **options: Any) -> Any:
    said = [m if isinstance(m, dict) else {"role": "user", "content": m} for m in messages]
    given: Any = {"model": "claude-haiku-4-5", "max_tokens": 1000, "tools": TOOLS, **options}
    return client.messages.create(messages=said, **given)


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_has_the_clients_types(client: "Anthropic", question: str) -> None:
    from anthropic.types import Message

    raw = client.messages.with_raw_response.create(
        model="claude-haiku-4-5",
        max_tokens=1000,
        tools=TOOLS,
        messages=[{"role": "user", "content": question}],
    )
    Message.model_validate_json(raw.http_response.content, strict=True)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stream_says_the_same(server: ModelServer, client: "Anthropic", question: str) -> None:
    import httpx
    from anthropic.types import RawMessageStreamEvent
    from pydantic import TypeAdapter

    asked: Any = {
        "model": "claude-haiku-4-5",
        "max_tokens": 1000,
        "tools": TOOLS,
        "messages": [{"role": "user", "content": question}],
    }
    headers = {"x-api-key": "any"}
    answer = httpx.post(f"{server.url}/messages", json={**asked, "stream": True}, headers=headers)
    event_type: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for line in answer.text.splitlines():
        if line.startswith("data: "):
            event_type.validate_json(line.removeprefix("data: "), strict=True)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    whole = client.messages.create(**asked)
    assert streamed.model_dump(include={"id", "content", "stop_reason"}) == whole.model_dump(
        include={"id", "content", "stop_reason"}
    )
    for field in ("input_tokens", "output_tokens", "cache_read_input_tokens"):
        assert getattr(streamed.usage, field) == getattr(whole.usage, field), field


@pytest.mark.parametrize("question", ["weather?", "both?"])
def test_an_agent_ends_with_the_answer(client: "Anthropic", question: str) -> None:
    first = ask(client, question)
    assert first.stop_reason == "tool_use"
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "ok"} for block in first.content
    ]
    said = {"role": "assistant", "content": first.content}
    second = ask(client, question, said, {"role": "user", "content": results})
    assert second.stop_reason == "end_turn"
    assert second.content[0].text in {"It rains in Riga.", "Done."}
    assert second.usage.input_tokens > first.usage.input_tokens


@pytest.mark.parametrize(
    ("choice", "stop"),
    [
        ({"type": "auto"}, "tool_use"),
        ({"type": "tool", "name": "search"}, "tool_use"),
        ({"type": "tool", "name": "calculate"}, "end_turn"),
        ({"type": "none"}, "end_turn"),
    ],
    ids=lambda value: value.get("name", value["type"]) if isinstance(value, dict) else value,
)
def test_only_offered_tools_are_called(
    client: "Anthropic", choice: dict[str, str], stop: str
) -> None:
    assert ask(client, "weather?", tool_choice=choice).stop_reason == stop


def test_usage(client: "Anthropic", server: ModelServer) -> None:
    """Anthropic's input tokens are without those of the cache; ours, and OpenTelemetry's, with."""
    usage = ask(client, "exact?").usage
    assert (usage.input_tokens, usage.output_tokens) == (50, 20)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (40, 10)
    assert usage.output_tokens_details.thinking_tokens == 5
    assert server.usages[-1] == TRUTH


@pytest.mark.parametrize(
    "mark",
    [
        lambda block: {"system": [{**block, "cache_control": {"type": "ephemeral"}}]},
        lambda block: {"system": [block], "cache_control": {"type": "ephemeral"}},
    ],
    ids=["a block", "the request"],
)
def test_a_marked_prefix_is_cached(client: "Anthropic", mark: Any) -> None:
    options = mark({"type": "text", "text": LONG})
    first = ask(client, "capital?", **options).usage
    answer = {"role": "assistant", "content": "Riga."}
    second = ask(client, "capital?", answer, "and the river?", **options).usage
    plain = ask(client, "capital?", answer, "and the river?", system=LONG).usage
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation_input_tokens > 1024
    assert second.cache_read_input_tokens > 1024
    total = second.input_tokens + second.cache_read_input_tokens
    assert total + second.cache_creation_input_tokens == plain.input_tokens
    assert plain.cache_read_input_tokens == plain.cache_creation_input_tokens == 0


def test_limits(client: "Anthropic") -> None:
    cut = ask(client, "capital?", max_tokens=3)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)


def test_faults(client: "Anthropic", server: ModelServer) -> None:
    import anthropic

    answered = len(server.usages)
    with pytest.raises(anthropic.InternalServerError, match=r"overloaded_error.*Overloaded"):
        ask(client, "busy?")
    assert ask(client, "busy?").content[0].text == "Now."
    with pytest.raises(anthropic.APIStatusError, match="Lost it"):
        list(ask(client, "breaks?", stream=True))
    assert len(server.usages) == answered + 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "claude-0"}, "The model 'claude-0' does not exist"),
        ({"max_tokens": 0}, "positive integer"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "tool", "content": ""}]}, "user or assistant"),
        ({"messages": [{"role": "user", "content": [3]}]}, "must be objects"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
            "must answer a call",
        ),
        ({"tools": [{}]}, "must have names"),
        ({"mcp_servers": [{}]}, "'mcp_servers' is not supported"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_bad_requests(server: ModelServer, options: dict[str, Any], problem: str) -> None:
    """Sent by hand: the client refuses some of them itself."""
    import httpx

    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
        **options,
    }
    answer = httpx.post(f"{server.url}/messages", json=body, headers={"x-api-key": "any"}).json()
    assert answer["type"] == "error"
    assert problem in answer["error"]["message"]


def test_the_limit_is_required_and_the_key(server: ModelServer) -> None:
    import httpx

    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(f"{server.url}/messages", json=body, headers={"x-api-key": "any"})
    assert "max_tokens" in answer.json()["error"]["message"]
    answer = httpx.post(f"{server.url}/messages", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
