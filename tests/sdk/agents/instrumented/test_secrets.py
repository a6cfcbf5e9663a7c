"""Secrets in what models are asked and answer, in tools and in errors; none is exported."""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from secret_samples import SECRETS, leaked, texts_with_secrets
from serving import serving

import belvedere

PIECE = 7
"""Characters in a chunk of a streamed answer: every secret is longer."""
CALL = {"id": "call_1", "type": "function"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def _chat(text: str) -> dict[str, Any]:
    function = {"name": "look_up", "arguments": json.dumps({"about": text})}
    call = {**CALL, "function": function}
    message = {"role": "assistant", "content": text, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return {**_CHAT, "object": "chat.completion", "choices": [choice], "usage": USAGE}


_CHAT = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini"}


def _chat_chunks(text: str) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {**_CHAT, "object": "chat.completion.chunk", "choices": choices}

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(text):
        yield chunk({"content": piece})
    yield chunk({"tool_calls": [{**CALL, "index": 0, "function": {"name": "look_up"}}]})
    for piece in _pieces(json.dumps({"about": text})):
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls")
    yield {**_CHAT, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}


def _response(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up"}
    usage = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-4o-mini",
        "status": "completed",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": [
            {**message, "content": content},
            {**call, "arguments": json.dumps({"about": text}), "status": "completed"},
        ],
        "usage": {
            **usage,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _response_events(text: str) -> Iterator[dict[str, Any]]:
    begun = {**_response(text), "output": [], "status": "in_progress", "usage": None}
    yield {"type": "response.created", "response": begun, "sequence_number": 0}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    for number, piece in enumerate(_pieces(text), 1):
        delta = {"type": "response.output_text.delta", "delta": piece, "sequence_number": number}
        yield {**place, **delta}
    yield {"type": "response.completed", "response": _response(text), "sequence_number": 99}


def _message(text: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-1",
        "content": [
            {"type": "text", "text": text},
            {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"about": text}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }


def _message_events(text: str) -> Iterator[dict[str, Any]]:
    whole = _message(text)
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    blocks = [
        ({"type": "text", "text": ""}, "text_delta", "text", text),
        ({**whole["content"][1], "input": {}}, "input_json_delta", "partial_json",
         json.dumps({"about": text})),
    ]  # fmt: skip
    for index, (block, kind, field, content) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for piece in _pieces(content):
            delta = {"type": kind, field: piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def _embedding(_: str) -> dict[str, Any]:
    data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}


ANSWERS: dict[str, tuple[Callable[[str], Any], Callable[[str], Iterator[Any]] | None]] = {
    "/chat/completions": (_chat, _chat_chunks),
    "/responses": (_response, _response_events),
    "/embeddings": (_embedding, None),
    "/v1/messages": (_message, _message_events),
}


def _asked_text(asked: dict[str, Any]) -> str:
    said = asked.get("messages", asked.get("input"))
    last = said[-1] if isinstance(said, list) else said
    return last["content"] if isinstance(last, dict) else last


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """A model of three APIs that answers with the question, and refuses some."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = str(_asked_text(asked))
            answer, stream = ANSWERS[self.path]
            kind, status = "application/json", 200
            if text.startswith("refuse"):
                status = 400
                error = {"type": "invalid_request_error", "message": f"cannot read {text}"}
                body = json.dumps({"type": "error", "error": error})
            elif asked.get("stream") and stream is not None:
                kind = "text/event-stream"
                body = "".join(
                    f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                    if "type" in event
                    else f"data: {json.dumps(event)}\n\n"
                    for event in stream(text)
                )
                body += "data: [DONE]\n\n" if self.path == "/chat/completions" else ""
            else:
                body = json.dumps(answer(text))
            encoded = body.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        yield url


# What an application does with a text, through each instrumentor.


def openai_calls(url: str) -> Iterator[Callable[[str], Any]]:
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key=SECRETS["openai key"][0], max_retries=0)
    schema = {"type": "object", "properties": {"about": {"type": "string"}}}

    def asked(text: str) -> dict[str, Any]:
        call = {**CALL, "function": {"name": "look_up", "arguments": json.dumps({"q": text})}}
        messages = [
            {"role": "system", "content": text},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"found": text})},
            {"role": "user", "content": text},
        ]
        function = {"name": "look_up", "description": text, "parameters": schema}
        tools = [{"type": "function", "function": function}]
        return {"model": "gpt-4o-mini", "messages": messages, "tools": tools}

    chat, responses = client.chat.completions, client.responses
    yield lambda text: chat.create(**asked(text))
    yield lambda text: list(chat.create(**asked(text), stream=True))
    yield lambda text: chat.create(**asked(f"refuse {text}"))
    yield lambda text: responses.create(model="gpt-4o-mini", instructions=text, input=text)
    yield lambda text: list(responses.create(model="gpt-4o-mini", input=text, stream=True))
    yield lambda text: responses.create(model="gpt-4o-mini", input=f"refuse {text}")
    yield lambda text: client.embeddings.create(model="text-embedding-3-small", input=[text])
    yield lambda text: client.embeddings.create(
        model="text-embedding-3-small", input=["refuse " + text]
    )


def anthropic_calls(url: str) -> Iterator[Callable[[str], Any]]:
    from anthropic import Anthropic

    client = Anthropic(base_url=url, api_key=SECRETS["anthropic key"][0], max_retries=0)

    def asked(text: str) -> dict[str, Any]:
        tool = {"name": "look_up", "description": text, "input_schema": {"type": "object"}}
        messages = [{"role": "user", "content": text}]
        return {
            "model": "claude-sonnet-5-1",
            "max_tokens": 9,
            "system": text,
            "messages": messages,
            "tools": [tool],
        }

    yield lambda text: client.messages.create(**asked(text))
    yield lambda text: list(client.messages.create(**asked(text), stream=True))
    yield lambda text: client.messages.create(**asked(f"refuse {text}"))


def langchain_calls(url: str) -> Iterator[Callable[[str], Any]]:
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    key: Any = SECRETS["openai key"][0]
    model = ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key=key, max_retries=0)

    @tool
    def look_up(about: str) -> str:
        """Look something up."""
        if about.startswith("refuse"):
            raise ValueError(about)
        return f"found {about}"

    chain = ChatPromptTemplate.from_messages([("user", "{about}")]) | model
    yield lambda text: chain.invoke({"about": text})
    yield lambda text: list(chain.stream({"about": text}))
    yield lambda text: chain.invoke({"about": f"refuse {text}"})
    yield lambda text: look_up.invoke({"about": text})
    yield lambda text: look_up.invoke({"about": f"refuse {text}"})


def own_calls(_: str) -> Iterator[Callable[[str], Any]]:
    @belvedere.tool
    def look_up(about: str, deep: dict[str, Any]) -> dict[str, Any]:
        if about.startswith("refuse"):
            raise ValueError(about)
        return {"found": about, **deep}

    def ask(text: str) -> None:
        with belvedere.agent("a"), belvedere.model_call("gpt-4o-mini") as call:
            call.input([{"role": "user", "content": text}])
            list(call.stream(iter(_pieces(text))))

    def look(text: str) -> None:
        with belvedere.workflow("w"), belvedere.retrieval("r") as found:
            found.query(text)
            found.documents([{"id": "1", "content": text}])

    def log(text: str) -> None:
        try:
            look_up(f"refuse {text}", {})
        except ValueError:
            logging.getLogger("app").exception("failed: %s", text, extra={"asked": text})
        belvedere.get_logger().warning(text, asked={"by": [text]})

    yield lambda text: look_up(text, {"deep": [text]})
    yield lambda text: look_up(f"refuse {text}", {})
    yield ask
    yield look
    yield log


FAMILIES = {
    "openai": openai_calls,
    "anthropic": anthropic_calls,
    "langchain": langchain_calls,
    "ours": own_calls,
}


@pytest.mark.parametrize("capture", [True, False], ids=["content on", "content off"])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_secret_is_exported(family: str, receiver: Any, echo_url: str, *, capture: bool) -> None:
    telemetry = belvedere.init(
        "secrets",
        endpoint=receiver.endpoint,
        protocol="http",
        instrument=["openai", "anthropic", "langchain", "httpx"],
        capture_content=capture,
        max_content_bytes=700,
        batch_size=64,
    )
    operations = list(FAMILIES[family](echo_url))

    @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(text=texts_with_secrets(repeats=(0, 1, 12)))
    def use(text: str) -> None:
        for operation in operations:
            with contextlib.suppress(Exception):
                operation(text)

    try:
        use()
        assert telemetry.force_flush(20)
    finally:
        telemetry.shutdown(10)
    sent = {
        signal: b"".join(request.SerializeToString() for request in requests)
        for signal, requests in receiver.requests.items()
    }
    assert len(receiver.spans) >= len(operations) - 2
    assert {signal: leaked(encoded) for signal, encoded in sent.items()} == {
        "traces": [],
        "metrics": [],
        "logs": [],
    }
    redacted = b"gen_ai.input.messages" in sent["traces"] or b".arguments" in sent["traces"]
    assert redacted is capture
