"""`health_check`: says over HTTP whether the Collector works, for probes of an orchestrator."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.extensions.http_page import HttpPageConfig
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.serving.listen import Endpoint, UrlPath
from belvedere.collector.status import ServiceStatus, State


class ResponseBodyConfig(ComponentConfig):
    """`response_body`: texts instead of the usual answers."""

    healthy: str = Field("", description="Body of the answer 200.")
    unhealthy: str = Field("", description="Body of the answer 503.")


class HealthCheckConfig(HttpPageConfig):
    """`extensions::health_check`."""

    unsupported: ClassVar = HttpPageConfig.unsupported | {
        "use_v2": "there is one answer for the whole Collector",
        "component_health": "there is one answer for the whole Collector",
        "grpc": "there is one over HTTP only",
    }
    without_effect: ClassVar[Mapping[str, str]] = {
        "check_collector_pipeline": "otelcol_exporter_send_failed_… of the Collector's own metrics"
    }

    endpoint: Endpoint = Field("localhost:13133", description="Address to listen on, host:port.")
    path: UrlPath = Field("/", description="Path that is asked for.")
    response_body: ResponseBodyConfig | None = Field(
        None, description="Texts instead of the usual JSON."
    )


class HealthCheck:
    """200 while all pipelines run; 503 before that, and while they stop."""

    Config = HealthCheckConfig

    def __init__(self, config: HealthCheckConfig, host: Host) -> None:
        self._config = config
        self._status: ServiceStatus = host.services.get(ServiceStatus) or ServiceStatus()
        app = Starlette(routes=[Route(config.path, self._answer)])
        key = f"extensions::{host.component_id}"
        self._server = HttpServer(app, config.endpoint, key, tls=config.tls)

    @property
    def port(self) -> int:
        """Where it is served, once started."""
        return self._server.port

    async def start(self) -> None:
        """Serve; not ready yet.

        Raises:
            ConfigError: the address cannot be had.
        """
        await self._server.start()

    async def shutdown(self) -> None:
        """Stop serving."""
        await self._server.shutdown()

    async def _answer(self, _: Request) -> Response:
        status, texts = self._status, self._config.response_body
        healthy = status.state is State.RUNNING
        if texts is not None and (text := texts.healthy if healthy else texts.unhealthy):
            return Response(text, 200 if healthy else 503)
        since = datetime.fromtimestamp(status.since_s, UTC) if healthy else None
        body = {
            "status": "Server available" if healthy else "Server not available",
            "upSince": since.isoformat().replace("+00:00", "Z")
            if since
            else "0001-01-01T00:00:00Z",
            "uptime": f"{time.time() - status.since_s:.3f}s" if healthy else "",
        }
        return Response(json.dumps(body), 200 if healthy else 503, media_type="application/json")
