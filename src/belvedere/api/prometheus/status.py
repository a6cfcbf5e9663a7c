"""What the server is: `/status/…`, `/features`, `/notifications`, `/version`."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import yaml
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from belvedere import __version__
from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import Endpoint, answering, success
from belvedere.api.prometheus.targets import visible_targets
from belvedere.api.prometheus.text import to_json
from belvedere.api.state import AppState
from belvedere.query.promql.duration import format_duration
from belvedere.query.promql.options import ParserOptions
from belvedere.query.promql.signatures import FUNCTIONS
from belvedere.query.promql.tokens import (
    AGGREGATORS,
    ARITHMETIC_OPERATORS,
    COMPARISON_OPERATORS,
    EXPERIMENTAL_AGGREGATORS,
    SET_OPERATORS,
    TRIM_OPERATORS,
)

PROMETHEUS_VERSION: Final = "3.14.0"
"""The Prometheus whose language this is. Grafana asks for the version to know the functions."""
_OF_OPERATORS: Final = frozenset(("storage.tsdb.path",))
"""Flags that a token of one project does not show: paths of the machine."""
_RETENTION: Final = "storage.tsdb.retention.time"
_BUILD: Final = {
    "version": PROMETHEUS_VERSION,
    "revision": f"belvedere-{__version__}",
    "branch": "",
    "buildUser": "",
    "buildDate": "",
    "goVersion": f"python{platform.python_version()}",
}
_CONSTANT: Final[Mapping[str, Any]] = {
    # No `features`: with them Grafana takes the server for a Mimir with a ruler.
    "/api/v1/status/buildinfo": _BUILD,
    # Upstream's, of its WAL and its blocks: samples are in ClickHouse's parts.
    "/api/v1/status/walreplay": {"min": 0, "max": 0, "current": 0},
    "/api/v1/status/tsdb/blocks": {"blocks": []},
    # Upstream's are of its configuration, its start and its WAL.
    "/api/v1/notifications": [],
}


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""
    started = datetime.now(UTC)

    async def version(_: Request) -> Response:
        return PlainTextResponse(to_json(_BUILD) + b"\n")

    async def runtimeinfo(_: Request) -> Response:
        last = state.last_reload()
        loaded = started if last.loaded_s is None else datetime.fromtimestamp(last.loaded_s, UTC)
        return success(
            {
                "startTime": started.isoformat(),
                "serverTime": datetime.now(UTC).isoformat(),
                "reloadConfigSuccess": last.is_successful,
                "lastConfigTime": loaded.isoformat(),
                "storageRetention": state.flags.get(_RETENTION, ""),
            }
        )

    async def config(request: Request) -> Response:
        configuration = dict(state.prometheus_config(caller(request, state).project))
        scraped = {
            view.job_name: view for each in visible_targets(request, state) for view in each.active
        }
        if scraped:
            configuration["scrape_configs"] = [
                {
                    "job_name": name,
                    "scrape_interval": format_duration(round(view.interval_s * 1000)),
                    "scrape_timeout": format_duration(round(view.timeout_s * 1000)),
                }
                for name, view in sorted(scraped.items())
            ]
        text = yaml.safe_dump(configuration, sort_keys=False) if configuration else ""
        return success({"yaml": text})

    async def flags(request: Request) -> Response:
        hidden = _OF_OPERATORS if caller(request, state).confined else frozenset()
        return success({name: text for name, text in state.flags.items() if name not in hidden})

    async def features(_: Request) -> Response:
        return success(_features(state.engine.options.parser))

    endpoints: dict[str, Endpoint] = {
        "/version": version,
        "/api/v1/features": features,
        "/api/v1/status/runtimeinfo": runtimeinfo,
        "/api/v1/status/config": config,
        "/api/v1/status/flags": flags,
    }
    endpoints |= {path: _always(data) for path, data in _CONSTANT.items()}
    return [Route(path, answering(endpoint)) for path, endpoint in endpoints.items()]


def _always(data: Any) -> Endpoint:
    async def constant(_: Request) -> Response:
        return success(data)

    return constant


def _features(parser: ParserOptions) -> Mapping[str, Mapping[str, Any]]:
    """Category → feature → whether it is switched on, as upstream names them."""
    operators = (
        AGGREGATORS | ARITHMETIC_OPERATORS | COMPARISON_OPERATORS | SET_OPERATORS | TRIM_OPERATORS
    )
    experimental = parser.experimental_functions
    return {
        "api": {
            "admin": False,
            "lifecycle": True,
            "otlp_write_receiver": True,
            "remote_write_receiver": True,
        },
        "promql": {
            "anchored": parser.extended_ranges,
            "at_modifier": True,
            "bool": True,
            "by": True,
            "duration_expr": parser.duration_expressions,
            "experimental_functions": experimental,
            "fill": parser.fill_modifiers,
            "group_left": True,
            "group_right": True,
            "ignoring": True,
            "negative_offset": True,
            "offset": True,
            "on": True,
            "smoothed": parser.extended_ranges,
            "subqueries": True,
            "without": True,
        },
        "promql_functions": {
            name: experimental or not signature.experimental
            for name, signature in sorted(FUNCTIONS.items())
        },
        "promql_operators": {
            name: experimental or name not in EXPERIMENTAL_AGGREGATORS for name in sorted(operators)
        },
    }
