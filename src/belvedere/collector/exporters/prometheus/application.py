"""`/metrics` as an ASGI application."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from isal import igzip
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from belvedere.collector.receivers.otlp.access import Access, Headers
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import OtlpError
from belvedere.otlp.status import http_answer
from belvedere.prometheus.exposition import protobuf
from belvedere.prometheus.exposition.family import Accepted, Family, Format, negotiate
from belvedere.prometheus.exposition.write import (
    OPENMETRICS_CONTENT_TYPE,
    TEXT_CONTENT_TYPE,
    Options,
    write,
)

_CONTENT_TYPES: Final[Mapping[Format, str]] = {
    Format.TEXT: TEXT_CONTENT_TYPE,
    Format.OPENMETRICS: OPENMETRICS_CONTENT_TYPE,
    Format.PROTOBUF: protobuf.CONTENT_TYPE,
}


class Metrics:
    """Answers scrapes."""

    def __init__(
        self,
        families: Callable[[], list[Family]],
        access: Access,
        *,
        openmetrics: bool,
        timestamps: bool,
    ) -> None:
        """`families` is asked anew for each scrape, in a thread."""
        self._families, self._access, self._timestamps = families, access, timestamps
        formats = [Format.TEXT, Format.PROTOBUF]
        self._offered = [*formats, Format.OPENMETRICS] if openmetrics else formats

    def application(self) -> Starlette:
        """With the one path."""
        return Starlette(routes=[Route("/metrics", self._answer, methods=["GET"])])

    async def _answer(self, request: Request) -> Response:
        try:
            self._access.project(_headers(request))
        except OtlpError as error:
            refusal = http_answer(error, Encoding.JSON)
            return PlainTextResponse(
                f"{error}\n", refusal.status, headers={"www-authenticate": "Bearer, Basic"}
            )
        accepted = negotiate(request.headers.get("accept", ""), self._offered)
        gzip = "gzip" in request.headers.get("accept-encoding", "")
        body = await asyncio.to_thread(self._body, accepted, gzip=gzip)
        escaping = "allow-utf-8" if accepted.utf8_names else "underscores"
        headers = {
            "content-type": f"{_CONTENT_TYPES[accepted.format]}; escaping={escaping}",
            "vary": "accept, accept-encoding",
        }
        if gzip:
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)

    def _body(self, accepted: Accepted, *, gzip: bool) -> bytes:
        families = self._families()
        if accepted.format is Format.PROTOBUF:
            body = protobuf.write_protobuf(
                families, timestamps=self._timestamps, utf8_names=accepted.utf8_names
            )
        else:
            options = Options(
                openmetrics=accepted.format is Format.OPENMETRICS,
                timestamps=self._timestamps,
                utf8_names=accepted.utf8_names,
            )
            body = write(families, options).encode()
        return bytes(igzip.compress(body, 1)) if gzip else body


def _headers(request: Request) -> Headers:
    return {name: tuple(request.headers.getlist(name)) for name in request.headers}
