"""`WORKLOADS`: what is sent, and how it is found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from belvedere.otlp.signal import Signal
from payloads import logs, metrics, shape, spans
from payloads.request import Times


class Requests(Protocol):
    """Makes serialized requests `first` to `first + count`, the same ones each time."""

    def __call__(self, first: int, count: int, times: Times) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of telemetry."""

    name: str
    signal: Signal
    unit: str
    """What its records are called."""
    shape: str
    requests: Requests
    records_per_request: int
    """Rows that a request becomes in `table`."""
    items_per_request: int
    """What OTLP counts: spans, log records, data points."""
    usual_per_s: int
    """About what one machine takes: it sizes the runs."""
    step_ns: int
    """Time from one record to the next; of metrics, from one interval to the next."""
    steps_per_request: int
    table: str
    check_sql: str
    """One row: how many records there are, and how many different ones of those sent.

    `{first}` and `{last}` are the first and the last sequence number that was sent; for metrics,
    the first and the last request.
    """


def _by_sequence(table: str, attributes: str) -> str:
    return (
        "SELECT count() AS stored, uniqExactIf(seq, seq BETWEEN {first} AND {last}) AS different"
        f" FROM (SELECT toInt64OrDefault({attributes}['seq'], -1::Int64) AS seq FROM {table})"
    )


_METRICS_CHECK: Final = (
    "SELECT sum(samples) AS stored, sum(series) AS different FROM (SELECT timestamp,"
    " count() AS samples, uniqExact(fingerprint) AS series FROM metric_samples GROUP BY timestamp)"
)
"""An interval is one time: a sample is a series and a time."""


def _logs(name: str, record_bytes: int, usual_per_s: int) -> Workload:
    return Workload(
        name=name,
        signal=Signal.LOGS,
        unit="records",
        shape=f"records of about {record_bytes} B; {shape.LOGS}",
        requests=partial(logs.requests, record_bytes=record_bytes),
        records_per_request=shape.RECORDS_PER_REQUEST,
        items_per_request=shape.RECORDS_PER_REQUEST,
        usual_per_s=usual_per_s,
        step_ns=10**9 // usual_per_s,
        steps_per_request=shape.RECORDS_PER_REQUEST,
        table="otel_logs",
        check_sql=_by_sequence("otel_logs", "LogAttributes"),
    )


WORKLOADS: Final = {
    workload.name: workload
    for workload in (
        Workload(
            name="traces",
            signal=Signal.TRACES,
            unit="spans",
            shape=shape.TRACES,
            requests=spans.requests,
            records_per_request=shape.RECORDS_PER_REQUEST,
            items_per_request=shape.RECORDS_PER_REQUEST,
            usual_per_s=150_000,
            step_ns=10**9 // 150_000,
            steps_per_request=shape.RECORDS_PER_REQUEST,
            table="otel_traces",
            check_sql=_by_sequence("otel_traces", "SpanAttributes"),
        ),
        _logs("logs300", 300, 200_000),
        _logs("logs1k", 1000, 80_000),
        Workload(
            name="metrics",
            signal=Signal.METRICS,
            unit="samples",
            shape=shape.METRICS,
            requests=metrics.requests,
            records_per_request=shape.SERIES,
            items_per_request=shape.POINTS,
            usual_per_s=500_000,
            step_ns=shape.METRIC_INTERVAL_S * 10**9,
            steps_per_request=1,
            table="metric_samples",
            check_sql=_METRICS_CHECK,
        ),
    )
}
