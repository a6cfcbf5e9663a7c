"""langchain inside and around runs of ours, its instrumentor and openai's active."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from belvedere.sdk.agents import agent, model_call, retrieval, tool

if TYPE_CHECKING:  # seconds to import, for each process that only collects the tests
    from langchain_core.tools import BaseTool
    from langchain_openai import ChatOpenAI


@pytest.fixture
def model(model_url: str, instrumented: Callable[..., None]) -> "ChatOpenAI":
    from langchain_openai import ChatOpenAI

    instrumented("langchain", "openai")
    return ChatOpenAI(
        base_url=model_url,
        api_key=SecretStr("any"),
        model="gpt-4o-mini",
        max_retries=0,
        stream_usage=True,
    )


@pytest.fixture
def weather() -> "BaseTool":
    from langchain_core.tools import tool as langchain_tool

    @langchain_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        if city == "Atlantis":
            raise LookupError(city)
        return f"sunny in {city}"

    return weather


def scopes(recorded: Any) -> list[str]:
    return [span.instrumentation_scope.name.rpartition(".")[2] for span in recorded.spans]


def counted(recorded: Any, name: str) -> int:
    return sum(point.count for point in recorded.points(name))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_call_through_two_instrumented_libraries_is_recorded_once(
    model: "ChatOpenAI", recorded: Any, *, streamed: bool
) -> None:
    with model_call("gpt-4o-mini"):
        assert list(model.stream("hello")) if streamed else model.invoke("hello")
    assert scopes(recorded) == ["agents"]
    assert recorded.faults == 0
    found = recorded.attributes
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.response.id"].startswith("chatcmpl-")
    assert counted(recorded, "gen_ai.client.operation.duration") == 1
    (read,) = [
        point.sum
        for point in recorded.points("gen_ai.client.token.usage")
        if point.attributes["gen_ai.token.type"] == "input"
    ]
    assert read == found["gen_ai.usage.input_tokens"]


def test_a_tool_in_a_run_of_it_is_recorded_once(
    model: "ChatOpenAI", weather: "BaseTool", recorded: Any
) -> None:
    with tool("weather"):
        weather.invoke({"city": "Riga"})
    assert scopes(recorded) == ["agents"]
    assert recorded.span.name == "execute_tool weather"
    assert recorded.attributes["gen_ai.tool.description"] == "The weather of a city."


def test_a_second_execution_is_a_span_of_its_own(
    model: "ChatOpenAI", weather: "BaseTool", recorded: Any
) -> None:
    with tool("weather"):
        weather.invoke({"city": "Riga"})
        weather.invoke({"city": "Riga"})
    assert scopes(recorded) == ["langchain", "agents"]


def test_another_tool_is_another_execution(
    model: "ChatOpenAI", weather: "BaseTool", recorded: Any
) -> None:
    with tool("forecast"):
        weather.invoke({"city": "Riga"})
    assert scopes(recorded) == ["langchain", "agents"]


def test_a_tool_that_fails_is_one_error(
    model: "ChatOpenAI", weather: "BaseTool", recorded: Any
) -> None:
    with pytest.raises(LookupError), tool("weather"):
        weather.invoke({"city": "Atlantis"})
    assert scopes(recorded) == ["agents"]
    assert not recorded.span.status.is_ok
    assert recorded.attributes["error.type"] == "LookupError"


def test_a_tool_with_both_decorators_is_recorded_once(model: "ChatOpenAI", recorded: Any) -> None:
    from langchain_core.tools import tool as langchain_tool

    @langchain_tool
    @tool
    def decorated_twice(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    assert decorated_twice.invoke({"city": "Riga"}) == "sunny in Riga"
    assert scopes(recorded) == ["langchain"]
    assert recorded.span.name == "execute_tool decorated_twice"
    assert recorded.attributes["gen_ai.tool.type"] == "function"


def test_an_agent_in_a_run_of_it_is_recorded_once(
    model: "ChatOpenAI", weather: "BaseTool", recorded: Any
) -> None:
    from langchain.agents import create_agent

    made = create_agent(model, [weather], name="assistant")
    with agent("assistant"):
        made.invoke({"messages": [{"role": "user", "content": "hello"}]})
    names = [span.name for span in recorded.spans]
    assert names.count("invoke_agent assistant") == 1
    assert names.count("chat gpt-4o-mini") == 1
    assert recorded.faults == 0


def test_a_retrieval_is_recorded_once(model: "ChatOpenAI", recorded: Any) -> None:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Library(BaseRetriever):
        """Finds one document."""

        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [Document(page_content=query)]

    with retrieval("library"):
        assert Library().invoke("towers")
    assert [span.name for span in recorded.spans] == ["retrieval library"]
