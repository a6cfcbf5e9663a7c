"""OpenAI's Responses API, `/v1/responses`: input items in, output items out."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from belvedere.testing import openai_errors
from belvedere.testing.answer import Answer, ToolCall
from belvedere.testing.policy import ChatRequest, Fault, Message
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
from belvedere.testing.tokens import tokens, usage_of

_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "background": (None, False),
    "prompt": (None,),
}
_KEPT_RESPONSES: Final = 1000


class Responses:
    """The API, for `model_app`.

    It remembers the last 1,000 responses and conversations, for `previous_response_id` and
    `conversation`. A conversation begins with the first request that names it.
    """

    error = staticmethod(openai_errors.body)

    def __init__(self) -> None:
        self._past: OrderedDict[str, Sequence[Message]] = OrderedDict()

    def read(self, body: object, models: Sequence[str]) -> Asked:
        """Check a request.

        Raises:
            BadRequestError: if it is invalid, or this server does not implement what it asks for.
        """
        checked = checked_body(body, _SUPPORTED)
        text = checked.get("text")
        if isinstance(text, Mapping):
            _check_format(text.get("format"))
        tools = as_list(checked.get("tools"), "tools")
        if not all(isinstance(tool, Mapping) and "type" in tool for tool in tools):
            raise BadRequestError("'tools' must be a list of tools with types.", "tools")
        functions = [tool for tool in tools if tool["type"] == "function"]
        if not all(map(named, functions)):
            raise BadRequestError("'tools' must have names.", "tools")
        choice = checked.get("tool_choice")
        chat = ChatRequest(
            model=checked_model(checked, models),
            messages=self._messages(checked),
            tools=offered(map(named, functions), choice, named(choice)),
            body=checked,
        )
        return Asked(
            chat=chat,
            tools=tools,
            stream=bool(checked.get("stream")),
            max_output_tokens=checked_limit(checked, "max_output_tokens"),
            usage=usage_of(chat.messages, tools),
        )

    def whole(self, answer: Answer) -> Json:
        """Return the answer as one object."""
        self._remember(answer)
        status = "incomplete" if answer.is_cut else "completed"
        return _response(answer, status, _output(answer))

    def events(self, answer: Answer, fault: Fault | None) -> Iterator[str]:
        """Yield the stream: about one token per event.

        A `fault` breaks it off after its number of events.
        """
        numbers = count()
        for kind, data in self._events(answer):
            number = next(numbers)
            if fault and number == fault.after_chunks:
                error = openai_errors.body(fault)["error"]
                yield event({**error, "type": "error", "sequence_number": number}, "error")
                return
            yield event({"type": kind, "sequence_number": number, **data}, kind)

    def _events(self, answer: Answer) -> Iterator[tuple[str, Json]]:
        begun = {"response": _response(answer, "in_progress", [])}
        yield "response.created", begun
        yield "response.in_progress", begun
        for index, item in enumerate(_output(answer)):
            place = {"output_index": index}
            unfinished = {**item, **_UNFINISHED.get(item["type"], {})}
            yield "response.output_item.added", {**place, "item": unfinished}
            if item["type"] == "message":
                yield from _text_events(answer, {**place, "item_id": item["id"]})
            elif item["type"] == "function_call":
                yield from _argument_events(item, {**place, "item_id": item["id"]})
            yield "response.output_item.done", {**place, "item": item}
        kind = "response.incomplete" if answer.is_cut else "response.completed"
        yield kind, {"response": self.whole(answer)}

    def _messages(self, body: Mapping[str, Any]) -> Sequence[Message]:
        given = body.get("input")
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        new = _as_messages(as_list(items, "input"))
        before = [*self._before(body), *new]
        if not before:
            raise BadRequestError("You must provide an input.", "input")
        instructions = body.get("instructions")
        first = [{"role": "system", "content": instructions}] if instructions else []
        return checked_messages([*first, *before], "input")

    def _before(self, body: Mapping[str, Any]) -> Sequence[Message]:
        previous = body.get("previous_response_id")
        if previous is None:
            return self._past.get(_conversation(body), ())
        if previous not in self._past:
            param = "previous_response_id"
            raise BadRequestError(f"Previous response with id '{previous}' not found.", param)
        return self._past[previous]

    def _remember(self, answer: Answer) -> None:
        """Keep what was said, without the instructions: they are those of one request."""
        chat = answer.asked.chat
        if chat.body.get("store") is False:
            return
        messages = chat.messages[1 if chat.body.get("instructions") else 0 :]
        said = [*messages, *_as_messages(_output(answer))]
        for key in {f"resp_{answer.id}", _conversation(chat.body)} - {""}:
            self._past[key] = said
            self._past.move_to_end(key)
        while len(self._past) > _KEPT_RESPONSES:
            self._past.popitem(last=False)


_UNFINISHED: Final[Mapping[str, Json]] = {
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
}
"""Type of an item → what it has while it is streamed."""


def _check_format(form: object) -> None:
    if form is not None and form != {"type": "text"}:
        raise BadRequestError("'text.format' is not supported by this test server.", "text.format")


def _conversation(body: Mapping[str, Any]) -> str:
    """Return the id of the conversation; empty if there is none."""
    given = body.get("conversation")
    found = given.get("id") if isinstance(given, Mapping) else given
    return found if isinstance(found, str) else ""


def _as_messages(items: Sequence[Any]) -> list[Json]:
    """Return the messages that items are: what a model said at once is one message."""
    messages: list[Json] = []
    for index, item in enumerate(items):
        param = f"input[{index}]"
        if not isinstance(item, Mapping):
            raise BadRequestError(f"'{param}' must be an object.", param)
        match item.get("type", "message"):
            case "message":
                messages.append({"role": item.get("role"), "content": item.get("content")})
            case "function_call":
                last = messages[-1] if messages else {}
                if last.get("role") != "assistant":
                    last = {"role": "assistant", "content": None}
                    messages.append(last)
                function = {"name": item.get("name"), "arguments": item.get("arguments")}
                call = {"id": item.get("call_id"), "type": "function", "function": function}
                last.setdefault("tool_calls", []).append(call)
            case "function_call_output":
                answers = {"role": "tool", "tool_call_id": item.get("call_id")}
                messages.append({**answers, "content": item.get("output")})
            case "reasoning":
                pass
            case other:
                raise BadRequestError(
                    f"'{param}.type' {other!r} is not supported by this test server.", param
                )
    return messages


def _response(answer: Answer, status: str, output: list[Json]) -> Json:
    body = answer.asked.chat.body
    conversation = _conversation(body)
    usage = answer.usage
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": answer.asked.max_output_tokens,
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "conversation": {"id": conversation} if conversation else None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": list(answer.asked.tools),
        "top_p": body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None
        if status == "in_progress"
        else {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _output(answer: Answer) -> list[Json]:
    items: list[Json] = []
    if answer.usage.reasoning_tokens:
        items.append({"type": "reasoning", "id": f"rs_{answer.id}", "summary": []})
    if not answer.calls:
        part = _part("".join(answer.text))
        status = "incomplete" if answer.is_cut else "completed"
        items.append(
            {
                "type": "message",
                "id": f"msg_{answer.id}",
                "status": status,
                "role": "assistant",
                "content": [part],
            }
        )
    return [*items, *map(_function_call, answer.calls)]


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _function_call(call: ToolCall) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{call.id}",
        "call_id": f"call_{call.id}",
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def _text_events(answer: Answer, place: Json) -> Iterator[tuple[str, Json]]:
    place = {**place, "content_index": 0}
    text = "".join(answer.text)
    yield "response.content_part.added", {**place, "part": _part("")}
    for piece in answer.text:
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": _part(text)}


def _argument_events(item: Json, place: Json) -> Iterator[tuple[str, Json]]:
    for piece in tokens(item["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": piece}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield "response.function_call_arguments.done", {**place, **done}
