"""A statement that SQLAlchemy executes has one span; a driver's own call has the driver's.

The tracers are used as OpenTelemetry's instrumentors of SQLAlchemy 2.0 and of the drivers use them:
the development environment has SQLAlchemy 2.1, which no instrumentor supports yet.
"""

import asyncio
import contextlib
import gc
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import Span

from belvedere.sdk.instrument.database import DriverTracerProvider, OrmTracerProvider


class OnlyDrivers(Sampler):
    """Drops SQLAlchemy's spans and records all others."""

    def should_sample(self, *args: object, **kwargs: object) -> SamplingResult:
        sampler = ALWAYS_OFF if "orm" in str(args[2]) else ALWAYS_ON
        return sampler.should_sample(*args, **kwargs)  # type: ignore[arg-type] # handed on

    def get_description(self) -> str:
        return "only drivers"


class Database:
    """SQLAlchemy over a driver, and the driver alone."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._orm = OrmTracerProvider(provider).get_tracer(
            "opentelemetry.instrumentation.sqlalchemy"
        )
        self._driver = DriverTracerProvider(provider).get_tracer(
            "opentelemetry.instrumentation.psycopg"
        )

    @property
    def spans(self) -> list[str]:
        return [span.name for span in self._exporter.get_finished_spans()]

    def begin(self) -> Span:
        """`before_cursor_execute` of the instrumentor."""
        return self._orm.start_span("orm")

    def execute(self) -> None:
        """A statement, by SQLAlchemy."""
        span = self.begin()
        self.call("driver below")
        span.end()

    def call(self, name: str) -> None:
        """A statement, by the driver."""
        with self._driver.start_as_current_span(name):
            self._driver.start_span(f"{name}, not current").end()

    @contextlib.contextmanager
    def connect(self) -> Iterator[None]:
        """SQLAlchemy's `Engine.connect`."""
        with self._orm.start_as_current_span("connect"):
            yield


DIRECT = ["direct, not current", "direct"]


def test_calls_below_a_statement_have_no_span_and_direct_calls_have() -> None:
    database = Database()
    database.call("direct")
    database.execute()
    database.call("direct")
    assert database.spans == [*DIRECT, "orm", *DIRECT]


def test_what_the_driver_does_while_sqlalchemy_connects_has_no_span() -> None:
    database = Database()
    with database.connect():
        database.call("version")
    assert database.spans == ["connect"]


def test_a_statement_that_is_not_sampled_has_no_span_of_the_driver_either() -> None:
    database = Database(OnlyDrivers())
    database.execute()
    database.call("direct")
    assert database.spans == DIRECT


def test_a_statement_that_never_ends_does_not_silence_the_driver() -> None:
    database = Database()
    database.begin()  # cancelled: the instrumentor does not end it
    gc.collect()
    database.call("direct")
    assert database.spans == DIRECT


@pytest.mark.parametrize("statements", [1, 3])
async def test_tasks_beside_a_statement_are_not_concerned(statements: int) -> None:
    database = Database()
    begun, called = asyncio.Event(), asyncio.Event()

    async def statement() -> None:
        span = database.begin()
        begun.set()
        await called.wait()
        database.call("driver below")
        span.end()

    async def direct() -> None:
        await begun.wait()
        database.call("direct")
        called.set()

    await asyncio.gather(*(statement() for _ in range(statements)), direct())
    assert database.spans == [*DIRECT, *["orm"] * statements]
