"""The instrumentors of client libraries, activated as `belvedere.init` does it, and what they call.

The provider of the spans is the stock SDK's: it is joined, as where an application has set up its
own.
"""

import json
import math
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from serving import serving

from belvedere.sdk.instrument.activate import activate
from belvedere.sdk.providers import Providers
from belvedere.testing import Fault, ModelServer, Scenario


@pytest.fixture
def instrumented(recorded: Any) -> Iterator[Callable[..., None]]:
    """`instrumented("openai")` activates instrumentors until the test ends."""
    undone: list[Callable[[], None]] = []

    def start(*names: str) -> None:
        all_three = (recorded.tracer_provider, recorded.meter_provider, recorded.logger_provider)
        states, undo = activate(names, Providers(*all_three, frozenset()))
        undone.append(undo)
        assert {name: states[name] for name in names} == dict.fromkeys(names, "activated")

    yield start
    for undo in undone:
        undo()


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """A server that speaks the OpenAI API; the question "fail" fails."""
    failing = Scenario("fail", fault=Fault(status=500, times=1_000_000))
    with ModelServer([failing], speed=math.inf) as server:
        yield server.url


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-1",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 7},
}


def _events() -> Iterator[dict[str, Any]]:
    begun = {**MESSAGE, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for text in ("Hel", "lo."):
        delta = {"type": "text_delta", "text": text}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    usage = MESSAGE["usage"]
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    yield {"type": "message_stop"}


@pytest.fixture(scope="module")
def messages_url() -> Iterator[str]:
    """A server that speaks Anthropic's Messages API as far as the tests need it: one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fails = asked["messages"][-1]["content"] == "fail"
            kind, body = "application/json", json.dumps(MESSAGE)
            if fails:
                body = json.dumps({"type": "error", "error": {"type": "api_error", "message": "x"}})
            elif asked.get("stream"):
                kind = "text/event-stream"
                body = "".join(
                    f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events()
                )
            self.send_response(500 if fails else 200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        yield url
