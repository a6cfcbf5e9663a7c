"""`create_app`: the HTTP API, one file a group of routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from belvedere.api import health, metrics, page, rejected, sql, status, tempo
from belvedere.api.cross_site import SameSiteOnly
from belvedere.api.errors import HANDLED, answer_error
from belvedere.api.pool import QueryPool
from belvedere.api.prometheus import app as prometheus
from belvedere.api.rates import AcceptedRates
from belvedere.api.state import AppState


def create_app(state: AppState) -> Starlette:
    """The API over `state`, as an ASGI application whose lifespan the server must run."""
    pool = QueryPool()
    sql_pool = QueryPool(share=3)  # separate: no SQL of a user delays PromQL, traces or status
    rates = AcceptedRates()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sampling = asyncio.create_task(rates.run())
        try:
            yield
        finally:
            sampling.cancel()
            pool.close()
            sql_pool.close()

    return Starlette(
        routes=[
            *page.routes(),
            *health.routes(state),
            *metrics.routes(state),
            *status.routes(state, pool, rates),
            *rejected.routes(state),
            *sql.routes(state, sql_pool),
            *tempo.routes(state, pool),
            Mount("/prometheus", routes=prometheus.routes(state, pool)),
        ],
        middleware=[Middleware(SameSiteOnly)],
        exception_handlers=dict.fromkeys(HANDLED, answer_error),
        lifespan=lifespan,
    )
