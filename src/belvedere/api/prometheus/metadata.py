"""What metric families are: `/metadata`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.prometheus.project import Projects


def routes(projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""

    async def metadata(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        limit, of_each = parameters.number("limit"), parameters.number("limit_per_metric")

        def answer() -> Response:
            if limit == 0:
                return success({})
            found = project.catalog.metadata(parameters.text("metric"), limit=max(limit, 0))
            return success(
                {
                    family: [
                        {"type": said.type, "unit": said.unit, "help": said.help}
                        for said in (several if of_each < 0 else several[:of_each])
                    ]
                    for family, several in found.items()
                }
            )

        return await project.run(request, answer)

    return [Route("/api/v1/metadata", answering(metadata))]
