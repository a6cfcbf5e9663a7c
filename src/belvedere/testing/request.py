"""What the APIs' requests have in common, checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from belvedere.testing.policy import ChatRequest, Fault, Message, Usage

Json: TypeAlias = dict[str, Any]

_ROLES: Final = ("developer", "system", "user", "assistant", "tool")


class BadRequestError(Exception):
    """A request that the API refuses. `fault` says how, `param` where."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.fault = Fault(status, message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        chat: what the policy is asked.
        tools: the definitions of all tools, of those too that may not be called now.
        stream: whether the answer is streamed.
        max_output_tokens: the limit of the answer. None: unlimited. 0: there is none.
        usage: the tokens of the request, before the model said anything.
    """

    chat: ChatRequest
    tools: Sequence[Mapping[str, Any]] = ()
    stream: bool = False
    max_output_tokens: int | None = None
    usage: Usage = field(default_factory=Usage)


def checked_body(body: object, supported: Mapping[str, tuple[object, ...]]) -> Mapping[str, Any]:
    """Return the body.

    Args:
        body: what the client sent.
        supported: parameters that change the form of the answer, and the values of them that
            this server implements.

    Raises:
        BadRequestError: if it is not an object, or a parameter has another value.
    """
    if not isinstance(body, Mapping):
        raise BadRequestError("The body must be a JSON object.")
    for param, values in supported.items():
        if body.get(param) not in values:
            raise BadRequestError(f"'{param}' is not supported by this test server.", param)
    return body


def checked_model(body: Mapping[str, Any], models: Sequence[str]) -> str:
    """Return the name of the model.

    Raises:
        BadRequestError: if it is missing, or not one of `models`.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise BadRequestError("You must provide a model parameter.", "model")
    if model not in models:
        raise BadRequestError(
            f"The model '{model}' does not exist; this server has {', '.join(models)}.",
            "model",
            404,
        )
    return model


def checked_messages(messages: object, param: str = "messages") -> Sequence[Message]:
    """Return the messages, in the form of the chat completions.

    Raises:
        BadRequestError: if there is none, a role is unknown, or a tool's message answers no call
            of an earlier message.
    """
    if not isinstance(messages, list) or not messages:
        raise BadRequestError(f"'{param}' must be a list of at least one message.", param)
    called: set[str] = set()
    for index, message in enumerate(messages):
        place = f"{param}[{index}]"
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            raise BadRequestError(f"'{place}.role' must be one of {', '.join(_ROLES)}.", place)
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            raise BadRequestError(
                f"'{place}' must answer a call of an earlier message's 'tool_calls'.", place
            )
        calls = message.get("tool_calls") or ()
        if not all(isinstance(call, Mapping) and "id" in call for call in calls):
            raise BadRequestError(f"'{place}.tool_calls' must have ids.", place)
        called.update(call["id"] for call in calls)
    return messages


def checked_limit(body: Mapping[str, Any], *params: str) -> int | None:
    """Return the limit of the answer, by the first of `params` that the body has.

    Raises:
        BadRequestError: if it is not a positive integer.
    """
    param = next((param for param in params if param in body), params[-1])
    limit = body.get(param)
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise BadRequestError(f"'{param}' must be a positive integer.", param)
    return limit


def as_list(value: object, param: str) -> Sequence[Any]:
    """Return a list of the request; an absent one is empty.

    Raises:
        BadRequestError: if it is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequestError(f"'{param}' must be a list.", param)
    return value


def named(value: object) -> str:
    """Return the name of a tool's definition or of a choice; empty if it has none."""
    name = value.get("name") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""


def offered(names: Iterable[str], choice: object, chosen: str) -> tuple[str, ...]:
    """Return the tools that the model may call now: none, one, or all that have names.

    Args:
        names: of the tools of the request.
        choice: its `tool_choice`.
        chosen: the tool that it names; empty if it names none.
    """
    if choice == "none" or (isinstance(choice, Mapping) and choice.get("type") == "none"):
        return ()
    return tuple(name for name in names if name and chosen in {"", name})
