"""What is scraped: `/targets`, `/scrape_pools`, of the receivers `prometheus` in this process."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.state import AppState
from belvedere.query.promql.duration import format_duration

if TYPE_CHECKING:  # most servers scrape nothing
    from belvedere.collector.receivers.prometheus.receiver import TargetView

_NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which Prometheus shows for what has not happened."""


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def targets(request: Request) -> Response:
        caller(request, state)
        parameters = await Parameters.of(request)
        which, pool = parameters.text("state", "any"), parameters.text("scrapePool")
        views = state.targets()
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
        caller(request, state)
        names = {view.job_name for each in state.targets() for view in each.active}
        names |= {name for each in state.targets() for name, _ in each.dropped}
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
