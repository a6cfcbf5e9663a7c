"""Deltas added to the total so far, for readers who know totals only."""

from dataclasses import replace

from belvedere.prometheus.from_otlp.histograms import downscaled
from belvedere.prometheus.from_otlp.point import Point
from belvedere.prometheus.model import Buckets, NativeHistogram


def added(total: Point, delta: Point) -> Point:
    """The total after a delta: `delta` with its values and start replaced.

    A histogram with other bounds, or another zero threshold, than before begins anew.
    """
    if total.histogram is not None and delta.histogram is not None:
        histogram = _added_histograms(total.histogram, delta.histogram)
        if histogram is None:
            return delta
        return replace(delta, histogram=histogram, created_ms=total.created_ms)
    if [(line.suffix, line.label) for line in total.lines] != [
        (line.suffix, line.label) for line in delta.lines
    ]:
        return delta
    lines = tuple(
        replace(b, value=a.value + b.value, exemplars=b.exemplars or a.exemplars)
        for a, b in zip(total.lines, delta.lines, strict=True)
    )
    return replace(delta, lines=lines, created_ms=total.created_ms)


def _added_histograms(a: NativeHistogram, b: NativeHistogram) -> NativeHistogram | None:
    """At the coarser of the two schemas."""
    if a.zero_threshold != b.zero_threshold:
        return None
    schema = min(a.schema, b.schema)
    return replace(
        b,
        schema=schema,
        count=a.count + b.count,
        sum=a.sum + b.sum,
        zero_count=a.zero_count + b.zero_count,
        positive=_added_buckets(
            downscaled(a.positive, a.schema - schema), downscaled(b.positive, b.schema - schema)
        ),
        negative=_added_buckets(
            downscaled(a.negative, a.schema - schema), downscaled(b.negative, b.schema - schema)
        ),
    )


def _added_buckets(a: Buckets, b: Buckets) -> Buckets:
    counts = dict(a)
    for index, count in b:
        counts[index] = counts.get(index, 0) + count
    return tuple(sorted(counts.items()))
