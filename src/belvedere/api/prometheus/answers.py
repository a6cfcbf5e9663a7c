"""Prometheus's envelope: `{"status":"success","data":…}`, and its errors.

The one place where errors meet Prometheus's `errorType` and status.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, Final, TypeAlias

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from belvedere.api.errors import ApiError
from belvedere.api.prometheus.gzip import compressed
from belvedere.api.prometheus.text import to_json
from belvedere.collector.errors import Permanent, Retryable
from belvedere.otlp.errors import TooLarge, Unavailable
from belvedere.prometheus.errors import PrometheusError
from belvedere.query.promql.errors import (
    ParseError,
    PromQLError,
    QueryCanceledError,
    QueryTimeoutError,
    QueryTypeError,
)
from belvedere.store.errors import QueryError, QueryTooLarge, StoreError, StoreUnavailable

log = structlog.get_logger(__name__)

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_TRUNCATED: Final = "results truncated due to limit"


class BadData(Exception):  # noqa: N818 - upstream's name of this kind of error
    """A request that says something wrong; the message says what."""


_KINDS: Final[tuple[tuple[type[Exception], str, int], ...]] = (
    # error, errorType, status
    (BadData, "bad_data", 400),
    (ParseError, "bad_data", 400),
    (QueryTypeError, "bad_data", 400),
    (QueryTimeoutError, "timeout", 503),
    (QueryCanceledError, "canceled", 503),
    (PromQLError, "execution", 422),
    (PrometheusError, "bad_data", 400),
    (Permanent, "bad_data", 400),
    (Retryable, "unavailable", 503),
    (TooLarge, "bad_data", 400),
    (Unavailable, "unavailable", 503),
    (QueryTooLarge, "execution", 422),
    (QueryError, "execution", 422),
    (StoreUnavailable, "unavailable", 503),
    (StoreError, "internal", 500),
)
_NO_PROJECT: Final = "there is no such project (X-Scope-OrgID); one appears with its first data"
_KIND_OF_CODE: Final = {
    "TIMEOUT_EXCEEDED": ("timeout", "query timed out in expression evaluation", 503),
    "UNKNOWN_DATABASE": ("not_found", _NO_PROJECT, 404),
    "UNKNOWN_TABLE": ("not_found", _NO_PROJECT, 404),
}
"""ClickHouse's error name → errorType, message, status, where the type of the error says less."""
_KIND_OF_STATUS: Final = {400: "bad_data", 401: "unauthorized", 403: "forbidden", 404: "not_found"}


def success(
    data: Any, *, warnings: Sequence[str] = (), infos: Sequence[str] = (), status: int = 200
) -> Response:
    """An answer with `data` as JSON."""
    return Response(
        b"".join(envelope([to_json(data)], warnings, infos)),
        status,
        media_type="application/json",
    )


def limited(data: Sequence[Any], limit: int) -> Response:
    """An answer with no more than `limit` (0: all) of `data`, with upstream's warning of more."""
    if limit and len(data) > limit:
        return success(data[:limit], warnings=[_TRUNCATED])
    return success(data)


def streamed(
    parts: Iterable[bytes], *, warnings: Sequence[str] = (), infos: Sequence[str] = ()
) -> Response:
    """An answer whose `data` is JSON that comes in pieces, made in threads while it is sent."""
    return StreamingResponse(envelope(parts, warnings, infos), media_type="application/json")


def envelope(
    data: Iterable[bytes], warnings: Sequence[str], infos: Sequence[str]
) -> Iterator[bytes]:
    """The JSON around `data`."""
    yield b'{"status":"success","data":'
    yield from data
    for name, texts in (("warnings", warnings), ("infos", infos)):
        if texts:
            yield f',"{name}":'.encode() + to_json(list(texts))
    yield b"}"


def failure(
    kind: str, message: str, status: int, headers: dict[str, str] | None = None
) -> Response:
    """An error."""
    body = {"status": "error", "errorType": kind, "error": message}
    return Response(to_json(body), status, headers, media_type="application/json")


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with whatever it raises answered as Prometheus does."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await compressed(request, await endpoint(request))
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        except ApiError as error:
            kind = _KIND_OF_STATUS.get(error.status, "unavailable")
            return failure(kind, str(error), error.status, error.headers)
        except Exception as error:  # noqa: BLE001 - the door: what is no known error is logged
            return _failed(request, error)

    return answered


def _failed(request: Request, error: Exception) -> Response:
    for type_, kind, status in _KINDS:
        if isinstance(error, type_):
            if isinstance(error, QueryError) and error.code in _KIND_OF_CODE:
                return failure(*_KIND_OF_CODE[error.code])
            after_s = math.ceil(getattr(error, "after_s", None) or 1)
            headers = {"Retry-After": str(after_s)} if kind == "unavailable" else None
            return failure(kind, str(error), status, headers)
    log.error("request_failed", path=request.url.path, exc_info=error)
    return failure("internal", "internal error; the server's log says more", 500)
