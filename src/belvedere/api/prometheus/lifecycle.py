"""`/-/healthy`, `/-/ready`, `/-/reload`."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.errors import ApiError
from belvedere.api.prometheus.answers import answering
from belvedere.api.state import AppState


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("Belvedere is Healthy.\n")

    async def ready(_: Request) -> Response:
        if state.problem():
            return PlainTextResponse("Service Unavailable\n", 503, {"Retry-After": "1"})
        return PlainTextResponse("Belvedere is Ready.\n")

    async def reload(request: Request) -> Response:
        """Read the rule files again, as SIGHUP does: for operators, as they are of all projects."""
        if caller(request, state).confined:
            raise ApiError(
                403, "this token opens one project; a reload requires one for *", code="FORBIDDEN"
            )
        if not await state.reload():
            return PlainTextResponse(
                "failed to reload the rules, those of before go on; the server's log says why\n",
                500,
            )
        return Response()

    return [
        Route("/-/healthy", answering(healthy)),
        Route("/-/ready", answering(ready)),
        Route("/-/reload", answering(reload), methods=["POST", "PUT"]),
    ]
