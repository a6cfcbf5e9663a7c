"""`/api/rejected`: what the store could not read, and its replay."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import PROJECT_HEADER, caller
from belvedere.api.errors import ApiError
from belvedere.api.state import AppState, StoreWriter
from belvedere.collector.errors import Retryable
from belvedere.store.rejected import Rejected


def routes(state: AppState) -> list[BaseRoute]:
    """`GET /api/rejected` and `POST /api/rejected/replay`.

    A caller with a token sees its own project; else the project of the header, or all.
    """

    async def entries(request: Request) -> tuple[StoreWriter, list[Rejected]]:
        who = caller(request, state)
        one = who.confined or PROJECT_HEADER in request.headers
        try:
            writer = state.store_writer()
        except Retryable as error:
            raise ApiError(503, str(error), code="STARTING", headers={"Retry-After": "1"}) from None
        return writer, await writer.rejected(who.project if one else None)

    async def show(request: Request) -> Response:
        _, found = await entries(request)
        return _json({"rejected": [_described(entry) for entry in found]})

    async def replay(request: Request) -> Response:
        wanted = _wanted(await request.body())
        writer, found = await entries(request)
        chosen = [entry for entry in found if wanted is None or entry.id in wanted]
        if missing := sorted((wanted or set()) - {entry.id for entry in chosen}):
            raise ApiError(
                404,
                f"unknown id {missing[0]!r}: GET /api/rejected lists those that can be replayed",
                code="NOT_FOUND",
            )
        failed = []
        for entry in chosen:
            try:
                await writer.replay(entry)
            except OSError as error:
                failed.append({"id": entry.id, "error": error.strerror})
        return _json({"replayed": len(chosen) - len(failed), "failed": failed})

    return [
        Route("/api/rejected", show),
        Route("/api/rejected/replay", replay, methods=["POST"]),
    ]


def _wanted(body: bytes) -> set[str] | None:
    """The ids of `{"ids": […]}`, or None for `{"all": true}`.

    Raises:
        ApiError: 400 for any other body.
    """
    try:
        match orjson.loads(body):
            case {"all": True}:
                return None
            case {"ids": [*ids]} if ids and all(isinstance(one, str) for one in ids):
                return set(ids)
    except orjson.JSONDecodeError:
        pass
    raise ApiError(
        400, 'invalid body: expected {"ids": ["…"]} or {"all": true} as JSON', code="BAD_REQUEST"
    )


def _described(entry: Rejected) -> dict[str, Any]:
    return {
        "id": entry.id,
        "project": entry.project,
        "data": entry.data,
        "size_bytes": entry.size_bytes,
        "rejected_at_s": entry.rejected_at_s,
        "error": entry.error,
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
