"""Remote write, 1.0 and 2.0: Prometheus, its agents and other Collectors send samples here.

An answer of success means "on disk", as OTLP's: what is sent waits in the same durable queue.
"""

import asyncio
from functools import wraps
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere import internal_telemetry as telemetry
from belvedere.api.prometheus.answers import BadData, Endpoint, answering
from belvedere.api.prometheus.family import FamilyMemory
from belvedere.api.prometheus.project import Projects
from belvedere.api.prometheus.write_request import (
    NOTHING_WRITTEN,
    Written,
    read_v1,
    read_v1_with,
    read_v2,
)
from belvedere.api.state import AppState
from belvedere.collector.errors import ConsumeError
from belvedere.otlp.decode_pool import Share, shared_pool
from belvedere.otlp.signal import Signal
from belvedere.prometheus.remote_write.snappy import decompressed_bytes

_V1: Final = "prometheus.WriteRequest"
_V2: Final = "io.prometheus.write.v2.Request"
_MAX_BODY_BYTES: Final = 32 << 20
_SMALL_BYTES: Final = 256 << 10
"""Decompressed. Parsing more holds Python's lock for too long, and is done by another process."""
_NAMES: Final = ("prometheusremotewrite", "http")
_accepted = telemetry.RECEIVER_ACCEPTED[Signal.METRICS].labels(*_NAMES)
_refused = telemetry.RECEIVER_REFUSED[Signal.METRICS].labels(*_NAMES)
_rejected = telemetry.RECEIVER_REJECTED[Signal.METRICS].labels(*_NAMES)


def routes(state: AppState, projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""
    memory = FamilyMemory()

    async def write(request: Request) -> Response:
        project = projects.of(request).name
        message = _message_of(request.headers.get("content-type", ""))
        if message is None:
            return Response(
                f"remote write is application/x-protobuf with proto={_V1} or proto={_V2}\n", 415
            )
        if request.headers.get("content-encoding", "snappy").lower() != "snappy":
            return Response("the body of a remote write is compressed with snappy\n", 415)
        body = await _body(request)

        written = await _read(message, body, project, str(request.client), memory)
        items = written.samples + written.histograms
        if items or written.exemplars:
            try:
                await state.store_writer().append_points(project, written.points, items)
            except ConsumeError:
                _refused.inc(items)
                raise
        _accepted.inc(items)
        _rejected.inc(written.lost)
        if written.problems:
            return Response("; ".join(written.problems) + "\n", 400, written.headers)
        return Response(status_code=204, headers=written.headers)

    return [Route("/api/v1/write", _with_counts(answering(write)), methods=["POST"])]


def _with_counts(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with 2.0's response headers on its errors, which wrote nothing."""

    @wraps(endpoint)
    async def counted(request: Request) -> Response:
        answer = await endpoint(request)
        if _message_of(request.headers.get("content-type", "")) == _V2:
            for name, count in NOTHING_WRITTEN.headers.items():
                answer.headers.setdefault(name, count)
        return answer

    return counted


async def _read(
    message: str, body: bytes, project: str, connection: str, memory: FamilyMemory
) -> Written:
    """Read a request where it does not hold the event loop."""
    if decompressed_bytes(body) <= _SMALL_BYTES:
        if message == _V2:
            return await asyncio.to_thread(read_v2, body)
        return await asyncio.to_thread(read_v1, body, project, memory)
    share = Share(project, connection)
    if message == _V2:
        return await shared_pool().run(share, len(body), read_v2, body)
    known = await asyncio.to_thread(memory.families, project)
    written, families = await shared_pool().run(
        share, len(body), read_v1_with, body, project, known
    )
    memory.learn(project, families)
    return written


def _message_of(content_type: str) -> str | None:
    """Which message a body is: 1.0's where nothing is said, as upstream; None: no remote write."""
    if not content_type.strip():
        return _V1
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    if media_type.lower() != "application/x-protobuf":
        return None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "proto":
            return value if value in {_V1, _V2} else None
    return _V1


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise BadData(f"a request is at most {_MAX_BODY_BYTES >> 20} MiB; send fewer at once")
    return bytes(body)
