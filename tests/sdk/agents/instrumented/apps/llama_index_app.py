"""An agent of LlamaIndex's, with a model class of its own: LlamaIndex's requires openai 2."""

import asyncio
import json
import sys
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from openai import AsyncOpenAI

import belvedere


class Model(FunctionCallingLLM):
    """OpenAI's chat completions, as far as an agent needs them."""

    url: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    async def achat(self, messages: Any, **options: Any) -> ChatResponse:
        said = [
            {"role": m.role.value, "content": m.content} | m.additional_kwargs for m in messages
        ]
        client = AsyncOpenAI(base_url=self.url, api_key="any")
        answer = await client.chat.completions.create(
            model="gpt-4o-mini", messages=said, tools=options["tools"]
        )
        message = answer.choices[0].message
        calls = [call.model_dump() for call in message.tool_calls or ()]
        given = {"additional_kwargs": {"tool_calls": calls}} if calls else {}
        return ChatResponse(
            message=ChatMessage(role="assistant", content=message.content, **given), raw=answer
        )

    def _prepare_chat_with_tools(self, tools: Any, chat_history: Any = None, **_: Any) -> Any:
        specs = [tool.metadata.to_openai_tool() for tool in tools]
        return {"messages": chat_history or [], "tools": specs}

    def get_tool_calls_from_response(self, response: Any, **_: Any) -> list[ToolSelection]:
        return [
            ToolSelection(
                tool_id=call["id"],
                tool_name=call["function"]["name"],
                tool_kwargs=json.loads(call["function"]["arguments"]),
            )
            for call in response.message.additional_kwargs.get("tool_calls", ())
        ]

    def _unused(self, *_: Any, **__: Any) -> CompletionResponse:
        raise NotImplementedError

    chat = complete = stream_chat = stream_complete = _unused
    acomplete = astream_chat = astream_complete = _unused


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def main() -> None:
    agent = FunctionAgent(
        name="guide", tools=[weather], llm=Model(url=f"{sys.argv[1]}/v1"), streaming=False
    )
    print(await agent.run("weather?"))


belvedere.init(instrument=sys.argv[2:])
asyncio.run(main())
