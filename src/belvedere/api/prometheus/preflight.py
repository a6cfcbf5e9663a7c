"""`OPTIONS` of each path of the API: what clients may send, as upstream's `httputil.SetCORS`.

Requests of other sites do not get here (`api.cross_site` refuses them), as upstream where its
`--web.cors.origin` matches no other site.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

_HEADERS: Final = {
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Expose-Headers": "Date",
    "Vary": "Origin",
}


def routes() -> list[BaseRoute]:
    """The routes of this file."""

    async def preflight(request: Request) -> Response:
        origin = request.headers.get("Origin")
        headers = _HEADERS | {"Access-Control-Allow-Origin": origin} if origin else {}
        return Response(status_code=204, headers=headers)

    return [_OptionsRoute("/api/v1/{path:path}", preflight, methods=["OPTIONS"])]


class _OptionsRoute(Route):
    """A route that leaves the other methods of its path to other routes, or to their 404."""

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        match, child_scope = super().matches(scope)
        return (match, child_scope) if match is Match.FULL else (Match.NONE, {})
