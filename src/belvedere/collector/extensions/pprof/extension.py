"""`pprof`: profiles of the process over HTTP, for whoever asks why it is busy."""

import asyncio
import io
from pathlib import Path
from typing import ClassVar, Final

import structlog
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from belvedere.collector.component import Host
from belvedere.collector.extensions.http_page import HttpPageConfig
from belvedere.collector.extensions.pprof.profile import Profiler, thread_stacks
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.serving.listen import Endpoint

log = structlog.get_logger(__name__)

_DEFAULT_S: Final = 30.0
_LONGEST_S: Final = 600.0
_INDEX: Final = """\
/debug/pprof/profile?seconds=30                    CPU profile as collapsed stacks, in ms
/debug/pprof/profile?seconds=30&format=speedscope  the same for https://www.speedscope.app
/debug/pprof/threads                               what each thread does now
/debug/pprof/tasks                                 what each asyncio task waits for
"""


class PprofConfig(HttpPageConfig):
    """`extensions::pprof`."""

    unsupported: ClassVar = HttpPageConfig.unsupported | {
        "dialer": "its timeout is of Go's server",
    }

    endpoint: Endpoint = Field("localhost:1777", description="Address to listen on, host:port.")
    block_profile_fraction: int = Field(
        0, description="Changes nothing: see /debug/pprof/tasks for what waits."
    )
    mutex_profile_fraction: int = Field(
        0, description="Changes nothing: see /debug/pprof/threads for what waits."
    )
    save_to_file: Path | None = Field(
        None, description="File for a CPU profile, as collapsed stacks, from the start to the stop."
    )


class PprofExtension:
    """Serves profiles below `/debug/pprof/`."""

    Config = PprofConfig

    def __init__(self, config: PprofConfig, host: Host) -> None:
        routes = [
            Route("/debug/pprof/", lambda _: PlainTextResponse(_INDEX)),
            Route("/debug/pprof/profile", _profile),
            Route("/debug/pprof/threads", lambda _: PlainTextResponse(thread_stacks())),
            Route("/debug/pprof/tasks", _tasks),
        ]
        key = f"extensions::{host.component_id}"
        self._file = config.save_to_file
        self._server = HttpServer(Starlette(routes=routes), config.endpoint, key, tls=config.tls)
        self._profiler: Profiler | None = None

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
        if self._file:
            self._profiler = Profiler()
            self._profiler.start()

    async def shutdown(self) -> None:
        """Stop serving; write the file."""
        await self._server.shutdown()
        profiler, self._profiler = self._profiler, None
        if profiler and self._file:
            await asyncio.to_thread(profiler.stop)
            try:
                await asyncio.to_thread(self._file.write_text, profiler.collapsed(), "utf-8")
            except OSError as error:
                log.warning("profile_not_written", path=str(self._file), error=error.strerror)


async def _profile(request: Request) -> Response:
    wanted = request.query_params.get("seconds", str(_DEFAULT_S))
    form = request.query_params.get("format", "collapsed")
    try:
        seconds = float(wanted)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_S or form not in {"collapsed", "speedscope"}:
        message = f"seconds is a number up to {_LONGEST_S:g}, format is collapsed or speedscope\n"
        return PlainTextResponse(message, 400)
    profiler = Profiler()
    profiler.start()
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(profiler.stop)
    if form == "speedscope":
        return JSONResponse(profiler.speedscope())
    return PlainTextResponse(profiler.collapsed())


async def _tasks(_: Request) -> Response:
    text = io.StringIO()
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        task.print_stack(file=text)
    return PlainTextResponse(text.getvalue())
