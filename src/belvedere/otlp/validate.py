"""What OTLP asks of each item beyond its encoding. What breaks it is taken out, and reported.

Neighbours of a bad item stay as they are: that is OTLP's partial success. Values that are merely
strange (times, enum values that are not known yet) are kept.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from belvedere.otlp.signal import ExportRequest, Signal

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_NO_TRACE_ID: Final = bytes(_TRACE_ID_BYTES)
_NO_SPAN_ID: Final = bytes(_SPAN_ID_BYTES)

_MAX_COMPLAINTS: Final = 5


class TooManyRecordsError(Exception):
    """The request has more resources, scopes and records together than were to be validated."""


@dataclass(slots=True)
class Findings:
    """What the validation of one request came to."""

    left: int = sys.maxsize
    """How many resources, scopes and records may still be validated."""
    kept: int = 0
    """Items that are in the request still."""
    rejected: int = 0
    """Items that were taken out."""
    complaints: list[str] = field(default_factory=list)
    """The first few: which item, and what is wrong with it."""
    repaired: int = 0
    """Items that stayed without an invalid field."""
    changed: bool = False
    """Whether the request is not what it was."""

    def examine(self, count: int) -> None:
        """Account for `count` resources, scopes or records before they are validated.

        Raises:
            TooManyRecordsError: if that is more than are left.
        """
        self.left -= count
        if self.left < 0:
            raise TooManyRecordsError

    def reject(self, complaints: Iterable[str], *, rejected: int) -> None:
        """Count `rejected` items. Complaints are evaluated only as far as they are reported."""
        self.rejected += rejected
        if len(self.complaints) <= _MAX_COMPLAINTS:
            self.complaints += islice(complaints, _MAX_COMPLAINTS + 1 - len(self.complaints))

    @property
    def message(self) -> str:
        """For the client; empty if all is well."""
        said = self.complaints[:_MAX_COMPLAINTS]
        if len(self.complaints) > _MAX_COMPLAINTS:
            said.append("and more")
        if self.repaired:
            said.append(
                f"the trace_id or span_id of {self.repaired} log records had a wrong length"
                " and was removed"
            )
        return "; ".join(said)


def validate(
    signal: Signal, request: ExportRequest, *, most_records: int = sys.maxsize
) -> Findings:
    """Take out of `request` what is invalid, and tell.

    Spans need a trace_id and a span_id, and a parent_span_id of 8 bytes or none. Metrics need a
    name and data; a histogram with buckets has one bound less than buckets. Log records are kept
    always: an invalid trace_id or span_id is treated as absent.

    Raises:
        TooManyRecordsError: if there are more than `most_records` resources, scopes and records
            together; the request may be changed in part.
    """
    findings = Findings(left=most_records)
    _VALIDATORS[signal](request, findings)
    return findings


def _validate_traces(request: Any, findings: Findings) -> None:
    findings.examine(len(request.resource_spans))
    for resource_index, resource_spans in enumerate(request.resource_spans):
        findings.examine(len(resource_spans.scope_spans))
        for scope_index, scope_spans in enumerate(resource_spans.scope_spans):
            spans = scope_spans.spans
            findings.examine(len(spans))
            bad: list[int] = []
            # The one loop over all spans: written for speed.
            for index, span in enumerate(spans):
                trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
                if (
                    len(trace_id) != _TRACE_ID_BYTES
                    or len(span_id) != _SPAN_ID_BYTES
                    or trace_id == _NO_TRACE_ID
                    or span_id == _NO_SPAN_ID
                    or (parent and len(parent) != _SPAN_ID_BYTES)
                ):
                    bad.append(index)
            if bad:
                where = f"resource_spans[{resource_index}].scope_spans[{scope_index}]"
                findings.reject(_span_problems(where, spans, bad), rejected=len(bad))
                _remove(spans, bad, findings)
            findings.kept += len(spans)


def _span_problems(where: str, spans: Any, bad: Sequence[int]) -> Iterable[str]:
    return (f"{where}.spans[{index}]: {_span_problem(spans[index])}" for index in bad)


def _span_problem(span: Any) -> str:
    if len(span.trace_id) != _TRACE_ID_BYTES:
        return f"trace_id has {len(span.trace_id)} bytes, not {_TRACE_ID_BYTES}"
    if len(span.span_id) != _SPAN_ID_BYTES:
        return f"span_id has {len(span.span_id)} bytes, not {_SPAN_ID_BYTES}"
    if span.trace_id == _NO_TRACE_ID:
        return "trace_id is all zero"
    if span.span_id == _NO_SPAN_ID:
        return "span_id is all zero"
    return f"parent_span_id has {len(span.parent_span_id)} bytes, not {_SPAN_ID_BYTES} or none"


def _validate_logs(request: Any, findings: Findings) -> None:
    findings.examine(len(request.resource_logs))
    for resource_logs in request.resource_logs:
        findings.examine(len(resource_logs.scope_logs))
        for scope_logs in resource_logs.scope_logs:
            records = scope_logs.log_records
            findings.examine(len(records))
            findings.kept += len(records)
            for record in records:
                trace_id, span_id = record.trace_id, record.span_id
                if trace_id and (len(trace_id) != _TRACE_ID_BYTES or trace_id == _NO_TRACE_ID):
                    record.ClearField("trace_id")
                    findings.changed = True
                    findings.repaired += trace_id != _NO_TRACE_ID
                if span_id and (len(span_id) != _SPAN_ID_BYTES or span_id == _NO_SPAN_ID):
                    record.ClearField("span_id")
                    findings.changed = True
                    findings.repaired += span_id != _NO_SPAN_ID


def _validate_metrics(request: Any, findings: Findings) -> None:
    findings.examine(len(request.resource_metrics))
    for resource_index, resource_metrics in enumerate(request.resource_metrics):
        findings.examine(len(resource_metrics.scope_metrics))
        for scope_index, scope_metrics in enumerate(resource_metrics.scope_metrics):
            findings.examine(len(scope_metrics.metrics))
            bad: list[int] = []
            for index, metric in enumerate(scope_metrics.metrics):
                kind = metric.WhichOneof("data")
                points = getattr(metric, kind).data_points if kind else ()
                if kind and metric.name and kind != "histogram":
                    findings.kept += len(points)
                    continue
                where = _metric_path(resource_index, scope_index, index)
                if not kind or not metric.name:
                    bad.append(index)
                    findings.reject(_metric_problem(where, metric), rejected=len(points))
                else:
                    _validate_histogram(metric, where, findings)
            _remove(scope_metrics.metrics, bad, findings)


def _metric_path(resource_index: int, scope_index: int, index: int) -> Callable[[], str]:
    """The path of a metric, evaluated when a complaint needs it."""
    return lambda: (
        f"resource_metrics[{resource_index}].scope_metrics[{scope_index}].metrics[{index}]"
    )


def _metric_problem(where: Callable[[], str], metric: Metric) -> Iterable[str]:
    if metric.WhichOneof("data"):
        yield f"{where()}: metric has no name"
    else:
        yield f"{where()}: metric {metric.name!r} has no data"


def _validate_histogram(metric: Metric, where: Callable[[], str], findings: Findings) -> None:
    points = metric.histogram.data_points
    findings.examine(len(points))
    bad: list[int] = []
    for index, point in enumerate(points):
        buckets, bounds = len(point.bucket_counts), len(point.explicit_bounds)
        if buckets == bounds + 1:
            continue
        if buckets == 0:
            point.ClearField("explicit_bounds")  # bounds of no buckets
            findings.changed = True
            continue
        bad.append(index)
    if bad:
        findings.reject(_point_problems(metric, where, bad), rejected=len(bad))
        _remove(points, bad, findings)
    findings.kept += len(points)


def _point_problems(metric: Metric, where: Callable[[], str], bad: Sequence[int]) -> Iterable[str]:
    for index in bad:
        point = metric.histogram.data_points[index]
        buckets, bounds = len(point.bucket_counts), len(point.explicit_bounds)
        yield (
            f"{where()} {metric.name!r}.data_points[{index}]: {buckets} bucket_counts need"
            f" {buckets - 1} explicit_bounds, there are {bounds}"
        )


def _remove(container: Any, indexes: list[int], findings: Findings) -> None:
    """Remove elements of a repeated field, in time that grows with its length alone."""
    if not indexes:
        return
    findings.changed = True
    removed = set(indexes)
    kept = [element for index, element in enumerate(container) if index not in removed]
    del container[:]
    container.extend(kept)


_VALIDATORS: Final[dict[Signal, Callable[[Any, Findings], None]]] = {
    Signal.TRACES: _validate_traces,
    Signal.METRICS: _validate_metrics,
    Signal.LOGS: _validate_logs,
}
