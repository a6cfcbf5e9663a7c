"""Remote read: another Prometheus reads raw samples here."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import BadData, answering
from belvedere.api.prometheus.project import Project, Projects
from belvedere.prometheus.model import Series
from belvedere.prometheus.remote_read import (
    MatcherType,
    ReadQuery,
    decode_request,
    encode_response,
)
from belvedere.prometheus.remote_write.snappy import compress, decompress
from belvedere.query.histogram.to_prometheus import to_prometheus
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.samples import Samples

_MAX_BODY_BYTES: Final = 1 << 20
"""Before and after decompression. Queries are a few hundred bytes each."""
_OPERATORS: Final = {
    MatcherType.EQUAL: MatchOp.EQUAL,
    MatcherType.NOT_EQUAL: MatchOp.NOT_EQUAL,
    MatcherType.REGEX: MatchOp.REGEX,
    MatcherType.NOT_REGEX: MatchOp.NOT_REGEX,
}


def routes(projects: Projects) -> list[BaseRoute]:
    """The routes of this file."""

    async def read(request: Request) -> Response:
        project = projects.of(request)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                raise BadData(f"a read request is at most {_MAX_BODY_BYTES >> 20} MiB")

        def answer() -> bytes:
            queries = decode_request(decompress(bytes(body), _MAX_BODY_BYTES))
            return compress(encode_response([_series(project, query) for query in queries]))

        data = await project.run(request, answer)
        headers = {"Content-Encoding": "snappy"}
        return Response(data, 200, headers, media_type="application/x-protobuf")

    return [Route("/api/v1/read", answering(read), methods=["POST"])]


def _series(project: Project, query: ReadQuery) -> list[Series]:
    matchers = [Matcher(name, _OPERATORS[type_], value) for type_, name, value in query.matchers]
    # Remote read's start is inclusive.
    samples = project.source().select(matchers, query.start_ms - 1, query.end_ms)
    return [_one(samples, row) for row in range(len(samples.labels))]


def _one(samples: Samples, row: int) -> Series:
    at = slice(int(samples.offsets[row]), int(samples.offsets[row + 1]))
    times_ms = samples.timestamps_ms[at].tolist()
    series = Series(tuple(samples.labels[row].items()))
    pairs = list(zip(times_ms, samples.values[at].tolist(), strict=True))
    if samples.histograms is None:
        series.samples = pairs
        return series
    for (time_ms, value), histogram in zip(pairs, samples.histograms[at], strict=True):
        if histogram is None:
            series.samples.append((time_ms, value))
        else:
            series.histograms.append((time_ms, to_prometheus(histogram)))
    return series
