"""A response that comes in chunks: what they say, put together."""

from belvedere.sdk.agents import messages, shapes
from belvedere.sdk.agents.plain import BORDER
from belvedere.sdk.agents.response import (
    Response,
    anthropic_usage,
    openai_usage,
    provider,
    read,
)
from belvedere.sdk.agents.shapes import count, text


class StreamedResponse:
    """Collects chunks of OpenAI's completions, events of its responses and of Anthropic, texts.

    Other chunks are let pass.

    Args:
        max_characters: How much of the answer's text and arguments is kept; 0 keeps none.
    """

    def __init__(self, max_characters: int) -> None:
        self._room = max_characters
        self._cut: set[int] = set()
        self._found: Response | None = None
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, object]] = {}
        self._arguments: dict[int, list[str]] = {}

    def add(self, chunk: object) -> None:
        if isinstance(chunk, str):
            self._keep(self._texts, chunk)
            return
        if isinstance(shapes.field(chunk, "choices"), list):
            self._chat(chunk)
            return
        kind = text(chunk, "type")
        if kind is None:
            return
        if kind.startswith("response."):
            self._whole(chunk, shapes.field(chunk, "response"))
        elif kind == "message_start":
            self._whole(chunk, shapes.field(chunk, "message"))
        elif self._found is not None:
            self._anthropic(kind, chunk, self._found)

    def response(self) -> Response | None:
        """What was found so far, or `None` if no chunk said anything."""
        found = self._found
        if found is None and self._texts:
            found = Response()
        if found is not None and (self._texts or self._calls or self._reasoning):
            found.answer = self._answer
        return found

    def _keep(self, pieces: list[str], piece: object) -> None:
        if not isinstance(piece, str):
            return
        if self._room > 0:
            self._room -= len(piece)
            pieces.append(piece)
        else:
            self._cut.add(id(pieces))

    def _joined(self, pieces: list[str]) -> str:
        """The text; of one that was cut, without the end, where a part of a secret may stand."""
        text = "".join(pieces)
        return f"{text[:-BORDER]}…[cut]" if id(pieces) in self._cut else text

    def _whole(self, chunk: object, value: object) -> None:
        """An event that carries the response so far (or all of it, at the end)."""
        response = None if value is None else read(value)
        if response is not None:
            response.provider = provider(chunk)
            self._found = response

    def _chat(self, chunk: object) -> None:
        found = self._found = self._found or Response(provider=provider(chunk))
        found.id = text(chunk, "id") or found.id
        found.model = text(chunk, "model") or found.model
        found.usage.update(openai_usage(shapes.field(chunk, "usage")))
        for choice in shapes.field(chunk, "choices"):
            if reason := text(choice, "finish_reason"):
                found.finish_reasons.append(reason)
            delta = shapes.field(choice, "delta")
            if count(choice, "index") in {0, None}:  # of several candidates the first is kept
                self._keep(self._texts, shapes.field(delta, "content"))
                for call in shapes.field(delta, "tool_calls") or ():
                    function = shapes.field(call, "function")
                    self._call(count(call, "index") or 0, text(call, "id"), text(function, "name"))
                    self._argument(count(call, "index") or 0, text(function, "arguments"))

    def _call(self, index: int, call_id: str | None, name: str | None) -> None:
        call = self._calls.setdefault(index, {"id": None, "name": None})
        call["id"] = call_id or call["id"]
        call["name"] = name or call["name"]

    def _argument(self, index: int, piece: str | None) -> None:
        self._keep(self._arguments.setdefault(index, []), piece)

    def _anthropic(self, kind: str, event: object, found: Response) -> None:
        if kind == "message_delta":
            found.usage.update(anthropic_usage(shapes.field(event, "usage")))
            if reason := text(shapes.field(event, "delta"), "stop_reason"):
                found.finish_reasons = [reason]
        elif kind == "content_block_start":
            block = shapes.field(event, "content_block")
            if text(block, "type") == "tool_use":
                self._call(count(event, "index") or 0, text(block, "id"), text(block, "name"))
        elif kind == "content_block_delta":
            delta = shapes.field(event, "delta")
            self._keep(self._texts, shapes.field(delta, "text"))
            self._keep(self._reasoning, shapes.field(delta, "thinking"))
            self._argument(count(event, "index") or 0, text(delta, "partial_json"))

    def _answer(self) -> list[object]:
        content: list[object] = []
        if self._reasoning:
            content.append({"type": "reasoning", "content": self._joined(self._reasoning)})
        if self._texts:
            content.append({"type": "text", "text": self._joined(self._texts)})
        calls = [
            {
                "id": call["id"],
                "function": {
                    "name": call["name"],
                    "arguments": self._joined(self._arguments.get(index, [])),
                },
            }
            for index, call in sorted(self._calls.items())
        ]
        reasons = self._found.finish_reasons if self._found else []
        whole = {"role": "assistant", "content": content, "tool_calls": calls}
        return [messages.message(whole, "assistant", reasons[0] if reasons else "stop")]
