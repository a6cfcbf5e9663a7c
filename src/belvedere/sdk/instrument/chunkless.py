"""A tracer provider for ASGI instrumentors: no span for each message that is received or sent.

A stream has thousands, and they say nothing. FastAPI's instrumentor has an option for it
(`OPTIONS` of activate.py), Starlette's has none.
"""

from contextlib import nullcontext
from typing import Any, Final

from opentelemetry.trace import INVALID_SPAN, Span, Tracer, TracerProvider

_MESSAGES: Final = tuple(
    f" {protocol} {direction}"
    for protocol in ("http", "websocket")
    for direction in ("receive", "send")
)
"""How the names of their spans end."""


class ChunklessTracerProvider(TracerProvider):
    """Hands out tracers of `provider` that leave those spans out."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _ChunklessTracer(self._provider.get_tracer(*args, **kwargs))


class _ChunklessTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name.endswith(_MESSAGES):
            return nullcontext(INVALID_SPAN)
        return self._tracer.start_as_current_span(name, *args, **kwargs)
