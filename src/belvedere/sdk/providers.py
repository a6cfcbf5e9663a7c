"""OpenTelemetry's providers: our own, or the ones that the application already has.

A global provider can be set once in a process. If nobody has set one, ours becomes the global
one; if somebody has, we join it, by adding to it; we never replace it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import _logs, metrics, trace
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.metrics._internal import _ProxyMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from belvedere.sdk.metrics.forked import renew_locks
from belvedere.sdk.sampling import RecordModelCalls, id_generator

_log = logging.getLogger("belvedere.sdk")


class OwnTracerProvider(TracerProvider):
    """A provider that `init` made, and may configure again after a shutdown."""

    def __init__(self, sampler: Sampler | None, **options: Any) -> None:
        super().__init__(sampler=sampler, **options)
        self.sampler = RecordModelCalls(self.sampler)

    def configure_again(self, resource: Resource, sampler: Sampler) -> None:
        self._resource = Resource.get_empty()  # what comes next is merged into it
        self._update_resource(resource)
        self.sampler = sampler
        with self._tracers_lock:
            for tracer in self._tracers.values():
                tracer.sampler = sampler


class OwnMeterProvider(MeterProvider):
    """A provider that `init` made, and may configure again after a shutdown.

    Its `force_flush` and `shutdown` reach the readers added later too, which the SDK's do not.
    """

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        super().add_metric_reader(metric_reader)
        self._metric_readers = (*self._metric_readers, metric_reader)

    def remove_metric_reader(self, metric_reader: MetricReader) -> None:
        super().remove_metric_reader(metric_reader)
        self._metric_readers = tuple(r for r in self._metric_readers if r is not metric_reader)

    def configure_again(self, resource: Resource) -> None:
        self._sdk_config.resource = Resource.get_empty()  # as above
        self._update_resource(resource)

    def _handle_fork(self) -> None:
        super()._handle_fork()
        renew_locks(self)


class OwnLoggerProvider(LoggerProvider):
    """A provider that `init` made, and may configure again after a shutdown."""

    def configure_again(self, resource: Resource) -> None:
        self._resource = Resource.get_empty()  # as above
        self._update_resource(resource)


@dataclass(frozen=True, slots=True)
class Providers:
    """The three providers of one `Telemetry`.

    Attributes:
        joined: the signals whose provider was there before; its resource and sampler stay.
    """

    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider
    joined: frozenset[str]


def providers(
    *, isolated: bool, resource: Resource, sampler: Sampler | None, views: Sequence[View]
) -> Providers:
    """The providers to add to. They are never shut down by us: what we add is."""
    tracer = OwnTracerProvider(
        sampler=sampler, resource=resource, id_generator=id_generator(), shutdown_on_exit=False
    )
    meter = OwnMeterProvider(resource=resource, views=views, shutdown_on_exit=False)
    logger = OwnLoggerProvider(resource=resource, shutdown_on_exit=False)
    if isolated:
        return Providers(tracer, meter, logger, frozenset())
    joined: set[str] = set()
    return Providers(
        _global_tracer_provider(tracer, joined),
        _global_meter_provider(meter, joined),
        _global_logger_provider(logger, joined),
        frozenset(joined),
    )


def _global_tracer_provider(own: OwnTracerProvider, joined: set[str]) -> TracerProvider:
    found = trace.get_tracer_provider()
    if isinstance(found, trace.ProxyTracerProvider):
        trace.set_tracer_provider(own)
        return own
    if isinstance(found, OwnTracerProvider):
        found.configure_again(own.resource, own.sampler)
        return found
    if isinstance(found, TracerProvider):
        joined.add("traces")
        return found
    _cannot_join("tracer", found)
    return own


def _global_meter_provider(own: OwnMeterProvider, joined: set[str]) -> MeterProvider:
    found = metrics.get_meter_provider()
    if isinstance(found, _ProxyMeterProvider):
        metrics.set_meter_provider(own)
        return own
    if isinstance(found, OwnMeterProvider):
        found.configure_again(own._sdk_config.resource)  # noqa: SLF001 - it has no public name
        return found
    if isinstance(found, MeterProvider):
        joined.add("metrics")
        return found
    _cannot_join("meter", found)
    return own


def _global_logger_provider(own: OwnLoggerProvider, joined: set[str]) -> LoggerProvider:
    found = _logs.get_logger_provider()
    if isinstance(found, ProxyLoggerProvider):
        _logs.set_logger_provider(own)
        return own
    if isinstance(found, OwnLoggerProvider):
        found.configure_again(own.resource)
        return found
    if isinstance(found, LoggerProvider):
        joined.add("logs")
        return found
    _cannot_join("logger", found)
    return own


def remove_span_processor(provider: TracerProvider, processor: SpanProcessor) -> None:
    """Undo `add_span_processor`, for which the SDK has nothing. Where it cannot be, it stays."""
    every = getattr(provider, "_active_span_processor", None)
    _remove(every, "_span_processors", processor)


def remove_log_record_processor(provider: LoggerProvider, processor: LogRecordProcessor) -> None:
    """The same for `add_log_record_processor`."""
    every = getattr(provider, "_multi_log_record_processor", None)
    _remove(every, "_log_record_processors", processor)


def _remove(owner: Any, name: str, processor: object) -> None:
    before = getattr(owner, name, None)
    if isinstance(before, tuple):
        with owner._lock:  # noqa: SLF001 - as adding does
            setattr(
                owner, name, tuple(each for each in getattr(owner, name) if each is not processor)
            )


def _cannot_join(what: str, found: object) -> None:
    _log.warning(
        "the global %s provider is a %s, which takes no additions; only what is recorded through"
        " the handle that init returned goes to Belvedere",
        what,
        type(found).__qualname__,
    )
