"""Metrics: collected at an interval, sent by OTLP."""

import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation

from belvedere.sdk.export.destination import Destination, cannot_be_used
from belvedere.sdk.export.otlp import open_sender, report_of
from belvedere.sdk.export.outcome import Outcome, Refused, Retry

_KEPT_BYTES: Final = 4 << 20
"""How much of what could not be sent is kept for when the receiver answers again."""

_DELTA, _CUMULATIVE = AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE
_ALL: Final[dict[type, AggregationTemporality]] = dict.fromkeys(
    (
        Counter,
        UpDownCounter,
        Histogram,
        ObservableCounter,
        ObservableUpDownCounter,
        ObservableGauge,
    ),
    _CUMULATIVE,
)
# https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/#additional-environment-variable-configuration
_TEMPORALITIES: Final[dict[str, dict[type, AggregationTemporality]]] = {
    "cumulative": {**_ALL},
    "delta": {**_ALL, Counter: _DELTA, ObservableCounter: _DELTA, Histogram: _DELTA},
    "lowmemory": {**_ALL, Counter: _DELTA, Histogram: _DELTA},
}
_HISTOGRAMS: Final[dict[str, dict[type, Aggregation] | None]] = {
    "explicit_bucket_histogram": None,
    "base2_exponential_bucket_histogram": {Histogram: ExponentialBucketHistogramAggregation()},
}
_Choice = TypeVar("_Choice")


def _chosen(name: str, table: Mapping[str, _Choice]) -> _Choice:
    """What the variable names; the first of the table where it names nothing of it."""
    named = os.environ.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip().lower()
    first = next(iter(table))
    if named and named not in table:
        cannot_be_used(name, named, f"there are {', '.join(table)}, and {first} is used")
    return table.get(named, table[first])


class OtlpMetricExporter(MetricExporter):
    """Sends what a reader collected, with one attempt.

    What could not be sent goes with the next collection, in order, as one request: serialized
    requests joined are one request.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__(
            preferred_temporality=_chosen("METRICS_TEMPORALITY_PREFERENCE", _TEMPORALITIES),
            preferred_aggregation=_chosen("METRICS_DEFAULT_HISTOGRAM_AGGREGATION", _HISTOGRAMS),
        )
        self._destination = destination
        self._sender = open_sender(destination)
        self._report = report_of(destination)
        self._unsent: deque[tuple[bytes, int]] = deque()
        self._pid = os.getpid()
        self._failed = False

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **_: Any,
    ) -> MetricExportResult:
        if self._pid != os.getpid():  # what the parent could not send is the parent's
            self._pid = os.getpid()
            self._unsent.clear()
        try:
            outcome = self._send(metrics_data, timeout_millis / 1000)
        except Exception as error:  # noqa: BLE001 - whatever is wrong is not the application's
            outcome = Refused(f"{type(error).__name__}: {error} (a bug of Belvedere's SDK)")
            self._report.outcome("metrics", _points(metrics_data), outcome)
        failed = self._failed = isinstance(outcome, Retry | Refused)
        return MetricExportResult.FAILURE if failed else MetricExportResult.SUCCESS

    def _send(self, metrics_data: MetricsData, timeout_s: float) -> Outcome:
        unsent = self._unsent
        unsent.append((encode_metrics(metrics_data).SerializeToString(), _points(metrics_data)))
        request = b"".join(request for request, _ in unsent)
        points = sum(points for _, points in unsent)
        outcome = self._sender.send(request, min(timeout_s, self._destination.timeout_s))
        self._report.outcome("metric points", points, outcome)
        if isinstance(outcome, Retry):
            while sum(len(request) for request, _ in unsent) > _KEPT_BYTES:
                self._report.dropped("metric points", unsent.popleft()[1])
        else:
            unsent.clear()
        return outcome

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the interface
        """Whether the last attempt delivered; another is the next collection's to make."""
        return not self._failed

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:  # noqa: ARG002 - as above
        self._sender.close()


class PushMetricReader(PeriodicExportingMetricReader):
    """The SDK's periodic reader, with locks of its own in a forked child.

    The parent's thread may have held them at the fork; the child has no such thread to let go.
    """

    @property
    def delivered(self) -> bool:
        """Whether what was collected last was delivered."""
        return self._exporter.force_flush(0)

    @property
    def is_collecting(self) -> bool:
        """Whether its thread goes on, also after a shutdown that ran out of time."""
        return self._daemon_thread is not None and self._daemon_thread.is_alive()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """As the SDK's, which says yes whatever became of it."""
        return super().force_flush(timeout_millis) and self.delivered

    def _at_fork_reinit(self) -> None:
        self._export_lock = threading.Lock()
        self._shutdown_event = threading.Event()
        super()._at_fork_reinit()  # type: ignore[no-untyped-call] # the SDK's is untyped

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """As the SDK's, but safe to repeat."""
        if not self._shutdown_event.is_set():
            super().shutdown(timeout_millis, **kwargs)


def _points(metrics_data: MetricsData) -> int:
    return sum(
        len(metric.data.data_points)
        for resource in metrics_data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
