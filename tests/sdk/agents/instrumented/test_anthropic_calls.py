"""Calls of anthropic's client inside runs of ours, its instrumentor active: each recorded once.

The client is the real one; the service is a local server that speaks its Messages API.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from belvedere.sdk.agents import model_call

if TYPE_CHECKING:  # seconds to import, for each process that only collects the tests
    from anthropic import Anthropic

ASK: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


@pytest.fixture
def client(messages_url: str, instrumented: Callable[..., None]) -> Iterator["Anthropic"]:
    from anthropic import Anthropic

    instrumented("anthropic")
    with Anthropic(base_url=messages_url, api_key="any", max_retries=0) as made:
        yield made


def whole(client: "Anthropic") -> None:
    client.messages.create(**ASK)


def streamed(client: "Anthropic") -> None:
    list(client.messages.create(**ASK, stream=True))


def stream_manager(client: "Anthropic") -> None:
    with client.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "Hello."


def assert_recorded_once(recorded: Any) -> None:
    assert recorded.span.name == "chat claude-sonnet-5"
    assert recorded.span.instrumentation_scope.name == "belvedere.agents"
    assert recorded.faults == 0
    expected = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.model": "claude-sonnet-5-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
    }
    assert {key: recorded.attributes.get(key) for key in expected} == expected
    for name, count in (("operation.duration", 1), ("token.usage", 2)):
        assert sum(p.count for p in recorded.points(f"gen_ai.client.{name}")) == count


@pytest.mark.parametrize("way", [whole, streamed, stream_manager], ids=lambda way: way.__name__)
def test_a_call_is_recorded_once(
    way: Callable[["Anthropic"], None], client: "Anthropic", recorded: Any
) -> None:
    with model_call("claude-sonnet-5"):
        way(client)
    assert_recorded_once(recorded)


async def test_an_asynchronous_call_is_recorded_once(
    messages_url: str, instrumented: Callable[..., None], recorded: Any
) -> None:
    from anthropic import AsyncAnthropic

    instrumented("anthropic")
    made = AsyncAnthropic(base_url=messages_url, api_key="any")
    async with made as client, model_call("claude-sonnet-5"):
        await client.messages.create(**ASK)
    assert_recorded_once(recorded)


def test_an_error_is_recorded_once(client: "Anthropic", recorded: Any) -> None:
    from anthropic import InternalServerError

    failing = {**ASK, "messages": [{"role": "user", "content": "fail"}]}
    with pytest.raises(InternalServerError), model_call("claude-sonnet-5"):
        client.messages.create(**failing)
    assert recorded.attributes["error.type"] == "anthropic.InternalServerError"
    assert not recorded.span.status.is_ok
