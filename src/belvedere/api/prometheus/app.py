"""The routes of Prometheus's API, below `/prometheus` or at the root of a port of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from belvedere.api import metrics
from belvedere.api.cross_site import SameSiteOnly
from belvedere.api.errors import ApiError, answer_error
from belvedere.api.pool import QueryPool
from belvedere.api.prometheus import (
    admin,
    exemplars,
    federate,
    lifecycle,
    links,
    metadata,
    otlp,
    preflight,
    query,
    read,
    rules,
    series,
    status,
    targets,
    tsdb,
    write,
)
from belvedere.api.prometheus.project import Projects
from belvedere.api.state import AppState


def create_prometheus_app(state: AppState) -> Starlette:
    """Prometheus's API alone, at the root: for clients that know no path before `/api/v1`.

    With `/metrics`, which Prometheus has there.
    """
    pool = QueryPool()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.close()

    return Starlette(
        routes=[*metrics.routes(state), *routes(state, pool)],
        lifespan=lifespan,
        middleware=[Middleware(SameSiteOnly)],
        exception_handlers={ApiError: answer_error},
    )


def routes(state: AppState, pool: QueryPool) -> list[BaseRoute]:
    """All routes, with paths as Prometheus has them."""
    projects, engine = Projects(state, pool), state.engine
    return [
        *links.routes(),
        *query.routes(projects, engine),
        *exemplars.routes(projects, engine),
        *series.routes(projects),
        *metadata.routes(projects),
        *tsdb.routes(projects),
        *write.routes(state, projects),
        *read.routes(projects),
        *otlp.routes(state),
        *federate.routes(projects, engine.options.lookback_ms),
        *targets.routes(state, projects),
        *rules.routes(state),
        *status.routes(state),
        *admin.routes(state),
        *lifecycle.routes(state),
        *preflight.routes(),
    ]
