"""Where the agent API's telemetry goes: OpenTelemetry's global providers, or those bound here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, get_logger

SCOPE = "belvedere.agents"
"""The instrumentation scope of all that the agent API records."""


@cache
def _version() -> str:
    try:
        return version("belvedere")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return ""


@dataclass(frozen=True, slots=True)
class _Bound:
    tracer: trace.Tracer
    meter: metrics.Meter
    logger: Logger


def _make(
    tracer_provider: trace.TracerProvider | None,
    meter_provider: metrics.MeterProvider | None,
    logger_provider: LoggerProvider | None,
) -> _Bound:
    # Without a provider these are OpenTelemetry's proxies: they follow a global provider set later.
    return _Bound(
        trace.get_tracer(SCOPE, _version(), tracer_provider),
        metrics.get_meter(SCOPE, _version(), meter_provider),
        get_logger(SCOPE, _version(), logger_provider),
    )


_bound: tuple[_Bound, ...] = ()
_unbound: _Bound | None = None


def _current() -> _Bound:
    global _unbound  # noqa: PLW0603 - one process, one destination
    if _bound:
        return _bound[-1]
    if _unbound is None:
        _unbound = _make(None, None, None)
    return _unbound


def bind(
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
) -> Callable[[], None]:
    """Sends what the agent API records to these providers; `None` means the global one.

    Of several that are bound the last one counts.

    Returns:
        The undo, in whatever order: the others stay bound.
    """
    global _bound  # noqa: PLW0603 - one process, one destination
    mine = _make(tracer_provider, meter_provider, logger_provider)
    _bound = (*_bound, mine)

    def undo() -> None:
        global _bound  # noqa: PLW0603 - one process, one destination
        _bound = tuple(each for each in _bound if each is not mine)

    return undo


def tracer() -> trace.Tracer:
    return _current().tracer


def meter() -> metrics.Meter:
    return _current().meter


def logger() -> Logger:
    return _current().logger
