"""Messages as the model clients have them → the GenAI conventions' `role` and `parts`.

Follows the conventions' input and output message schemas. What is not recognised is kept as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from belvedere.sdk.agents.plain import parsed
from belvedere.sdk.agents.shapes import field, fields

FINISH_REASONS = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "refusal": "content_filter",
}
"""A client's reason → the one of the output message schema. Others are kept."""


def _text(text: object) -> dict[str, object]:
    return {"type": "text", "content": text}


def _tool_call(call_id: object, name: object, arguments: object) -> dict[str, object]:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": parsed(arguments)}


def _tool_response(call_id: object, response: object) -> dict[str, object]:
    return {"type": "tool_call_response", "id": call_id, "response": parsed(response)}


_PARTS: Mapping[str, Callable[[object], dict[str, object]]] = {
    "text": lambda part: _text(field(part, "text")),
    "input_text": lambda part: _text(field(part, "text")),
    "output_text": lambda part: _text(field(part, "text")),
    "thinking": lambda part: {"type": "reasoning", "content": field(part, "thinking")},
    "tool_use": lambda part: _tool_call(
        field(part, "id"), field(part, "name"), field(part, "input")
    ),
    "function_call": lambda part: _tool_call(
        field(part, "call_id"), field(part, "name"), field(part, "arguments")
    ),
    "tool_result": lambda part: _tool_response(field(part, "tool_use_id"), field(part, "content")),
    "function_call_output": lambda part: _tool_response(
        field(part, "call_id"), field(part, "output")
    ),
}
"""`type` of a part in OpenAI's and Anthropic's APIs → that part in the conventions' schema."""


def _part(part: object) -> object:
    if isinstance(part, str):
        return _text(part)
    kind = field(part, "type")
    convert = _PARTS.get(kind) if isinstance(kind, str) else None
    if convert is None or (kind == "text" and field(part, "content") is not None):
        return part  # unknown, or in the schema already
    return convert(part)


def parts(value: object) -> list[object]:
    """The parts of a message's content: a text, one part, or several."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [_part(part) for part in value]
    return [_part(value)]


def message(value: object, role: str, finish_reason: object = None) -> object:
    """One message; `role` is for those that have none of their own."""
    given = fields(value)
    if given is None:
        result: dict[str, Any] = {"role": role, "parts": parts(value)}
    elif "parts" in given:
        return value
    elif "role" not in given and "type" in given:  # an item of OpenAI's Responses
        result = {"role": role, "parts": [_part(value)]}
    else:
        result = {"role": given.get("role") or role, "parts": _content(given)}
        if given.get("name") is not None:
            result["name"] = given["name"]
    if finish_reason is not None:
        result["finish_reason"] = FINISH_REASONS.get(str(finish_reason), finish_reason)
    return result


def _content(given: Mapping[str, Any]) -> list[object]:
    if given.get("role") == "tool":
        return [_tool_response(given.get("tool_call_id"), given.get("content"))]
    found = parts(given.get("content"))
    for call in given.get("tool_calls") or ():
        function = field(call, "function")
        found.append(
            _tool_call(field(call, "id"), field(function, "name"), field(function, "arguments"))
        )
    return found


def normalized(value: object, role: str) -> list[object]:
    """A history: a text, one message, or several."""
    if isinstance(value, list | tuple):
        return [message(item, role) for item in value]
    return [message(value, role)]
