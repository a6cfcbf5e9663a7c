"""Errors as the OpenAI API has them."""

from collections.abc import Mapping
from typing import Final

from belvedere.testing.policy import Fault
from belvedere.testing.request import Json

_KINDS: Final[Mapping[int, tuple[str, str | None]]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""Status → type and code of the error."""


def body(fault: Fault, param: str | None = None) -> Json:
    """Return the body of an error."""
    kind, code = _KINDS.get(fault.status, ("server_error", None))
    return {"error": {"message": fault.message, "type": kind, "param": param, "code": code}}
