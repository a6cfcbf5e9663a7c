"""Zero buckets of different width, made the same."""

from dataclasses import replace

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import BucketTable, NativeHistogram
from belvedere.query.samples import FloatArray


def same_zero_bucket(
    left: NativeHistogram, right: NativeHistogram
) -> tuple[NativeHistogram, NativeHistogram]:
    """Both with the smallest zero bucket that cuts no populated bucket of either."""
    while left.zero_threshold != right.zero_threshold:
        if left.zero_threshold > right.zero_threshold:
            right = widened(right, left.zero_threshold)
        if right.zero_threshold > left.zero_threshold:
            left = widened(left, right.zero_threshold)
    return left, right


def widened(histogram: NativeHistogram, threshold: float) -> NativeHistogram:
    """The histogram with a zero bucket of at least that threshold, at least the present one.

    Where the threshold lies within a populated bucket, it becomes that bucket's far bound.
    """
    positive, negative = histogram.positive_table(), histogram.negative_table()
    while True:
        inside_positive, wider = _inside(positive.lower, positive, threshold)
        inside_negative, wider = _inside(-negative.upper, negative, wider)
        if wider == threshold:
            break
        threshold = wider
    zero_count = histogram.zero_count
    for counts in (positive.counts[:inside_positive], negative.counts[:inside_negative]):
        for count in counts.tolist():
            zero_count += count
    return replace(
        histogram,
        zero_threshold=threshold,
        zero_count=zero_count,
        positive=_after(histogram.positive, inside_positive),
        negative=_after(histogram.negative, inside_negative),
    )


def _inside(nearer: FloatArray, table: BucketTable, threshold: float) -> tuple[int, float]:
    """How many buckets start below the threshold, and the threshold that cuts none."""
    inside = int((nearer < threshold).sum())
    if inside and table.counts[inside - 1] != 0:
        far = max(abs(float(table.lower[inside - 1])), abs(float(table.upper[inside - 1])))
        return inside, max(far, threshold)
    return inside, threshold


def _after(buckets: Buckets, count: int) -> Buckets:
    return Buckets(buckets.indexes[count:], buckets.counts[count:]).compact
