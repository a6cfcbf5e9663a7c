"""`/`: the start page, one file without anything from elsewhere."""

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes() -> list[BaseRoute]:
    """The routes of this file."""
    html = (files("belvedere.api") / "start.html").read_bytes()

    async def start(_: Request) -> Response:
        return Response(html, media_type="text/html", headers=_HEADERS)

    return [Route("/", start)]
