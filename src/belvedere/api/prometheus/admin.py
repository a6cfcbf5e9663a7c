"""`/admin/tsdb/…`: disabled, as in a Prometheus without `--web.enable-admin-api`."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import answering, failure
from belvedere.api.state import AppState

_NAMES: Final = ("delete_series", "clean_tombstones", "snapshot")


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def disabled(request: Request) -> Response:
        caller(request, state)
        return failure("unavailable", "admin APIs disabled", 500)

    return [
        Route(f"/api/v1/admin/tsdb/{name}", answering(disabled), methods=["POST", "PUT"])
        for name in _NAMES
    ]
