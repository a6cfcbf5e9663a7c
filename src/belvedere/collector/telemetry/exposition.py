"""The Collector's own `/metrics`."""

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.internal_telemetry import REGISTRY


def metrics_app() -> Starlette:
    """An application with `/metrics`, in the format that the scraper asks for."""
    return Starlette(routes=[Route("/metrics", _metrics)])


async def _metrics(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"content-type": content_type})
