"""Tracer providers for database libraries: one span per statement.

SQLAlchemy works through a driver, and both have an instrumentor. A statement that SQLAlchemy
executes has SQLAlchemy's span only; a call of the driver outside of SQLAlchemy has the driver's.
SQLAlchemy's instrumentor does not make its span current while the statement is executed, so a
context variable of ours has the statement; SQLAlchemy's asyncio engine runs the driver in the same
context.
"""

from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any, Final
from weakref import ref

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, Tracer, TracerProvider

DRIVERS: Final = frozenset(
    {
        "aiopg",
        "aiosqlite",
        "asyncpg",
        "mysql",
        "mysqlclient",
        "psycopg",
        "psycopg2",
        "pymysql",
        "sqlite3",
    }
)
"""Libraries that SQLAlchemy works through."""

_ORM_SCOPE: Final = "opentelemetry.instrumentation.sqlalchemy"

_statement: ContextVar["ref[_Statement] | None"] = ContextVar("belvedere_statement", default=None)
"""Weak: the span of a cancelled statement is never ended, but goes with SQLAlchemy's context."""


class OrmTracerProvider(TracerProvider):
    """Provide tracers of `provider` for SQLAlchemy's instrumentor."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _OrmTracer(self._provider.get_tracer(*args, **kwargs))


class DriverTracerProvider(TracerProvider):
    """Provide tracers of `provider` that start no span inside a statement of SQLAlchemy."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _DriverTracer(self._provider.get_tracer(*args, **kwargs))


class _OrmTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        span = _Statement(self._tracer.start_span(*args, **kwargs))
        _statement.set(ref(span))
        return span

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_as_current_span(*args, **kwargs)


class _DriverTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return INVALID_SPAN if _is_in_sqlalchemy() else self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        if _is_in_sqlalchemy():
            return nullcontext(INVALID_SPAN)
        return self._tracer.start_as_current_span(*args, **kwargs)


def _is_in_sqlalchemy() -> bool:
    reference = _statement.get()
    statement = None if reference is None else reference()
    if statement is not None and not statement.ended:
        return True
    # The span `connect`: the first connection asks the server for its version and settings.
    scope = getattr(trace.get_current_span(), "instrumentation_scope", None)
    return scope is not None and scope.name == _ORM_SCOPE


class _Statement(Span):
    """A span of SQLAlchemy's instrumentor, sampled or not, that knows whether it has ended."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.ended = False

    def end(self, end_time: int | None = None) -> None:
        self.ended = True
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
