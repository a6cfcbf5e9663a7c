"""`/federate`: the newest sample of each series that is asked for, as a scrape."""

import time
from collections.abc import Iterable
from itertools import groupby
from typing import Final

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import answering
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.prometheus.project import Project, Projects
from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.exposition.write import TEXT_CONTENT_TYPE, Options, write
from belvedere.prometheus.from_otlp.point import Line, Point
from belvedere.prometheus.model import Metadata
from belvedere.query.kernels.latest import latest_indexes
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.promql.matcher import Matcher

_INSTANCE: Final = "instance"


def routes(projects: Projects, lookback_ms: int) -> list[BaseRoute]:
    """The routes of this file. `lookback_ms`: how old a sample may be."""

    async def federate(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        now_ms = time.time_ns() // 1_000_000

        def scrape() -> str:
            selectors = parameters.selectors(required=True)
            return _scrape(_newest(project, selectors, now_ms, lookback_ms))

        text = await project.run(request, scrape)
        return Response(text, media_type=None, headers={"content-type": TEXT_CONTENT_TYPE})

    return [Route("/federate", answering(federate))]


def _newest(
    project: Project, selectors: Iterable[Iterable[Matcher]], now_ms: int, lookback_ms: int
) -> dict[Labels, tuple[int, float]]:
    """The newest float of each series, with its time; native histograms have no text form."""
    found: dict[Labels, tuple[int, float]] = {}
    for matchers in selectors:
        samples = project.source().select(list(matchers), now_ms - lookback_ms, now_ms)
        newest, present = latest_indexes(samples, np.array([now_ms]), lookback_ms)
        for labels, at, is_there in zip(
            samples.labels, newest[:, 0].tolist(), present[:, 0].tolist(), strict=True
        ):
            is_float = samples.histograms is None or samples.histograms[at] is None
            if is_there and is_float:
                found[labels] = (int(samples.timestamps_ms[at]), float(samples.values[at]))
    return found


def _labels(labels: Labels) -> tuple[tuple[str, str], ...]:
    """With an empty `instance` where there is none, lest the scraper adds its own, as upstream."""
    pairs = tuple(labels.without(METRIC_NAME).items())
    return pairs if _INSTANCE in labels else (*pairs, (_INSTANCE, ""))


def _scrape(newest: dict[Labels, tuple[int, float]]) -> str:
    """The text, by name and labels; types are not said, as upstream does."""
    ordered = sorted(newest, key=lambda labels: (labels.name, tuple(labels.items())))
    families = []
    for name, several in groupby(ordered, key=lambda labels: labels.name):
        metadata = Metadata(name)
        points = [
            Point(
                metadata,
                _labels(labels),
                newest[labels][0],
                0,
                (Line("", None, newest[labels][1]),),
            )
            for labels in several
        ]
        families.append(Family(metadata, tuple(points)))
    return write(families, Options(timestamps=True, utf8_names=True))
