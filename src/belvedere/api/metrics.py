"""`/metrics`: Belvedere's own telemetry, for Prometheus. Open to all, as exporters are."""

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.internal_telemetry import REGISTRY


def routes() -> list[BaseRoute]:
    """The routes of this file."""
    return [Route("/metrics", _metrics)]


async def _metrics(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(REGISTRY), headers={"Content-Type": content_type})
