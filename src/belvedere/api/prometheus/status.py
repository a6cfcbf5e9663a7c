"""What the server is: `/api/v1/status/…`, `/-/healthy`, `/-/ready`."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from belvedere import __version__
from belvedere.api.prometheus.answers import Endpoint, answering, success
from belvedere.api.state import AppState

PROMETHEUS_VERSION: Final = "3.14.0"
"""The Prometheus whose language this is. Grafana asks for the version to know the functions."""


def routes(state: AppState, flags: Mapping[str, str]) -> list[BaseRoute]:
    """The routes of this file. `flags`: what Prometheus takes as options, and their values here."""
    started = datetime.now(UTC)

    async def buildinfo(_: Request) -> Response:
        # No `features`: with them Grafana takes the server for a Mimir with a ruler.
        return success(
            {
                "version": PROMETHEUS_VERSION,
                "revision": f"belvedere-{__version__}",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": f"python{platform.python_version()}",
            }
        )

    async def runtimeinfo(_: Request) -> Response:
        return success(
            {
                "startTime": started.isoformat(),
                "serverTime": datetime.now(UTC).isoformat(),
                "reloadConfigSuccess": True,
                "lastConfigTime": started.isoformat(),
                "storageRetention": flags.get("storage.tsdb.retention.time", ""),
            }
        )

    async def config(_: Request) -> Response:
        return success({"yaml": ""})

    async def show_flags(_: Request) -> Response:
        return success(dict(flags))

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("Belvedere is Healthy.\n")

    async def ready(_: Request) -> Response:
        if state.problem():
            return PlainTextResponse("Service Unavailable\n", 503, {"Retry-After": "1"})
        return PlainTextResponse("Belvedere is Ready.\n")

    endpoints: dict[str, Endpoint] = {
        "/api/v1/status/buildinfo": buildinfo,
        "/api/v1/status/runtimeinfo": runtimeinfo,
        "/api/v1/status/config": config,
        "/api/v1/status/flags": show_flags,
        "/-/healthy": healthy,
        "/-/ready": ready,
    }
    return [Route(path, answering(endpoint)) for path, endpoint in endpoints.items()]
