"""A tracer provider, a tracer and a span that pass everything on: for others to change a part."""

from typing import Any, ClassVar

from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider


class WrappedTracer(Tracer):
    """Passes everything on to `tracer`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_as_current_span(*args, **kwargs)


class WrappedTracerProvider(TracerProvider):
    """Provides tracers of `provider`, each in a `tracer_type`."""

    tracer_type: ClassVar[type[WrappedTracer]]

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return self.tracer_type(self._provider.get_tracer(*args, **kwargs))


class WrappedSpan(Span):
    """Passes everything on to `span`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, end_time: int | None = None) -> None:
        self._span.end(end_time)

    def update_name(self, name: str) -> None:
        self._span.update_name(name)

    def get_span_context(self) -> SpanContext:
        return self._span.get_span_context()

    def set_attributes(self, attributes: Any) -> None:
        self._span.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self._span.set_attribute(key, value)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_event(*args, **kwargs)

    def add_link(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_link(*args, **kwargs)

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def set_status(self, *args: Any, **kwargs: Any) -> None:
        self._span.set_status(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._span.record_exception(*args, **kwargs)
