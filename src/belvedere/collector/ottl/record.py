"""What an expression looks at: one record with all that it is part of."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValueList

from belvedere.otlp.signal import Signal


class Context(StrEnum):
    """The kinds of records, named as OTTL's contexts and the prefixes of paths."""

    RESOURCE = "resource"
    SCOPE = "scope"
    SPAN = "span"
    SPANEVENT = "spanevent"
    METRIC = "metric"
    DATAPOINT = "datapoint"
    LOG = "log"


ABOVE: dict[Context, tuple[Context, ...]] = {
    Context.RESOURCE: (),
    Context.SCOPE: (Context.RESOURCE,),
    Context.SPAN: (Context.RESOURCE, Context.SCOPE),
    Context.SPANEVENT: (Context.RESOURCE, Context.SCOPE, Context.SPAN),
    Context.METRIC: (Context.RESOURCE, Context.SCOPE),
    Context.DATAPOINT: (Context.RESOURCE, Context.SCOPE, Context.METRIC),
    Context.LOG: (Context.RESOURCE, Context.SCOPE),
}
"""The contexts whose paths may be read and set from a context, besides its own."""

CONTEXTS: dict[Signal, tuple[Context, ...]] = {
    Signal.TRACES: (Context.RESOURCE, Context.SCOPE, Context.SPAN, Context.SPANEVENT),
    Signal.METRICS: (Context.RESOURCE, Context.SCOPE, Context.METRIC, Context.DATAPOINT),
    Signal.LOGS: (Context.RESOURCE, Context.SCOPE, Context.LOG),
}
"""The contexts of a signal, outermost first."""


_NO_METADATA: Final[Mapping[str, tuple[str, ...]]] = {}


class Record:
    """The messages around one record. What a context does not have is None.

    Iteration reuses one object: whoever keeps a record beyond its turn makes one.
    """

    __slots__ = (
        "cache",
        "datapoint",
        "log",
        "metadata",
        "metric",
        "resource",
        "scope",
        "span",
        "spanevent",
    )

    def __init__(
        self,
        *,
        resource: Any = None,
        scope: Any = None,
        span: Any = None,
        spanevent: Any = None,
        metric: Any = None,
        datapoint: Any = None,
        log: Any = None,
        metadata: Mapping[str, tuple[str, ...]] = _NO_METADATA,
    ) -> None:
        """Take OTLP messages.

        Args:
            resource: a `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`.
            scope: a `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
            span: a `Span`.
            spanevent: a `Span.Event`.
            metric: a `Metric`.
            datapoint: a data point of any type.
            log: a `LogRecord`.
            metadata: that of the batch.
        """
        self.resource, self.scope = resource, scope
        self.span, self.spanevent = span, spanevent
        self.metric, self.datapoint, self.log = metric, datapoint, log
        self.metadata = metadata
        self.cache: KeyValueList | None = None

    def cached(self) -> Any:
        """The pairs of the record's `cache`, which is empty when a record's turn begins."""
        if self.cache is None:
            self.cache = KeyValueList()
        return self.cache.values


def records(
    message: Any, context: Context, metadata: Mapping[str, tuple[str, ...]] = _NO_METADATA
) -> Iterator[Record]:
    """One `Record` for each record of `context` in a request, in order.

    It is the same object every time. The record's container must not be changed meanwhile,
    except that metrics may be appended to the scope's: they are visited too.
    """
    record = Record(metadata=metadata)
    for resource in _resources(message):
        record.resource = resource
        if context is Context.RESOURCE:
            record.cache = None
            yield record
            continue
        for scope in _scopes(resource):
            record.scope = scope
            if context is Context.SCOPE:
                record.cache = None
                yield record
                continue
            yield from _INNER[context](record)


def _resources(message: Any) -> Any:
    return getattr(message, message.DESCRIPTOR.fields[0].name)


def _scopes(resource: Any) -> Any:
    for name in ("scope_spans", "scope_logs", "scope_metrics"):
        if (scopes := getattr(resource, name, None)) is not None:
            return scopes
    raise TypeError(f"{type(resource).__name__} is no message of OTLP")


def _spans(record: Record) -> Iterator[Record]:
    for span in record.scope.spans:
        record.span = span
        record.cache = None
        yield record


def _span_events(record: Record) -> Iterator[Record]:
    for span in record.scope.spans:
        record.span = span
        for event in span.events:
            record.spanevent = event
            record.cache = None
            yield record


def _metrics(record: Record) -> Iterator[Record]:
    metrics, index = record.scope.metrics, 0
    while index < len(metrics):
        record.metric = metrics[index]
        record.cache = None
        yield record
        index += 1


def _data_points(record: Record) -> Iterator[Record]:
    for metric in record.scope.metrics:
        record.metric = metric
        for point in data_points(metric):
            record.datapoint = point
            record.cache = None
            yield record


def _logs(record: Record) -> Iterator[Record]:
    for log in record.scope.log_records:
        record.log = log
        record.cache = None
        yield record


_INNER = {
    Context.SPAN: _spans,
    Context.SPANEVENT: _span_events,
    Context.METRIC: _metrics,
    Context.DATAPOINT: _data_points,
    Context.LOG: _logs,
}


def data_points(metric: Any) -> Any:
    """The data points of a metric of whatever type; of one without a type, none."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()
