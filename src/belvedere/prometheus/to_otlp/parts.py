"""The samples of one point, and the point that they make."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DataPointFlags,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

from belvedere.prometheus.model import Exemplar, MetricType
from belvedere.prometheus.to_otlp.place import Stream

_NO_VALUE: Final = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_MAX_COUNT: Final = float(1 << 63)
_LAST_S: Final = (1 << 63) / 1e9
"""In the year 2262, as far as nanoseconds go."""
_ID_BYTES: Final = {"trace_id": 16, "span_id": 8}


@dataclass(slots=True)
class Parts:
    """What a scrape says of one point."""

    stream: Stream
    time_ms: int
    value: float | None = None
    sum: float | None = None
    count: float | None = None
    created_s: float = 0.0
    buckets: tuple[tuple[float, float], ...] = ()
    """Bounds and cumulative counts of a histogram, quantiles and values of a summary."""
    exemplars: tuple[Exemplar, ...] = ()
    stale: bool = False
    """Some of its series ended."""

    @property
    def total(self) -> float | None:
        """The count: the sample `_count`, or else the bucket of infinity."""
        if self.count is not None:
            return self.count
        return next((value for bound, value in self.buckets if bound == math.inf), None)


def number_point(parts: Parts) -> Any:
    """A number; None: there is neither a value nor an end."""
    point = parts.stream.new_point(NumberDataPoint)
    if parts.value is not None:
        point.as_double = parts.value
        _add_exemplars(point, parts)
    elif parts.stale:
        point.flags = _NO_VALUE
    else:
        return None
    return point


def histogram_point(parts: Parts) -> Any:
    """A histogram with explicit bounds; None: it has no count, or buckets that fall."""
    point = parts.stream.new_point(HistogramDataPoint)
    buckets = sorted(bucket for bucket in parts.buckets if bucket[0] != math.inf)
    total = parts.total
    if total is None or (parts.stale and parts.count is None):
        if not parts.stale:
            return None
        point.flags = _NO_VALUE
        return point
    counts = [value for _, value in buckets]
    counts.append(total)
    previous = 0.0
    for count in counts:
        if not previous <= count < _MAX_COUNT:
            return None
        previous = count
    point.count = int(total)
    if parts.sum is not None:
        point.sum = parts.sum
    point.explicit_bounds.extend(bound for bound, _ in buckets)
    point.bucket_counts.extend(
        int(b) - int(a) for a, b in zip([0.0, *counts], counts, strict=False)
    )
    _add_exemplars(point, parts)
    return point


def summary_point(parts: Parts) -> Any:
    """A summary; None: it has no count."""
    point = parts.stream.new_point(SummaryDataPoint)
    if parts.count is None:
        if not parts.stale:
            return None
        point.flags = _NO_VALUE
        return point
    if not 0 <= parts.count < _MAX_COUNT:
        return None
    point.count = int(parts.count)
    point.sum = parts.sum or 0.0
    for quantile, value in sorted(parts.buckets):
        point.quantile_values.add(quantile=quantile, value=value)
    return point


def set_start(parts: Parts, point: Any, process_start_ns: int) -> None:
    """Give a point that only grows its start, and remember how it was.

    That is, in this order: what `_created` says; the process's start, if given; the time of the
    stream's first point, or of the first one after its values fell.
    """
    stream = parts.stream
    if stream.metric.type not in _GROW:
        return
    if 0 < parts.created_s < _LAST_S:
        stream.start_ns = round(parts.created_s * 1000) * 1_000_000
    elif process_start_ns:
        stream.start_ns = process_start_ns
    if point.flags & _NO_VALUE:
        point.start_time_unix_nano = stream.start_ns
        return
    now = tuple(each for each in (parts.value, parts.total) if each is not None)
    fell = len(now) == len(stream.last) and any(
        a < b for a, b in zip(now, stream.last, strict=True)
    )
    if not stream.start_ns or (fell and parts.created_s <= 0 and not process_start_ns):
        stream.start_ns = parts.time_ms * 1_000_000
    stream.last = now
    point.start_time_unix_nano = stream.start_ns


def _add_exemplars(point: Any, parts: Parts) -> None:
    for exemplar in parts.exemplars:
        message = point.exemplars.add(as_double=exemplar.value)
        if 0 < exemplar.time_ms < _LAST_S * 1000:
            message.time_unix_nano = exemplar.time_ms * 1_000_000
        for name, value in exemplar.labels:
            if id_ := _id(name.lower(), value):
                setattr(message, name.lower(), id_)
            else:
                message.filtered_attributes.add(key=name).value.string_value = value


def _id(name: str, text: str) -> bytes:
    """A trace's or span's id; empty where it is none."""
    if len(text) != 2 * _ID_BYTES.get(name, 0):
        return b""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return b""
    return found if any(found) else b""


_GROW: Final = frozenset({MetricType.COUNTER, MetricType.HISTOGRAM, MetricType.SUMMARY})
POINTS: Final[Mapping[MetricType, Callable[[Parts], Any]]] = {
    MetricType.HISTOGRAM: histogram_point,
    MetricType.SUMMARY: summary_point,
}
"""How the points of a type are made; others are numbers."""
