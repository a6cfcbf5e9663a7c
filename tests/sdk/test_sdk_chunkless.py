"""An ASGI application behind OpenTelemetry's middleware: one span a request."""

from typing import Any

import httpx
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from belvedere.sdk.instrument.chunkless import ChunklessTracerProvider


async def test_a_stream_is_one_span_and_others_are_kept() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = ChunklessTracerProvider(provider).get_tracer("asgi")

    async def stream(_: Request) -> StreamingResponse:
        with tracer.start_as_current_span("work"), tracer.start_as_current_span("sending"):
            return StreamingResponse(iter(["a", "b", "c"]))

    app: Any = OpenTelemetryMiddleware(Starlette(routes=[Route("/s", stream)]), tracer=tracer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        assert (await client.get("/s")).text == "abc"
    sending, work, request = kept.get_finished_spans()
    assert [sending.name, work.name] == ["sending", "work"]
    assert request.kind.name == "SERVER"
    assert work.parent == request.context
