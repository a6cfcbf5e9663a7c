"""Histograms that grow by one observation at a time, and write themselves into data points."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import floor, frexp, log2
from typing import Any, Final, Protocol, TypeAlias

_FINEST_SCALE: Final = 20
"""Where exponential histograms begin; wide ranges bring them down."""

DEFAULT_BOUNDS_S: Final = (
    *(0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8),
    *(1.0, 1.4, 2.0, 5.0, 10.0, 15.0),
)
"""Of durations, as the Collector's connectors have them."""


class Histogram(Protocol):
    """Observations of one stream. They are not negative."""

    def observe(self, value: float, weight: int = 1) -> None:
        """Count `value`, `weight` times."""
        ...

    def write(self, point: Any) -> None:
        """Set count, sum and buckets of a data point of the histogram's type."""
        ...


MakeHistogram: TypeAlias = Callable[[], Histogram]


class ExplicitHistogram:
    """Buckets between fixed bounds; a value that equals a bound is below it, as OTLP has it."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._counts, self._sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float, weight: int = 1) -> None:
        """Count `value`, `weight` times."""
        self._counts[bisect_left(self._bounds, value)] += weight
        self._sum += value * weight

    def write(self, point: Any) -> None:
        """Fill a `HistogramDataPoint`."""
        point.count, point.sum = sum(self._counts), self._sum
        point.explicit_bounds.extend(self._bounds)
        point.bucket_counts.extend(self._counts)


class ExponentialHistogram:
    """Buckets whose bounds are powers of a base, as fine as `max_size` of them allow."""

    __slots__ = ("_buckets", "_count", "_max", "_max_size", "_min", "_scale", "_sum", "_zeros")

    def __init__(self, max_size: int) -> None:
        """An empty histogram of at most `max_size` buckets, which is at least 2."""
        self._max_size, self._scale = max_size, _FINEST_SCALE
        self._buckets: dict[int, int] = {}
        self._count = self._zeros = 0
        self._sum, self._min, self._max = 0.0, float("inf"), 0.0

    def observe(self, value: float, weight: int = 1) -> None:
        """Count `value`, `weight` times."""
        self._count += weight
        self._sum += value * weight
        self._min, self._max = min(self._min, value), max(self._max, value)
        if value == 0:
            self._zeros += weight
            return
        index = _index(value, self._scale)
        buckets = self._buckets
        if index not in buckets:
            index = self._make_room(index)
            buckets = self._buckets
        buckets[index] = buckets.get(index, 0) + weight

    def write(self, point: Any) -> None:
        """Fill an `ExponentialHistogramDataPoint`."""
        point.count, point.sum, point.zero_count = self._count, self._sum, self._zeros
        point.scale = self._scale
        if self._count:
            point.min, point.max = self._min, self._max
        if self._buckets:
            first, last = min(self._buckets), max(self._buckets)
            point.positive.offset = first
            point.positive.bucket_counts.extend(
                self._buckets.get(index, 0) for index in range(first, last + 1)
            )

    def _make_room(self, index: int) -> int:
        """Go down in scale until `index` fits beside the others; returns what it is then."""
        first, last = min(self._buckets, default=index), max(self._buckets, default=index)
        first, last = min(first, index), max(last, index)
        by = 0
        while (last >> by) - (first >> by) >= self._max_size:
            by += 1
        if by:
            self._scale -= by
            merged: dict[int, int] = {}
            for old, count in self._buckets.items():
                merged[old >> by] = merged.get(old >> by, 0) + count
            self._buckets = merged
        return index >> by


def _index(value: float, scale: int) -> int:
    """The bucket of a value: (2^(i/2^s), 2^((i+1)/2^s)]; exact for powers of two."""
    fraction, exponent = frexp(value)
    if fraction == 0.5:
        exponent -= 1
        return ((exponent << scale) if scale >= 0 else -(-exponent >> -scale)) - 1
    return floor(log2(value) * 2.0**scale)
