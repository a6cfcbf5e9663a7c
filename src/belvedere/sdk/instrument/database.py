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
from opentelemetry.trace import INVALID_SPAN, Span

from belvedere.sdk.instrument.wrapped import WrappedSpan, WrappedTracer, WrappedTracerProvider

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


class _OrmTracer(WrappedTracer):
    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        span = _Statement(super().start_span(*args, **kwargs))
        _statement.set(ref(span))
        return span


class OrmTracerProvider(WrappedTracerProvider):
    """Provide tracers of a provider for SQLAlchemy's instrumentor."""

    tracer_type = _OrmTracer


class _DriverTracer(WrappedTracer):
    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return INVALID_SPAN if _is_in_sqlalchemy() else super().start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        if _is_in_sqlalchemy():
            return nullcontext(INVALID_SPAN)
        return super().start_as_current_span(*args, **kwargs)


class DriverTracerProvider(WrappedTracerProvider):
    """Provide tracers of a provider that start no span inside a statement of SQLAlchemy."""

    tracer_type = _DriverTracer


def _is_in_sqlalchemy() -> bool:
    reference = _statement.get()
    statement = None if reference is None else reference()
    if statement is not None and not statement.ended:
        return True
    # The span `connect`: the first connection asks the server for its version and settings.
    scope = getattr(trace.get_current_span(), "instrumentation_scope", None)
    return scope is not None and scope.name == _ORM_SCOPE


class _Statement(WrappedSpan):
    """A span of SQLAlchemy's instrumentor, sampled or not, that knows whether it has ended."""

    ended = False

    def end(self, end_time: int | None = None) -> None:
        self.ended = True
        super().end(end_time)
