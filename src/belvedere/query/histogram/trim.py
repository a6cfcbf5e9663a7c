"""Cutting a native histogram at a value: the operators `</` and `>/`."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import BucketTable, NativeHistogram


class _Bucket(NamedTuple):
    lower: float
    upper: float
    observations: float


class _Cut(NamedTuple):
    """Where to cut, and how.

    Attributes:
        value: Where.
        below: Observations below the value stay (`</`), else those above (`>/`).
        custom: The buckets are custom ones.
        positive: The buckets are positive ones.
    """

    value: float
    below: bool
    custom: bool
    positive: bool


class _Remains(NamedTuple):
    buckets: Buckets
    observations: float
    removed_sum: float


def trim(histogram: NativeHistogram, value: float, *, below: bool) -> NativeHistogram:
    """The observations below (`</`) or above (`>/`) a value, as upstream's `trimHistogram`.

    A bucket that the value cuts is interpolated as for a quantile; the sum loses the estimated
    midpoints of what was taken. The result has no empty buckets.
    """
    custom = histogram.is_custom
    positive_table, negative_table = histogram.positive_table(), histogram.negative_table()
    positive = _remains(
        histogram.positive, positive_table, _Cut(value, below, custom, positive=True)
    )
    negative = _remains(
        histogram.negative, negative_table, _Cut(value, below, custom, positive=False)
    )
    count = positive.observations + negative.observations
    zero_count = histogram.zero_count
    if zero_count > 0:
        threshold = histogram.zero_threshold
        under = _under(_Bucket(-threshold, threshold, zero_count), value, linear=True)
        zero_count = under if below else zero_count - under
        count += zero_count
    total = 0.0
    if count != 0:
        total = histogram.sum - positive.removed_sum - negative.removed_sum
        has_positive, has_negative = _signs(histogram, positive_table)
        if (not has_negative and total < 0) or (not has_positive and total > 0):
            total = 0.0
    return replace(
        histogram,
        count=count,
        sum=total,
        zero_count=zero_count,
        positive=positive.buckets,
        negative=negative.buckets,
    ).compact()


def _signs(histogram: NativeHistogram, table: BucketTable) -> tuple[bool, bool]:
    filled = table.counts != 0
    if not histogram.is_custom:
        return bool(filled.any()), bool((histogram.negative.counts != 0).any())
    return bool((filled & (table.upper > 0)).any()), bool(
        (filled & ((table.upper <= 0) | (table.lower < 0))).any()
    )


def _remains(buckets: Buckets, table: BucketTable, cut: _Cut) -> _Remains:
    count, removed_sum = 0.0, 0.0
    counts = []
    for row in table.rows():
        bucket = _Bucket(*row)
        kept, midpoint = _kept(bucket, cut) if bucket.observations else (0.0, 0.0)
        count += kept
        removed_sum += (bucket.observations - kept) * midpoint
        counts.append(kept)
    return _Remains(
        Buckets(buckets.indexes, np.array(counts, dtype=np.float64)), count, removed_sum
    )


def _kept(bucket: _Bucket, cut: _Cut) -> tuple[float, float]:
    """The count that stays, and where the observations that go are held to be."""
    whole = bucket.upper <= cut.value if cut.below else bucket.lower >= cut.value
    if whole:
        return bucket.observations, 0.0
    if math.isinf(bucket.lower) or math.isinf(bucket.upper):
        kept, midpoint = _kept_of_infinite(bucket, cut)
    else:
        under = _under(bucket, cut.value, linear=cut.custom, positive=cut.positive)
        kept = under if cut.below else bucket.observations - under
        midpoint = _midpoint(bucket, cut)
    touched = bucket.lower < cut.value if cut.below else bucket.upper > cut.value
    if touched:
        return kept, midpoint
    return 0.0, midpoint if cut.custom else math.sqrt(bucket.lower * bucket.upper)


def _kept_of_infinite(bucket: _Bucket, cut: _Cut) -> tuple[float, float]:
    if bucket.lower != -math.inf:
        return 0.0, bucket.lower
    if cut.value >= 0 and cut.value < bucket.upper < math.inf:
        # The lower bound of the first custom bucket is taken for 0 where the upper is positive.
        share = cut.value / bucket.upper
        if cut.below:
            return bucket.observations * cut.value / bucket.upper, (cut.value + bucket.upper) / 2
        return bucket.observations * (1 - share), cut.value / 2
    return 0.0, bucket.upper


def _under(bucket: _Bucket, value: float, *, linear: bool, positive: bool = True) -> float:
    """How many of the bucket's observations are at most the value."""
    if value <= bucket.lower:
        return 0.0
    if value >= bucket.upper:
        return bucket.observations
    if linear:
        return bucket.observations * ((value - bucket.lower) / (bucket.upper - bucket.lower))
    log_lower, log_upper = math.log2(abs(bucket.lower)), math.log2(abs(bucket.upper))
    log_value = math.log2(abs(value))
    if positive:
        return bucket.observations * ((log_value - log_lower) / (log_upper - log_lower))
    return bucket.observations * (1 - (log_value - log_upper) / (log_lower - log_upper))


def _midpoint(bucket: _Bucket, cut: _Cut) -> float:
    if cut.custom:
        return (bucket.lower + bucket.upper) / 2
    near = abs(bucket.lower) if cut.below else abs(bucket.upper)
    geometric = math.sqrt(near * abs(cut.value))
    return geometric if cut.positive else -geometric
