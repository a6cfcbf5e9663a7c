"""What an error looks like to a client: `{"error": "…", "code": "…"}` and a status.

The one place where errors meet HTTP.
"""

from typing import Any, Final

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from belvedere.store.errors import (
    InvalidProject,
    QueryError,
    QueryNotAllowed,
    QueryTooLarge,
    StoreError,
    StoreUnavailable,
)

log = structlog.get_logger(__name__)

_CLIENT_CLOSED_REQUEST: Final = 499

_STATUS_OF_CODE: Final = {"SYNTAX_ERROR": 400, "UNKNOWN_DATABASE": 404}
"""ClickHouse's error name → status, where the type of the error says too little."""

_STATUS_OF_TYPE: Final[tuple[tuple[type[StoreError], int], ...]] = (
    (QueryNotAllowed, 403),
    (QueryTooLarge, 413),
    (QueryError, 422),
    (InvalidProject, 400),
    (StoreUnavailable, 503),
    (StoreError, 500),
)


class ApiError(Exception):
    """A request that cannot be answered. The message is fit for the client."""

    def __init__(
        self, status: int, message: str, *, code: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers or {}


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to a request that raised `error`."""
    match error:
        case ApiError():
            return answer_api_error(error)
        case StoreError():
            return _answer_store_error(error)
        case ClientDisconnect():
            return Response(status_code=_CLIENT_CLOSED_REQUEST)  # nobody reads it
        case HTTPException():
            message = f"{error.detail}; the start page / says what is here"
            return _answer(error.status_code, message, "HTTP", dict(error.headers or {}))
        case _:
            log.error("request_failed", path=request.url.path, exc_info=error)
            return _answer(500, "internal error; the server's log says more", "INTERNAL", {})


HANDLED: Final = (ApiError, StoreError, ClientDisconnect, HTTPException, Exception)
"""What `answer_error` is to be registered for."""


def answer_api_error(error: ApiError) -> Response:
    """The answer to a request that is refused."""
    return _answer(error.status, str(error), error.code, error.headers)


def _answer_store_error(error: StoreError) -> Response:
    code = getattr(error, "code", "") or type(error).__name__
    status = _STATUS_OF_CODE.get(code) or next(
        status for type_, status in _STATUS_OF_TYPE if isinstance(error, type_)
    )
    message = str(error)
    if code == "UNKNOWN_DATABASE":
        message += " (a project appears with its first data; see: SHOW DATABASES)"
    return _answer(status, message, code, {"Retry-After": "1"} if status == 503 else {})


def _answer(status: int, message: str, code: str, headers: dict[str, str]) -> Response:
    body: dict[str, Any] = {"error": message, "code": code}
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
