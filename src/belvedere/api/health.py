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
        if state.is_ready():
            return PlainTextResponse("Belvedere is ready.\n")
        return PlainTextResponse(
            "Belvedere is starting; ask again.\n", 503, headers={"Retry-After": "1"}
        )

    return [Route("/-/healthy", healthy), Route("/-/ready", ready)]
