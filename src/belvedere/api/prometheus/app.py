"""The routes of Prometheus's API, below `/prometheus` or at the root of a port of their own."""

from starlette.routing import BaseRoute

from belvedere.api.pool import QueryPool
from belvedere.api.prometheus import (
    exemplars,
    federate,
    otlp,
    query,
    read,
    series,
    status,
    write,
)
from belvedere.api.prometheus.project import Projects
from belvedere.api.state import AppState
from belvedere.query.promql.engine import Engine


def routes(state: AppState, pool: QueryPool) -> list[BaseRoute]:
    """All routes, with paths as Prometheus has them."""
    projects, engine = Projects(state, pool), Engine()
    return [
        *query.routes(projects, engine),
        *exemplars.routes(projects, engine),
        *series.routes(projects),
        *write.routes(state, projects),
        *read.routes(projects),
        *otlp.routes(state),
        *federate.routes(projects, engine.options.lookback_ms),
        *status.routes(state, {}),
    ]
