"""What is scraped: `/targets`, `/scrape_pools`, of the receivers `prometheus` in this process.

What they scrape goes into the default project, so that tokens of other projects see no targets.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.state import AppState
from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.query.promql.duration import format_duration

if TYPE_CHECKING:  # most servers scrape nothing
    from belvedere.collector.receivers.prometheus.receiver import Targets, TargetView

_NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which Prometheus shows for what has not happened."""


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    def visible(request: Request) -> "Sequence[Targets]":
        who = caller(request, state)
        return () if who.confined and who.project != DEFAULT_PROJECT else state.targets()

    async def targets(request: Request) -> Response:
        views = visible(request)
        parameters = await Parameters.of(request)
        which, pool = parameters.text("state", "any"), parameters.text("scrapePool")
        data: dict[str, Any] = {"activeTargets": [], "droppedTargets": []}
        if which in {"any", "active"}:
            data["activeTargets"] = [
                _active(view)
                for each in views
                for view in each.active
                if pool in {"", view.job_name}
            ]
        dropped = [pair for each in views for pair in each.dropped if pool in {"", pair[0]}]
        data["droppedTargetCounts"] = {
            name: sum(job == name for job, _ in dropped) for name, _ in dropped
        }
        if which in {"any", "dropped"}:
            data["droppedTargets"] = [
                {"discoveredLabels": dict(labels), "scrapePool": name} for name, labels in dropped
            ]
        return success(data)

    async def scrape_pools(request: Request) -> Response:
        views = visible(request)
        names = {view.job_name for each in views for view in each.active}
        names |= {name for each in views for name, _ in each.dropped}
        return success({"scrapePools": sorted(names)})

    return [
        Route("/api/v1/targets", answering(targets)),
        Route("/api/v1/scrape_pools", answering(scrape_pools)),
    ]


def _active(view: "TargetView") -> dict[str, Any]:
    last = view.last
    when = datetime.fromtimestamp(last.begin_s, UTC).isoformat() if last.begin_s else _NEVER
    return {
        "discoveredLabels": dict(view.discovered_labels),
        "labels": dict(view.labels),
        "scrapePool": view.job_name,
        "scrapeUrl": view.url,
        "globalUrl": view.url,
        "lastError": last.error,
        "lastScrape": when,
        "lastScrapeDuration": last.duration_s,
        "health": last.health.value,
        "scrapeInterval": format_duration(round(view.interval_s * 1000)),
        "scrapeTimeout": format_duration(round(view.timeout_s * 1000)),
    }
