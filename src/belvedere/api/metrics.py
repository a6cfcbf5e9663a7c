"""`/metrics`: Belvedere's own telemetry, for Prometheus.

Without tokens it is open, as exporters are. With tokens an operator's shows all, and any other the
samples of its own project.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.state import AppState
from belvedere.internal_telemetry import REGISTRY


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def metrics(request: Request) -> Response:
        who = caller(request, state)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        shown = _OfProject(who.project) if who.confined else REGISTRY
        return Response(encode(shown), headers={"Content-Type": content_type})

    return [Route("/metrics", metrics)]


class _OfProject(CollectorRegistry):
    """The samples of one project: those with its name in the label `project`."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self._project = project

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            samples = [
                sample for sample in family.samples if sample.labels.get("project") == self._project
            ]
            if samples:
                own = Metric(family.name, family.documentation, family.type, family.unit)
                own.samples = samples
                yield own
