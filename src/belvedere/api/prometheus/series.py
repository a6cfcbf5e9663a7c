"""What series there are: `/series`, `/labels`, `/label/{name}/values`."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import BadData, answering, limited
from belvedere.api.prometheus.parameters import MAX_TIME_MS, MIN_TIME_MS, Parameters
from belvedere.api.prometheus.project import Projects
from belvedere.query.go_format import quote

_GET_AND_POST: Final = ["GET", "POST"]
_ESCAPED: Final = re.compile(r"_(?:_|([0-9a-fA-F]{1,6})_)")


def routes(projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""

    async def series(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        start_ms, end_ms = _range(parameters)
        limit = parameters.limit()

        def answer() -> Response:
            found = {
                labels
                for matchers in parameters.selectors(required=True)
                if start_ms <= end_ms
                for labels in project.index.find(matchers, start_ms, end_ms).labels
            }
            return limited([labels.to_dict() for labels in sorted(found)], limit)

        return await project.run(request, answer)

    async def labels(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        start_ms, end_ms = _range(parameters)
        limit = parameters.limit()

        def answer() -> Response:
            found = project.catalog.label_names(
                parameters.selectors(), start_ms, end_ms, limit=limit and limit + 1
            )
            return limited(found, limit)

        return await project.run(request, answer)

    async def values(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        name = unescaped(request.path_params["name"])
        if not name:
            raise BadData(f"invalid label name: {quote(name)}")
        start_ms, end_ms = _range(parameters)
        limit = parameters.limit()

        def answer() -> Response:
            found = project.catalog.label_values(
                name, parameters.selectors(), start_ms, end_ms, limit=limit and limit + 1
            )
            return limited(found, limit)

        return await project.run(request, answer)

    return [
        Route("/api/v1/series", answering(series), methods=_GET_AND_POST),
        Route("/api/v1/labels", answering(labels), methods=_GET_AND_POST),
        Route("/api/v1/label/{name}/values", answering(values)),
    ]


def unescaped(name: str) -> str:
    """A label's name as it is, of one that a URL cannot hold (`U__a_2e_b` is `a.b`).

    Prometheus's "values escaping": `U__`, then `__` for an underscore and `_HEX_` for any
    character that old names cannot have.
    """
    if not name.startswith("U__"):
        return name

    def character(match: re.Match[str]) -> str:
        code = int(match[1], 16) if match[1] else ord("_")
        return chr(code) if code < 0x110000 else match[0]

    return _ESCAPED.sub(character, name[3:])


def _range(parameters: Parameters) -> tuple[int, int]:
    return parameters.time_ms("start", MIN_TIME_MS), parameters.time_ms("end", MAX_TIME_MS)
