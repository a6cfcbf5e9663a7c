"""Traces by id, as Tempo answers: `/api/v2/traces/{id}`, and `/api/traces/{id}` before it.

Protobuf for `Accept: application/protobuf`, else the JSON of protobuf: ids in base64, enums by
name, 64-bit integers as strings. A `Trace` of Tempo has the fields of a `TracesData` of OTLP.
"""

from collections.abc import Callable
from typing import Final

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.errors import ApiError
from belvedere.api.pool import QueryPool
from belvedere.api.state import AppState
from belvedere.query.traces import normalized_trace_id, trace_by_id

_PROTOBUF: Final = "application/protobuf"
_TRACE_FIELD: Final = b"\x0a"
"""Tag of `TraceByIDResponse.trace`: field 1, length-delimited."""

Encoder = Callable[[TracesData], bytes | str]


def routes(state: AppState, pool: QueryPool) -> list[BaseRoute]:
    """The routes of this file."""

    async def answer(request: Request, encoders: dict[bool, Encoder]) -> Response:
        who = caller(request, state)
        try:
            trace_id = normalized_trace_id(request.path_params["trace_id"])
        except ValueError as error:
            raise ApiError(400, str(error), code="BAD_TRACE_ID") from None
        start_s, end_s = _second(request, "start"), _second(request, "end")
        if start_s is not None and end_s is not None and start_s > end_s:
            raise ApiError(400, "start is after end", code="BAD_PARAMETER")
        wants_protobuf = _PROTOBUF in request.headers.get("Accept", "")

        def encoded() -> bytes | str | None:
            trace = trace_by_id(
                state.database, trace_id, project=who.project, start_s=start_s, end_s=end_s
            )
            return None if trace is None else encoders[wants_protobuf](trace)

        body = await pool.run(request, encoded, project=who.project)
        if body is None:
            raise ApiError(
                404,
                f"there is no trace {trace_id} in the project {who.project!r}",
                code="TRACE_NOT_FOUND",
            )
        return Response(body, media_type=_PROTOBUF if wants_protobuf else "application/json")

    async def v2(request: Request) -> Response:
        return await answer(request, {True: _response, False: _response_json})

    async def v1(request: Request) -> Response:
        return await answer(request, {True: _trace, False: _trace_json})

    return [Route("/api/v2/traces/{trace_id}", v2), Route("/api/traces/{trace_id}", v1)]


def _second(request: Request, name: str) -> int | None:
    """A time in seconds since 1970. Tempo takes 0 for "not given", and so does this."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise ApiError(
            400, f"{name}={text[:20]!r} is no time in seconds since 1970", code="BAD_PARAMETER"
        )
    return int(text) or None


def _response(trace: TracesData) -> bytes:
    """A `TraceByIDResponse`."""
    data = trace.SerializeToString()
    return _TRACE_FIELD + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Protobuf's base-128 integer."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _response_json(trace: TracesData) -> str:
    return f'{{"trace":{MessageToJson(trace, indent=None)}}}'


def _trace(trace: TracesData) -> bytes:
    return trace.SerializeToString()


def _trace_json(trace: TracesData) -> str:
    """As Tempo's first API has it: `batches` for `resourceSpans`."""
    return MessageToJson(trace, indent=None).replace('"resourceSpans":', '"batches":', 1)
