"""Instruments that are created once, and that record wherever `init` sends them.

An instrument here is a name with its unit, description, buckets and attributes. OpenTelemetry's
instrument is made when the first value comes, from the provider that is bound then, or from the
global one; OpenTelemetry's proxies see to values that come before a global provider is set.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, ParamSpec, TypeVar, final, get_type_hints

from opentelemetry import metrics as api

P = ParamSpec("P")
OtelT = TypeVar("OtelT", api.Counter, api.UpDownCounter, api.Histogram)
AttributeValue = str | bool | int | float

SCOPE: Final = "belvedere"
"""The instrumentation scope of the named metrics. It has no version: one more label value for
each upgrade would break the series of every application."""

_log: Final = logging.getLogger(__name__)
_lock: Final = threading.Lock()
_bound: tuple[api.MeterProvider, ...] = ()
_instruments: Final[list["Instrument[..., Any]"]] = []


def bind(meter_provider: api.MeterProvider | None) -> Callable[[], None]:
    """Send what the named metrics record to this provider; None is the global one.

    Of several bound providers the last one counts.

    Returns:
        The undo, which may be called more than once.
    """
    global _bound  # noqa: PLW0603 - which provider counts is a fact of the process
    if meter_provider is None:
        return lambda: None
    with _lock:
        _bound = (*_bound, meter_provider)
        _forget()
    undone = False

    def undo() -> None:
        nonlocal undone
        global _bound  # noqa: PLW0603 - as above
        with _lock:
            if undone:
                return
            undone = True
            last = len(_bound) - 1 - _bound[::-1].index(meter_provider)
            _bound = _bound[:last] + _bound[last + 1 :]
            _forget()

    return undo


def _forget() -> None:
    for instrument in _instruments:
        instrument.forget()


def _meter() -> api.Meter:
    return _bound[-1].get_meter(SCOPE) if _bound else api.get_meter(SCOPE)


class Instrument(ABC, Generic[P, OtelT]):
    """A named metric.

    Args:
        name: As Prometheus has it, with unit and `_total`: translation from OTLP adds them to
            names that lack them only.
        unit: UCUM, `{annotation}` for things that are counted.
        description: One line, for `# HELP`.
        attributes: A `TypedDict`: its items are the keyword parameters of `add` and `record`.
        keys: Of parameters whose attribute has another name.
    """

    def __init__(
        self,
        name: str,
        *,
        unit: str,
        description: str,
        attributes: Callable[P, object],
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self.name: Final = name
        self.unit: Final = unit
        self.description: Final = description
        self.attributes: Final[Mapping[str, str]] = {
            parameter: (keys or {}).get(parameter, parameter)
            for parameter in get_type_hints(attributes)
        }
        """Parameter → attribute."""
        self._otel: OtelT | None = None
        self._warned = False
        _instruments.append(self)

    @abstractmethod
    def _create(self, meter: api.Meter) -> OtelT:
        """OpenTelemetry's instrument."""

    @final
    def forget(self) -> None:
        """Ask for the provider again when the next value comes."""
        self._otel = None

    def _instrument(self) -> OtelT:
        otel = self._otel
        if otel is None:
            otel = self._otel = self._create(_meter())
        return otel

    def _named(self, attributes: Mapping[str, object]) -> dict[str, AttributeValue]:
        """Attributes by their keys. An unknown one would be a new series: it is left out."""
        keys = self.attributes
        named: dict[str, AttributeValue] = {}
        for parameter, value in attributes.items():
            key = keys.get(parameter)
            if key is None:
                self._warn(f"has no attribute {parameter!r}; it has: {', '.join(keys) or 'none'}")
            elif isinstance(value, str | bool | int | float):
                named[key] = value
            elif value is not None:
                named[key] = str(value)
        return named

    def _warn(self, what: str, *, exc_info: bool = False) -> None:
        """Say once what is wrong with a use of this metric: telemetry raises nothing."""
        if not self._warned:
            self._warned = True
            _log.warning("Metric %s %s (said once)", self.name, what, exc_info=exc_info)


class Counter(Instrument[P, api.Counter]):
    """What only grows: requests, tokens."""

    def add(self, amount: float = 1, /, *_: P.args, **attributes: P.kwargs) -> None:
        """Count `amount` (never negative) more."""
        try:
            self._instrument().add(amount, self._named(attributes))
        except Exception:  # noqa: BLE001 - telemetry breaks nothing
            self._warn(f"could not take {amount!r}", exc_info=True)

    def _create(self, meter: api.Meter) -> api.Counter:
        return meter.create_counter(self.name, self.unit, self.description)


class UpDownCounter(Instrument[P, api.UpDownCounter]):
    """How many there are now: `add(1)` when one comes, `add(-1)` when it goes."""

    def add(self, amount: float, /, *_: P.args, **attributes: P.kwargs) -> None:
        """Count `amount` more, or fewer if it is negative. Both with the same attributes."""
        try:
            self._instrument().add(amount, self._named(attributes))
        except Exception:  # noqa: BLE001 - telemetry breaks nothing
            self._warn(f"could not take {amount!r}", exc_info=True)

    def _create(self, meter: api.Meter) -> api.UpDownCounter:
        return meter.create_up_down_counter(self.name, self.unit, self.description)


class Histogram(Instrument[P, api.Histogram]):
    """How long things take, in buckets whose upper bounds (inclusive) are `buckets`."""

    def __init__(
        self,
        name: str,
        *,
        unit: str,
        description: str,
        buckets: Sequence[float],
        attributes: Callable[P, object],
        keys: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, unit=unit, description=description, attributes=attributes, keys=keys)
        self.buckets: Final = tuple(buckets)

    def record(self, value: float, /, *_: P.args, **attributes: P.kwargs) -> None:
        """Count one thing that took `value` (in the unit, never negative)."""
        try:
            self._instrument().record(value, self._named(attributes))
        except Exception:  # noqa: BLE001 - telemetry breaks nothing
            self._warn(f"could not take {value!r}", exc_info=True)

    @contextmanager
    def time(self, *_: P.args, **attributes: P.kwargs) -> Iterator[None]:
        """Record the seconds that the block takes, also if it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.record(time.perf_counter() - start, *_, **attributes)

    def _create(self, meter: api.Meter) -> api.Histogram:
        return meter.create_histogram(
            self.name,
            self.unit,
            self.description,
            explicit_bucket_boundaries_advisory=self.buckets,
        )
