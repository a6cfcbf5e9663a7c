"""Calls of openai's client inside runs of ours, its instrumentor active: each recorded once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, InternalServerError, OpenAI

from belvedere.sdk.agents import agent, capture_variables, content, context, model_call

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
FAIL: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "fail"}]}
STREAM: dict[str, Any] = {**ASK, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def client(model_url: str, instrumented: Callable[..., None]) -> Iterator[OpenAI]:
    instrumented("openai")
    with OpenAI(base_url=model_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture
async def aclient(model_url: str, instrumented: Callable[..., None]) -> AsyncIterator[AsyncOpenAI]:
    instrumented("openai")
    async with AsyncOpenAI(base_url=model_url, api_key="any", max_retries=0) as made:
        yield made


def counted(recorded: Any, name: str) -> int:
    """Measurements of a metric, of all instrumentation scopes together."""
    return sum(point.count for point in recorded.points(f"gen_ai.client.{name}"))


def assert_recorded_once(recorded: Any) -> dict[str, Any]:
    """One span, ours, with what the instrumentor knows; one set of metrics."""
    assert recorded.span.name == "chat gpt-4o-mini"
    assert recorded.span.instrumentation_scope.name == "belvedere.agents"
    assert recorded.faults == 0
    found: dict[str, Any] = recorded.attributes
    assert found["gen_ai.response.id"].startswith("chatcmpl-")
    assert found["gen_ai.response.model"] == "gpt-4o-mini"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["gen_ai.provider.name"] == "openai"
    assert found["server.address"] == "127.0.0.1"
    assert found["gen_ai.usage.input_tokens"] > 0 < found["gen_ai.usage.output_tokens"]
    assert "gen_ai.usage.audio.input_tokens" not in found
    assert counted(recorded, "operation.duration") == 1
    assert counted(recorded, "token.usage") == 2
    return found


# Ways to call, each a whole program.


def with_block(client: OpenAI) -> None:
    with model_call("gpt-4o-mini"):
        client.chat.completions.create(**ASK)


def without_a_name(client: OpenAI) -> None:
    with model_call():
        client.chat.completions.create(**ASK)


def response_told(client: OpenAI) -> None:
    with model_call("gpt-4o-mini") as call:
        call.response(client.chat.completions.create(**ASK))


def decorated(client: OpenAI) -> None:
    model_call("gpt-4o-mini")(lambda: client.chat.completions.create(**ASK))()


def stream_read_inside(client: OpenAI) -> None:
    with model_call("gpt-4o-mini"):
        list(client.chat.completions.create(**STREAM))


def stream_told(client: OpenAI) -> None:
    with model_call("gpt-4o-mini") as call:
        list(call.stream(client.chat.completions.create(**STREAM)))


def stream_read_after(client: OpenAI) -> None:
    with model_call("gpt-4o-mini"):
        stream = client.chat.completions.create(**STREAM)
    list(stream)


def stream_returned(client: OpenAI) -> None:
    list(model_call("gpt-4o-mini")(lambda: client.chat.completions.create(**STREAM))())


def generator(client: OpenAI) -> None:
    @model_call("gpt-4o-mini")
    def chunks() -> Iterator[Any]:
        yield from client.chat.completions.create(**STREAM)

    list(chunks())


def failed_and_tried_again(client: OpenAI) -> None:
    with model_call("gpt-4o-mini"):
        try:
            client.chat.completions.create(**FAIL)
        except InternalServerError:
            client.chat.completions.create(**ASK)


WAYS = [
    with_block,
    without_a_name,
    response_told,
    decorated,
    stream_read_inside,
    stream_told,
    stream_read_after,
    stream_returned,
    generator,
    failed_and_tried_again,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_call_is_recorded_once(
    way: Callable[[OpenAI], None], client: OpenAI, recorded: Any
) -> None:
    way(client)
    found = assert_recorded_once(recorded)
    assert recorded.span.status.is_ok
    streamed = "stream" in way.__name__ or way is generator
    assert found.get("gen_ai.request.stream", False) is streamed
    assert ("gen_ai.response.time_to_first_chunk" in found) is streamed
    assert counted(recorded, "operation.time_to_first_chunk") == streamed


async def test_an_asynchronous_call_is_recorded_once(aclient: AsyncOpenAI, recorded: Any) -> None:
    @model_call("gpt-4o-mini")
    async def ask() -> Any:
        return await aclient.chat.completions.create(**ASK)

    await ask()
    assert_recorded_once(recorded)


async def test_an_asynchronous_stream_is_recorded_once(aclient: AsyncOpenAI, recorded: Any) -> None:
    @model_call("gpt-4o-mini")
    async def ask() -> AsyncIterator[Any]:
        async for chunk in await aclient.chat.completions.create(**STREAM):
            yield chunk

    assert [chunk async for chunk in ask()]
    assert_recorded_once(recorded)


def test_outside_a_run_the_instrumentor_records(client: OpenAI, recorded: Any) -> None:
    client.chat.completions.create(**ASK)
    assert recorded.span.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
    assert counted(recorded, "operation.duration") == 1


def test_an_error_is_recorded_once(client: OpenAI, recorded: Any) -> None:
    with pytest.raises(InternalServerError), model_call("gpt-4o-mini"):
        client.chat.completions.create(**FAIL)
    assert not recorded.span.status.is_ok
    assert recorded.attributes["error.type"] == "openai.InternalServerError"
    assert len(recorded.span.events) == 1
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    assert (duration.count, duration.attributes["error.type"]) == (1, "openai.InternalServerError")


def test_an_error_that_the_application_catches_is_the_calls_while_nothing_answers(
    client: OpenAI, recorded: Any
) -> None:
    with model_call("gpt-4o-mini"), contextlib.suppress(InternalServerError):
        client.chat.completions.create(**FAIL)
    assert recorded.attributes["error.type"] == "openai.InternalServerError"
    assert not recorded.span.status.is_ok


def test_an_answer_from_elsewhere_is_an_answer(client: OpenAI, recorded: Any) -> None:
    with model_call("gpt-4o-mini") as call:
        try:
            client.chat.completions.create(**FAIL)
        except InternalServerError:
            call.response("from the cache", id="cached-1")
    assert recorded.span.status.is_ok


def test_after_the_answer_another_call_is_a_span_of_its_own(client: OpenAI, recorded: Any) -> None:
    with model_call("gpt-4o-mini"):
        client.chat.completions.create(**ASK)
        client.chat.completions.create(**ASK)
    second, first = recorded.spans
    assert first.instrumentation_scope.name == "belvedere.agents"
    assert second.parent.span_id == first.context.span_id
    assert counted(recorded, "operation.duration") == 2
    assert counted(recorded, "token.usage") == 4


async def test_calls_side_by_side_are_one_and_their_tokens_add_up(
    aclient: AsyncOpenAI, recorded: Any
) -> None:
    other = {**ASK, "messages": [{"role": "user", "content": "a longer question, the second"}]}
    answers = []
    async with model_call("gpt-4o-mini"):
        answers = await asyncio.gather(
            aclient.chat.completions.create(**ASK), aclient.chat.completions.create(**other)
        )
    usages = [answer.usage for answer in answers if answer.usage]
    found = recorded.attributes
    assert found["gen_ai.usage.input_tokens"] == sum(usage.prompt_tokens for usage in usages)
    assert found["gen_ai.usage.output_tokens"] == sum(usage.completion_tokens for usage in usages)


def test_an_agent_in_a_call_makes_calls_of_its_own(client: OpenAI, recorded: Any) -> None:
    with model_call("router"), agent("inner"):
        client.chat.completions.create(**ASK)
    call, inner, router = recorded.spans
    assert [inner.name, router.name] == ["invoke_agent inner", "chat router"]
    assert call.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
    assert call.parent.span_id == inner.context.span_id
    assert "gen_ai.response.id" not in router.attributes


def test_a_call_in_a_call_has_the_answer(client: OpenAI, recorded: Any) -> None:
    with model_call("router"), model_call("gpt-4o-mini"):
        client.chat.completions.create(**ASK)
    inner, outer = recorded.spans
    assert "gen_ai.response.id" in inner.attributes
    assert "gen_ai.response.id" not in outer.attributes


def test_an_abandoned_stream_ends_its_span(client: OpenAI, recorded: Any) -> None:
    with model_call("gpt-4o-mini"):
        stream = client.chat.completions.create(**STREAM)
        next(iter(stream))
    assert not recorded.spans
    del stream
    assert recorded.span.name == "chat gpt-4o-mini"


def test_what_the_application_says_precedes(client: OpenAI, recorded: Any) -> None:
    with context(conversation_id="c-1"), model_call("alias", provider="gateway") as call:
        client.chat.completions.create(**ASK, temperature=0.5)
        call.usage(output_tokens=1)
    assert recorded.span.name == "chat alias"
    found = recorded.attributes
    assert found["gen_ai.request.model"] == "alias"
    assert found["gen_ai.provider.name"] == "gateway"
    assert found["gen_ai.conversation.id"] == "c-1"
    assert found["gen_ai.usage.output_tokens"] == 1
    assert found["gen_ai.usage.input_tokens"] > 1
    assert found["gen_ai.request.temperature"] == 0.5


def test_requests_below_are_children_of_the_call(
    client: OpenAI, recorded: Any, instrumented: Callable[..., None]
) -> None:
    instrumented("httpx2")  # openai speaks through it
    with OpenAI(base_url=str(client.base_url), api_key="any") as other, model_call("gpt-4o-mini"):
        other.chat.completions.create(**ASK)
    request, call = recorded.spans
    assert (request.name, call.name) == ("POST", "chat gpt-4o-mini")
    assert request.parent.span_id == call.context.span_id


@pytest.mark.parametrize("variable", ["SPAN_ONLY", "NO_CONTENT", "EVENT_ONLY"])
@pytest.mark.parametrize("ours", [True, False], ids=["captured", "not captured"])
def test_content_is_recorded_if_we_capture_it_and_redacted(
    monkeypatch: pytest.MonkeyPatch,
    model_url: str,
    recorded: Any,
    instrumented: Callable[..., None],
    variable: str,
    *,
    ours: bool,
) -> None:
    monkeypatch.setenv(capture_variables.CAPTURE, variable)
    undo = content.configure(capture_content=ours)
    instrumented("openai")
    question = {"role": "user", "content": "I am joe@example.com"}
    with OpenAI(base_url=model_url, api_key="any") as client, model_call("gpt-4o-mini"):
        client.chat.completions.create(model="gpt-4o-mini", messages=[question])  # type: ignore[list-item] # a message as the API has it
    undo()
    found = recorded.attributes
    assert ("gen_ai.output.messages" in found) is ours
    asked = found.get("gen_ai.input.messages", "")
    assert ("I am" in asked) is ours
    assert "joe@example.com" not in asked
