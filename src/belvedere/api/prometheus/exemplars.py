"""`/query_exemplars`: from a point on a graph to the trace behind it."""

from collections.abc import Iterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import BadData, answering, success
from belvedere.api.prometheus.parameters import MAX_TIME_MS, MIN_TIME_MS, Parameters
from belvedere.api.prometheus.project import Projects
from belvedere.query.go_format import format_sample
from belvedere.query.promql.ast import Expression, VectorSelector, children
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.errors import ParseError

_GET_AND_POST: Final = ["GET", "POST"]


def routes(projects: Projects, engine: Engine) -> list[BaseRoute]:
    """The routes of this file."""

    async def exemplars(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        start_ms = parameters.time_ms("start", MIN_TIME_MS)
        end_ms = parameters.time_ms("end", MAX_TIME_MS)
        if end_ms < start_ms:
            raise BadData("end timestamp must not be before start timestamp")

        def find() -> list[dict[str, Any]]:
            try:
                tree = engine.parse(parameters.text("query"))
            except ParseError as error:
                raise BadData(f'invalid parameter "query": {error}') from None
            selectors = [selector.matchers for selector in _selectors(tree)]
            return [
                {
                    "seriesLabels": labels.to_dict(),
                    "exemplars": [
                        {
                            "labels": exemplar.labels,
                            "value": format_sample(exemplar.value),
                            "timestamp": exemplar.time_ms / 1000,
                        }
                        for exemplar in several
                    ],
                }
                for labels, several in project.exemplars(selectors, start_ms, end_ms)
            ]

        return success(await project.run(request, find))

    return [Route("/api/v1/query_exemplars", answering(exemplars), methods=_GET_AND_POST)]


def _selectors(tree: Expression) -> Iterator[VectorSelector]:
    """The selectors of a query, whatever is done with them."""
    if isinstance(tree, VectorSelector):
        yield tree
    for child in children(tree):
        yield from _selectors(child)
