"""`zpages`: the Collector at work: pipelines, components, their counters."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from belvedere import __version__
from belvedere.collector.component import Host
from belvedere.collector.extensions.http_page import HttpPageConfig
from belvedere.collector.extensions.zpages.counters import counters_of
from belvedere.collector.own_process import OWN_PROCESS
from belvedere.collector.pipelines import PipelineSettings
from belvedere.collector.registry import Kind
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.serving.listen import Endpoint
from belvedere.collector.status import ServiceStatus

_INDEX: Final = """\
/debug/servicez     the process and its service
/debug/pipelinez    pipelines, their components, and what passed them
/debug/extensionz   extensions
Each also as JSON: ?format=json
"""


class ZpagesConfig(HttpPageConfig):
    """`extensions::zpages`."""

    unsupported: ClassVar = HttpPageConfig.unsupported | {
        "expvar": "the Collector's own metrics are at service::telemetry::metrics::address",
    }

    endpoint: Endpoint = Field("localhost:55679", description="Address to listen on, host:port.")


class ZpagesExtension:
    """Serves what the Collector knows about itself, below `/debug/`."""

    Config = ZpagesConfig

    def __init__(self, config: ZpagesConfig, host: Host) -> None:
        self._status: ServiceStatus = host.services.get(ServiceStatus) or ServiceStatus()
        pages = {
            "/debug/servicez": (self._service, _service_text),
            "/debug/pipelinez": (self._pipelines, _pipelines_text),
            "/debug/extensionz": (self._extensions, _extensions_text),
        }
        routes = [Route(path, in_either_form(*page)) for path, page in pages.items()]
        routes.append(Route("/debug/", lambda _: PlainTextResponse(_INDEX)))
        key = f"extensions::{host.component_id}"
        self._server = HttpServer(Starlette(routes=routes), config.endpoint, key, tls=config.tls)

    @property
    def port(self) -> int:
        """Where it is served, once started."""
        return self._server.port

    async def start(self) -> None:
        """Serve.

        Raises:
            ConfigError: the address cannot be had.
        """
        await self._server.start()

    async def shutdown(self) -> None:
        """Stop serving."""
        await self._server.shutdown()

    def _service(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "state": str(self._status.state),
            "since": datetime.fromtimestamp(self._status.since_s, UTC).isoformat(),
            "pid": os.getpid(),
            "memory_rss_bytes": OWN_PROCESS.memory_info().rss,
            "cpu_seconds": sum(OWN_PROCESS.cpu_times()[:2]),
            "threads": OWN_PROCESS.num_threads(),
            "pipelines": list(self._status.pipelines),
            "extensions": list(self._status.extensions),
        }

    def _pipelines(self) -> dict[str, Any]:
        return {"pipelines": [_pipeline(each) for each in self._status.pipelines.values()]}

    def _extensions(self) -> dict[str, Any]:
        return {"extensions": list(self._status.extensions)}


def in_either_form(
    content: Callable[[], dict[str, Any]], as_text: Callable[[dict[str, Any]], str]
) -> Callable[[Request], Response]:
    """A page that is JSON for who asks for it, else text."""

    def page(request: Request) -> Response:
        wants = request.query_params.get("format") or request.headers.get("accept", "")
        if "json" in wants:
            return JSONResponse(content())
        return PlainTextResponse(as_text(content()))

    return page


def _pipeline(pipeline: PipelineSettings) -> dict[str, Any]:
    parts = {
        Kind.RECEIVER: pipeline.receivers,
        Kind.PROCESSOR: pipeline.processors,
        Kind.EXPORTER: pipeline.exporters,
    }
    return {"id": pipeline.id, "signal": str(pipeline.signal)} | {
        str(kind): [
            {"id": each, "counters": counters_of(kind, each, pipeline.signal)} for each in ids
        ]
        for kind, ids in parts.items()
    }


def _service_text(content: dict[str, Any]) -> str:
    lines = (
        f"{name:<17} {', '.join(value) if isinstance(value, list) else value}\n"
        for name, value in content.items()
    )
    return "".join(lines)


def _pipelines_text(content: dict[str, Any]) -> str:
    lines: list[str] = []
    for pipeline in content["pipelines"]:
        lines += ["", pipeline["id"]]
        for kind in (Kind.RECEIVER, Kind.PROCESSOR, Kind.EXPORTER):
            for component in pipeline[kind]:
                counters = "  ".join(f"{k}={v:g}" for k, v in component["counters"].items())
                lines.append(f"  {kind[:-1]:<9}  {component['id']:<24}  {counters}".rstrip())
    return "\n".join(lines[1:]) + "\n"


def _extensions_text(content: dict[str, Any]) -> str:
    return "".join(f"{each}\n" for each in content["extensions"])
