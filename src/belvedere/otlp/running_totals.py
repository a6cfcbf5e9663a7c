"""What the points of a delta stream sum up to, for each kind of metric.

An adder takes the total so far (None at the beginning) and a delta point, writes the new total into
the point, and returns it. It changes no total: those are values. A writer writes a total into a
point.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

from belvedere.otlp.exponential import MIN_SCALE, Buckets, downscale_to_fit

_INT64: Final = range(-(1 << 63), 1 << 63)
_MAX_COUNT: Final = (1 << 64) - 1


class CannotAdd(ValueError):  # noqa: N818 - reads as what is raised
    """The point cannot be added to its stream.

    The argument says why: `not_a_number`, `overflow` (of a 64-bit count), `scale` (it takes a scale
    below `MIN_SCALE` to hold both).
    """


@dataclass(frozen=True, slots=True)
class Statistics:
    """The optional fields of a histogram. None: a point of the stream has none."""

    sum: float | None
    min: float | None
    max: float | None

    @classmethod
    def of(cls, point: HistogramDataPoint | ExponentialHistogramDataPoint) -> "Statistics":
        """Return those of a point."""
        return cls(
            point.sum if point.HasField("sum") else None,
            point.min if point.HasField("min") else None,
            point.max if point.HasField("max") else None,
        )

    def __add__(self, other: "Statistics") -> "Statistics":
        """Return those of both together."""
        return Statistics(
            None if self.sum is None or other.sum is None else self.sum + other.sum,
            None if self.min is None or other.min is None else min(self.min, other.min),
            None if self.max is None or other.max is None else max(self.max, other.max),
        )

    def write(self, point: HistogramDataPoint | ExponentialHistogramDataPoint) -> None:
        """Write them into a point."""
        for name in ("sum", "min", "max"):
            value = getattr(self, name)
            if value is None:
                point.ClearField(name)
            else:
                setattr(point, name, value)


@dataclass(frozen=True, slots=True)
class HistogramTotal:
    """Of a histogram with explicit bounds."""

    bounds: tuple[float, ...]
    bucket_counts: tuple[int, ...]
    count: int
    statistics: "Statistics"


@dataclass(frozen=True, slots=True)
class ExponentialTotal:
    """Of an exponential histogram."""

    zero_threshold: float
    scale: int
    zero_count: int
    count: int
    statistics: "Statistics"
    positive: Buckets
    negative: Buckets


def add_number(total: float | None, point: NumberDataPoint) -> float:
    """Sums. Integers stay integers as long as the wire can carry them."""
    delta = point.as_double if point.HasField("as_double") else point.as_int
    if math.isnan(delta):
        raise CannotAdd("not_a_number")  # one would make all that follow NaN
    result = delta if total is None else total + delta
    write_number(result, point)
    return result


def write_number(total: float, point: NumberDataPoint) -> None:
    """As an integer, if the wire can carry it as such."""
    if isinstance(total, int) and total in _INT64:
        point.as_int = total
    else:
        point.as_double = total


def add_histogram(total: HistogramTotal | None, point: HistogramDataPoint) -> HistogramTotal:
    """Histograms with explicit bounds. One with other bounds than before begins anew."""
    delta = HistogramTotal(
        tuple(point.explicit_bounds),
        tuple(point.bucket_counts),
        point.count,
        Statistics.of(point),
    )
    result = delta
    if total and (total.bounds, len(total.bucket_counts)) == (
        delta.bounds,
        len(delta.bucket_counts),
    ):
        result = HistogramTotal(
            delta.bounds,
            tuple(a + b for a, b in zip(total.bucket_counts, delta.bucket_counts, strict=True)),
            total.count + delta.count,
            total.statistics + delta.statistics,
        )
    _check_counts(result.count, *result.bucket_counts)
    write_histogram(result, point)
    return result


def write_histogram(total: HistogramTotal, point: HistogramDataPoint) -> None:
    """The bounds are those of the total."""
    point.explicit_bounds[:] = total.bounds
    point.bucket_counts[:] = total.bucket_counts
    _write(point, total)


def add_exponential(
    total: ExponentialTotal | None, point: ExponentialHistogramDataPoint
) -> ExponentialTotal:
    """Exponential histograms, at the finer scale that both can have and that keeps them small.

    One with another zero threshold than before begins anew.
    """
    delta = ExponentialTotal(
        point.zero_threshold,
        point.scale,
        point.zero_count,
        point.count,
        Statistics.of(point),
        Buckets(point.positive.offset, tuple(point.positive.bucket_counts)),
        Buckets(point.negative.offset, tuple(point.negative.bucket_counts)),
    )
    result = delta
    if total and total.zero_threshold == delta.zero_threshold:
        result = _added(total, delta)
    _check_counts(result.count, result.zero_count, *result.positive.counts, *result.negative.counts)
    write_exponential(result, point)
    return result


def write_exponential(total: ExponentialTotal, point: ExponentialHistogramDataPoint) -> None:
    """The scale is that of the total."""
    point.scale, point.zero_count = total.scale, total.zero_count
    point.zero_threshold = total.zero_threshold
    for field, buckets in ((point.positive, total.positive), (point.negative, total.negative)):
        field.offset = buckets.offset
        field.bucket_counts[:] = buckets.counts
    _write(point, total)


def _added(a: ExponentialTotal, b: ExponentialTotal) -> ExponentialTotal:
    scale = min(a.scale, b.scale)
    pairs = [
        (x.downscaled(a.scale - scale), y.downscaled(b.scale - scale))
        for x, y in ((a.positive, b.positive), (a.negative, b.negative))
    ]
    by = max(downscale_to_fit(pair) for pair in pairs)
    if scale - by < MIN_SCALE:
        raise CannotAdd("scale")
    positive, negative = (x.downscaled(by) + y.downscaled(by) for x, y in pairs)
    return ExponentialTotal(
        a.zero_threshold,
        scale - by,
        a.zero_count + b.zero_count,
        a.count + b.count,
        a.statistics + b.statistics,
        positive,
        negative,
    )


def _check_counts(*counts: int) -> None:
    if max(counts) > _MAX_COUNT:
        raise CannotAdd("overflow")


def _write(
    point: HistogramDataPoint | ExponentialHistogramDataPoint,
    total: HistogramTotal | ExponentialTotal,
) -> None:
    point.count = total.count
    total.statistics.write(point)


ADDERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "sum": add_number,
    "histogram": add_histogram,
    "exponential_histogram": add_exponential,
}
"""By the field of `Metric` that the points are in. The other kinds have no temporality."""

WRITERS: Final[Mapping[str, Callable[[Any, Any], None]]] = {
    "sum": write_number,
    "histogram": write_histogram,
    "exponential_histogram": write_exponential,
}
"""By the same."""
