"""Buckets of native histograms as messages have them: spans of neighbours."""

from typing import Any, Final

from belvedere.prometheus.model import Buckets, NativeHistogram

_MAX_GAP: Final = 2
"""Up to so many empty buckets are written as zeros rather than end a span, as Prometheus does."""


def write_spans(spans: Any, buckets: Buckets) -> list[float]:
    """Add the `BucketSpan`s of buckets; return their counts, with the zeros in short gaps."""
    counts: list[float] = []
    span, end = None, 0
    for index, count in buckets:
        if span is None or index - end > _MAX_GAP:
            span = spans.add(offset=index - end, length=0)
        else:
            counts.extend([0] * (index - end))
            span.length += index - end
        span.length += 1
        counts.append(count)
        end = index + 1
    return counts


def deltas(counts: list[float]) -> list[int]:
    """Whole counts, each but the first as the difference to the one before.

    >>> deltas([1, 3, 0])
    [1, 2, -3]
    """
    return [int(b) - int(a) for b, a in zip(counts, [0, *counts], strict=False)]


def is_whole(histogram: NativeHistogram) -> bool:
    """Whether all its counts are whole numbers."""
    counts = (
        histogram.count,
        histogram.zero_count,
        *(count for _, count in histogram.positive + histogram.negative),
    )
    return all(count >= 0 and float(count).is_integer() for count in counts)
