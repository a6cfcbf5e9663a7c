"""`/-/healthy` and `/-/ready`, as Prometheus, Loki and Tempo have them."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from belvedere.api.state import AppState


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("Belvedere is healthy.\n")

    async def ready(_: Request) -> Response:
        if problem := state.problem():
            return PlainTextResponse(
                f"Belvedere is not ready: {problem}\n", 503, headers={"Retry-After": "1"}
            )
        return PlainTextResponse("Belvedere is ready.\n")

    return [Route("/-/healthy", healthy), Route("/-/ready", ready)]
