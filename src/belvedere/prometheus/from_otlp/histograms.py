"""Histograms of OTLP as native histograms, and with explicit bounds as `_bucket` samples."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from belvedere.otlp.prometheus import float_text
from belvedere.prometheus.from_otlp.point import Line
from belvedere.prometheus.model import STALE, Buckets, Exemplar, NativeHistogram

MAX_SCHEMA: Final = 8
MIN_SCHEMA: Final = -4
_DEFAULT_ZERO_THRESHOLD: Final = 1e-128
"""Prometheus's own receiver's, where a point has none."""


def native_histogram(point: ExponentialHistogramDataPoint, *, stale: bool) -> NativeHistogram:
    """An exponential histogram, whose scale is at least `MIN_SCHEMA`; above 8 it is brought to 8.

    OTLP's buckets are numbered after their lower bounds, Prometheus's after their upper ones.
    """
    schema = min(point.scale, MAX_SCHEMA)
    if stale:
        return NativeHistogram(schema, 0, STALE)
    down = point.scale - schema
    return NativeHistogram(
        schema,
        point.count,
        point.sum if point.HasField("sum") else 0.0,
        point.zero_threshold or _DEFAULT_ZERO_THRESHOLD,
        point.zero_count,
        _buckets(point.positive.offset, point.positive.bucket_counts, down),
        _buckets(point.negative.offset, point.negative.bucket_counts, down),
    )


def downscaled(buckets: Buckets, by: int) -> Buckets:
    """The same observations in buckets of a schema that is lower by `by`.

    >>> downscaled(((0, 1), (1, 2), (2, 4)), 1)
    ((0, 1), (1, 6))
    """
    if by == 0:
        return buckets
    counts: dict[int, float] = {}
    for index, count in buckets:
        coarse = ((index - 1) >> by) + 1
        counts[coarse] = counts.get(coarse, 0) + count
    return tuple(counts.items())


def bucket_lines(
    point: HistogramDataPoint, exemplars: Sequence[Exemplar], *, stale: bool
) -> tuple[Line, ...]:
    """`_bucket`, `_sum` and `_count` of a histogram with explicit bounds.

    An exemplar belongs to the lowest bucket with its value. A sum that the point does not have
    (there were negative observations) is left out.
    """
    counts = list(accumulate(point.bucket_counts))
    bounds = list(point.explicit_bounds)[: len(counts)]
    by_bucket: dict[int, list[Exemplar]] = {}
    for exemplar in exemplars:
        index = sum(1 for bound in bounds if exemplar.value > bound)
        by_bucket.setdefault(index, []).append(exemplar)
    lines = [
        Line(
            "_bucket",
            ("le", float_text(bound)),
            STALE if stale else float(counts[index]),
            tuple(by_bucket.get(index, ())),
        )
        for index, bound in enumerate(bounds)
        if bound != float("inf")
    ]
    total = STALE if stale else float(point.count)
    rest = [
        exemplar
        for index in range(len(lines), len(bounds) + 1)
        for exemplar in by_bucket.get(index, ())
    ]
    lines.append(Line("_bucket", ("le", "+Inf"), total, tuple(rest)))
    if point.HasField("sum"):
        lines.append(Line("_sum", None, STALE if stale else point.sum))
    lines.append(Line("_count", None, total))
    return tuple(lines)


def _buckets(offset: int, counts: Sequence[int], down: int) -> Buckets:
    present = tuple((index, count) for index, count in enumerate(counts, offset + 1) if count)
    return downscaled(present, down)
