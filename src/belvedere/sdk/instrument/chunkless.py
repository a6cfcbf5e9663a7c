"""A tracer provider for ASGI instrumentors: no span for each message that is received or sent.

A stream has thousands, and they say nothing. FastAPI's instrumentor has an option for it
(`OPTIONS` of activate.py), Starlette's has none.
"""

from contextlib import nullcontext
from typing import Any, Final

from opentelemetry.trace import INVALID_SPAN

from belvedere.sdk.instrument.wrapped import WrappedTracer, WrappedTracerProvider

_MESSAGES: Final = tuple(
    f" {protocol} {direction}"
    for protocol in ("http", "websocket")
    for direction in ("receive", "send")
)
"""How the names of their spans end."""


class _ChunklessTracer(WrappedTracer):
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name.endswith(_MESSAGES):
            return nullcontext(INVALID_SPAN)
        return super().start_as_current_span(name, *args, **kwargs)


class ChunklessTracerProvider(WrappedTracerProvider):
    """Provides tracers of a provider that leave those spans out."""

    tracer_type = _ChunklessTracer
