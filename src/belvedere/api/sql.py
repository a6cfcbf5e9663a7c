"""`/api/sql`: one statement that reads, answered as JSON, CSV or Arrow.

GET  /api/sql?query=…&params={"name":"value"}&format=csv
POST /api/sql   {"query": "…", "params": {…}, "format": "json"}   application/json
                query=…&format=csv                                a form
                SELECT …                                          any other type
"""

import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.errors import ApiError
from belvedere.api.formats import FORMATS, encode
from belvedere.api.pool import QueryPool
from belvedere.api.state import AppState
from belvedere.query.sql.door import SqlDoor
from belvedere.query.stop import stoppable
from belvedere.store.database import QueryLimits
from belvedere.store.errors import QueryError

_MAX_BODY_BYTES: Final = 1 << 20
_TIME_S: Final = 30.0
"""After so long a caller is answered, whatever ClickHouse does."""
_ANSWER_BYTES: Final = 64 << 20
"""Of a result, and of an answer in any format."""
_LIMITS: Final = QueryLimits(time_s=_TIME_S - 1, answer_bytes=_ANSWER_BYTES)
"""ClickHouse ends most queries by itself, a second before the caller is answered."""
_FIELDS: Final = ("query", "params", "format")


@dataclass(frozen=True, slots=True)
class _Question:
    query: str
    params: Mapping[str, Any]
    format: str


def routes(state: AppState, pool: QueryPool) -> list[BaseRoute]:
    """The routes of this file."""
    door = SqlDoor(state.database)

    async def sql(request: Request) -> Response:
        who = caller(request, state)
        question = _question(await _fields(request))
        stop = _Stop()

        def answer() -> list[bytes]:
            began = time.perf_counter()
            with stoppable(stop.check):
                found = door.run(
                    question.query,
                    question.params,
                    project=who.project,
                    confined=who.confined,
                    limits=_LIMITS,
                )
                elapsed_s = time.perf_counter() - began
                return encode(found, question.format, elapsed_s, most_bytes=_ANSWER_BYTES)

        try:
            pieces = await pool.run(request, answer, project=who.project, time_s=_TIME_S)
        finally:
            stop.cancel()
        return StreamingResponse(
            _sent(pieces),
            media_type=FORMATS[question.format][0],
            headers={"Content-Length": str(sum(map(len, pieces)))},
        )

    return [Route("/api/sql", sql, methods=["GET", "POST"])]


class _Stop:
    """Ends the work of a query between its steps once no client waits for it."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Cancel, from any thread."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise `QueryError` if the work is cancelled; no client sees it."""
        if self._cancelled.is_set():
            raise QueryError("the query is cancelled", code="QUERY_WAS_CANCELLED")


async def _sent(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _fields(request: Request) -> dict[str, Any]:
    """What the request holds: in its URL, and in its body, which comes first."""
    fields: dict[str, Any] = {
        name: request.query_params[name] for name in _FIELDS if name in request.query_params
    }
    if request.method != "POST":
        return fields
    text = await _body(request)
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        body = _json(text, "the body")
        if not isinstance(body, dict):
            raise ApiError(400, "the body is no JSON object", code="BAD_REQUEST")
        return fields | body
    if media_type == "application/x-www-form-urlencoded":
        return fields | {name: values[-1] for name, values in parse_qs(text).items()}
    return fields | ({"query": text} if text else {})


async def _body(request: Request) -> str:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MAX_BODY_BYTES:
            raise ApiError(413, "the body is longer than 1 MiB", code="BODY_TOO_LARGE")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ApiError(400, "the body is not UTF-8", code="BAD_REQUEST") from None


def _question(fields: Mapping[str, Any]) -> _Question:
    """Check what a request holds."""
    unknown = sorted(fields.keys() - set(_FIELDS))
    if unknown:
        raise ApiError(
            400, f"unknown field {unknown[0]!r}; there are {', '.join(_FIELDS)}", code="BAD_REQUEST"
        )
    query, params, format_ = (fields.get(name) for name in _FIELDS)
    if not isinstance(query, str) or not query.strip():
        raise ApiError(
            400, "there is no query; try /api/sql?query=SHOW%20TABLES", code="BAD_REQUEST"
        )
    if isinstance(params, str):
        params = _json(params, "params") if params else {}
    if not isinstance(params or {}, dict):
        raise ApiError(
            400, 'params is no JSON object such as {"name": "value"}', code="BAD_REQUEST"
        )
    if format_ not in {None, "", *FORMATS}:
        raise ApiError(
            400, f"unknown format {format_!r}; there are {', '.join(FORMATS)}", code="BAD_REQUEST"
        )
    return _Question(query, params or {}, format_ or "json")


def _json(text: str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"{what} is no valid JSON: {error}", code="BAD_REQUEST") from None
