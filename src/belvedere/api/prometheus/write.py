"""Remote write, 1.0 and 2.0: Prometheus, its agents and other Collectors send samples here.

An answer of success means "on disk", as OTLP's: what is sent waits in the same durable queue.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere import internal_telemetry as telemetry
from belvedere.api.prometheus.answers import BadData, answering
from belvedere.api.prometheus.family import FamilyMemory
from belvedere.api.prometheus.project import Projects
from belvedere.api.state import AppState
from belvedere.collector.errors import ConsumeError
from belvedere.otlp.signal import Signal
from belvedere.prometheus.model import NAME, Series
from belvedere.prometheus.points import MAX_TIME_MS, MIN_TIME_MS, encode_points
from belvedere.prometheus.remote_write import v1, v2
from belvedere.prometheus.remote_write.plain import read_plain
from belvedere.prometheus.remote_write.snappy import decompress

_V1: Final = "prometheus.WriteRequest"
_V2: Final = "io.prometheus.write.v2.Request"
_MAX_BODY_BYTES: Final = 32 << 20
_NAMES: Final = ("prometheusremotewrite", "http")
_accepted = telemetry.RECEIVER_ACCEPTED[Signal.METRICS].labels(*_NAMES)
_refused = telemetry.RECEIVER_REFUSED[Signal.METRICS].labels(*_NAMES)
_rejected = telemetry.RECEIVER_REJECTED[Signal.METRICS].labels(*_NAMES)


@dataclass(frozen=True, slots=True)
class _Written:
    """What a request held that can be stored, and what is said of the rest."""

    points: bytes
    samples: int
    histograms: int = 0
    exemplars: int = 0
    problems: Sequence[str] = ()
    lost: int = 0
    """Samples and histograms of series that cannot be stored."""

    @property
    def headers(self) -> dict[str, str]:
        """2.0's response headers."""
        counts = {
            "Samples": self.samples,
            "Histograms": self.histograms,
            "Exemplars": self.exemplars,
        }
        return {
            f"X-Prometheus-Remote-Write-{kind}-Written": str(count)
            for kind, count in counts.items()
        }


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

        def read() -> _Written:
            data = decompress(body)
            if message == _V2:
                return _storable(v2.decode(data))
            if plain := read_plain(data, lambda name: memory.of(project, name)):
                return _Written(plain.points, plain.samples)
            series, families = v1.decode(data)
            memory.learn(project, families)
            return _storable([memory.known(project, each) for each in series])

        written = await asyncio.to_thread(read)
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

    return [Route("/api/v1/write", answering(write), methods=["POST"])]


def _message_of(content_type: str) -> str | None:
    """Which message a body is; None for no remote write."""
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


def _storable(several: Sequence[Series]) -> _Written:
    """The series that can be stored; the others are told of, up to three."""
    good, problems, lost = [], [], 0
    for series in several:
        problem = _problem(series)
        if problem:
            problems.append(problem)
            lost += len(series.samples) + len(series.histograms)
        else:
            good.append(replace(series, labels=tuple(sorted(series.labels))))
    if len(problems) > 3:
        problems = [*problems[:3], f"and {len(problems) - 3} series more"]
    return _Written(
        encode_points(good),
        sum(len(series.samples) for series in good),
        sum(len(series.histograms) for series in good),
        sum(len(series.exemplars) for series in good),
        problems,
        lost,
    )


def _problem(series: Series) -> str:
    """Why a series cannot be stored; empty where it can."""
    if not series.name:
        return f"a series has no {NAME}: {dict(series.labels)}"
    times = (*(time for time, _ in series.samples), *(time for time, _ in series.histograms))
    if times and not MIN_TIME_MS <= min(times) <= max(times) <= MAX_TIME_MS:
        return f"{series.name} has a sample outside of the years 1900 to 2299"
    return ""
