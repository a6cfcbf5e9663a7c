"""`/`, `/graph`, `/alerts`: where links of alerts lead to; upstream has its user interface there.

All leads to the API, by addresses relative to the link's, as there may be proxies before it.
"""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

_PAGE: Final = """<!doctype html>
<title>Belvedere: Prometheus's API</title>
<p>Prometheus's API is here; point Grafana, promtool or <code>belvedere promql</code> at it.</p>
<ul>
<li><a href="api/v1/alerts">alerts</a></li>
<li><a href="api/v1/rules">rules</a></li>
<li><a href="api/v1/targets">targets</a></li>
</ul>
"""


def routes() -> list[BaseRoute]:
    """The routes of this file."""

    async def start(_: Request) -> Response:
        return HTMLResponse(_PAGE)

    async def graph(request: Request) -> Response:
        expression = request.query_params.get("g0.expr")
        if not expression:
            return RedirectResponse("./", 302)
        return RedirectResponse(f"api/v1/query?{urlencode({'query': expression})}", 302)

    async def alerts(_: Request) -> Response:
        return RedirectResponse("api/v1/alerts", 302)

    return [Route("/", start), Route("/graph", graph), Route("/alerts", alerts)]
