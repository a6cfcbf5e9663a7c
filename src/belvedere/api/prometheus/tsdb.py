"""How many series there are, and which have the most: `/status/tsdb`."""

import time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import BadData, answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.prometheus.project import Projects

_HEAD_MS: Final = 2 * 3_600_000
"""Series seen so recently are counted: what upstream has in memory."""
_LISTED: Final = 10
_MAX_LISTED: Final = 10_000


def routes(projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""

    async def tsdb(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        limit = parameters.number("limit") if parameters.text("limit") else _LISTED
        if not 1 <= limit <= _MAX_LISTED:
            raise BadData("limit must be a positive number" if limit < 1 else "limit is too large")
        now_ms = time.time_ns() // 1_000_000

        def find() -> dict[str, Any]:
            found = project.cardinality(now_ms - _HEAD_MS, now_ms, limit=limit)
            return {
                "headStats": {
                    "numSeries": found.series,
                    "numLabelPairs": found.label_pairs,
                    "chunkCount": 0,  # there are none here
                    "minTime": now_ms - _HEAD_MS,
                    "maxTime": now_ms,
                },
                "seriesCountByMetricName": _listed(found.series_by_metric),
                "labelValueCountByLabelName": _listed(found.values_by_label),
                "memoryInBytesByLabelName": _listed(found.bytes_by_label),
                "seriesCountByLabelValuePair": _listed(found.series_by_pair),
            }

        return success(await project.run(request, find))

    return [Route("/api/v1/status/tsdb", answering(tsdb))]


def _listed(pairs: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in pairs]
