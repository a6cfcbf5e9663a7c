"""What is scraped by the receivers `prometheus` in this process.

`/targets`, `/targets/metadata`, `/scrape_pools`.

What they scrape goes into the default project, so that tokens of other projects see no targets.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.prometheus.project import Project, Projects
from belvedere.api.state import AppState
from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.duration import format_duration
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.parse import parse_selector

if TYPE_CHECKING:  # most servers scrape nothing
    from belvedere.collector.receivers.prometheus.receiver import Targets, TargetView

_NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which Prometheus shows for what has not happened."""


_RECENT_MS: Final = 3_600_000
"""How old a series may be whose metric counts as exposed by its target."""


def visible_targets(request: Request, state: AppState) -> "Sequence[Targets]":
    """Return the targets that the caller may see.

    Raises:
        ApiError: if the caller is not known.
    """
    who = caller(request, state)
    return () if who.confined and who.project != DEFAULT_PROJECT else state.targets()


def routes(state: AppState, projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""

    async def targets(request: Request) -> Response:
        views = visible_targets(request, state)
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
        views = visible_targets(request, state)
        names = {view.job_name for each in views for view in each.active}
        names |= {name for each in views for name, _ in each.dropped}
        return success({"scrapePools": sorted(names)})

    async def metadata(request: Request) -> Response:
        views = visible_targets(request, state)
        parameters = await Parameters.of(request)
        project = projects.of(request)
        metric, limit = parameters.text("metric"), parameters.number("limit")
        wanted = parameters.text("match_target")
        matchers = parse_selector(wanted) if wanted else ()
        several = [
            dict(view.labels)
            for each in views
            for view in each.active
            if all(matcher.matches(dict(view.labels).get(matcher.name, "")) for matcher in matchers)
        ]
        now_ms = time.time_ns() // 1_000_000

        def answer() -> Response:
            families = project.catalog.metadata(metric) if several else {}
            found: list[dict[str, Any]] = []
            for labels in several:
                exposed = _metrics_of(project, labels, now_ms)
                found += (
                    {
                        "target": labels,
                        **({} if metric else {"metric": family}),
                        "type": said.type,
                        "help": said.help,
                        "unit": said.unit,
                    }
                    for family, each in families.items()
                    if any(family + suffix in exposed for suffix in _SUFFIXES)
                    for said in each
                )
            return success(found if limit < 0 else found[:limit])

        return await project.run(request, answer)

    return [
        Route("/api/v1/targets", answering(targets)),
        Route("/api/v1/targets/metadata", answering(metadata)),
        Route("/api/v1/scrape_pools", answering(scrape_pools)),
    ]


_SUFFIXES: Final = ("", "_total", "_bucket", "_count", "_sum", "_info", "_created")
"""Of a family's name in the names of its series."""


def _metrics_of(project: Project, labels: Mapping[str, str], now_ms: int) -> set[str]:
    """The names of the series that a target's labels were written with of late."""
    matchers = [Matcher(name, MatchOp.EQUAL, value) for name, value in labels.items()]
    found = project.index.find(matchers, now_ms - _RECENT_MS, now_ms)
    return {series.to_dict().get(METRIC_NAME, "") for series in found.labels}


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
