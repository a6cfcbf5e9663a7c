"""Trim a native histogram at a value: the operators `</` and `>/`.

As `TrimBuckets` in upstream's model/histogram/float_histogram.go.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import BucketTable, NativeHistogram


class _Bucket(NamedTuple):
    lower: float
    upper: float
    observations: float


class _Side(NamedTuple):
    """The buckets on one side of zero.

    Attributes:
        is_linear: The buckets are custom ones: interpolation and midpoints are arithmetic.
        is_positive: The buckets are positive ones.
    """

    is_linear: bool
    is_positive: bool


class _Kept(NamedTuple):
    """What remains of a bucket: how many observations, and the value assumed for each."""

    observations: float
    midpoint: float


# Called with a bucket that the threshold cuts, and the threshold.
_Cut = Callable[[_Bucket, float, _Side], _Kept]

_NOTHING = _Kept(0.0, 0.0)


def trim(histogram: NativeHistogram, threshold: float, *, below: bool) -> NativeHistogram:
    """Return the observations below (`below`, `</`) or above (`>/`) a threshold.

    A bucket that contains the threshold is interpolated as for a quantile. The sum is the sum of
    the midpoints of what is kept. If nothing is removed, count and sum stay as they are. The
    result has no empty buckets unless nothing is removed.
    """
    parts = [
        _trim_side(
            histogram.positive,
            histogram.positive_table(),
            threshold,
            _Side(is_linear=histogram.is_custom, is_positive=True),
            below=below,
        ),
        _trim_side(
            histogram.negative,
            histogram.negative_table(),
            threshold,
            _Side(is_linear=histogram.is_custom, is_positive=False),
            below=below,
        ),
    ]
    count, total = 0.0, 0.0
    for kept in (each for _, side in parts for each in side):
        count += kept.observations
        total += kept.midpoint * kept.observations
    zero_count = histogram.zero_count
    if zero_count > 0:
        zero_count, midpoint = _trim_zero_bucket(_zero_bucket(histogram), threshold, below=below)
        total += midpoint * zero_count
        count += zero_count
    (positive, _), (negative, _) = parts
    whole = positive is histogram.positive and negative is histogram.negative
    if whole and (zero_count == histogram.zero_count or math.isnan(histogram.zero_count)):
        return histogram
    return replace(
        histogram,
        count=count,
        sum=total,
        zero_count=zero_count,
        positive=positive,
        negative=negative,
    ).compact()


def _trim_side(
    buckets: Buckets, table: BucketTable, threshold: float, side: _Side, *, below: bool
) -> tuple[Buckets, list[_Kept]]:
    """The buckets (the same object if nothing is removed), and what is kept of each."""
    cut = _keep_below if below else _keep_above
    kept = []
    for row in table.rows():
        bucket = _Bucket(*row)
        if bucket.observations == 0:
            kept.append(_NOTHING)
        elif bucket.upper <= threshold if below else bucket.lower >= threshold:
            kept.append(_Kept(bucket.observations, _midpoint(bucket.lower, bucket.upper, side)))
        elif bucket.lower < threshold if below else bucket.upper > threshold:
            kept.append(cut(bucket, threshold, side))
        else:
            kept.append(_NOTHING)
    counts = np.array([each.observations for each in kept], dtype=np.float64)
    if np.array_equal(counts, buckets.counts, equal_nan=True):
        return buckets, kept
    return Buckets(buckets.indexes, counts), kept


def _keep_below(bucket: _Bucket, threshold: float, side: _Side) -> _Kept:
    """What is below the threshold of a bucket that contains it."""
    lower, upper, observations = bucket
    if lower == -math.inf:
        if threshold > 0 and upper < math.inf:
            # The first custom bucket is assumed to start at 0 if its upper bound is positive.
            return _Kept(observations * threshold / upper, threshold / 2)
        if upper <= 0:
            return _Kept(observations, threshold)
        return _NOTHING
    if upper == math.inf:
        return _NOTHING
    return _Kept(_split(bucket, threshold, side), _midpoint(lower, threshold, side))


def _keep_above(bucket: _Bucket, threshold: float, side: _Side) -> _Kept:
    """What is above the threshold of a bucket that contains it."""
    lower, upper, observations = bucket
    if lower == -math.inf:
        if threshold >= 0 and upper < math.inf:
            return _Kept(observations * (1 - threshold / upper), (threshold + upper) / 2)
        return _NOTHING
    if upper == math.inf:
        return _Kept(observations, threshold)
    return _Kept(observations - _split(bucket, threshold, side), _midpoint(threshold, upper, side))


def _split(bucket: _Bucket, threshold: float, side: _Side) -> float:
    """How many observations of a bucket are at most the threshold that it contains."""
    lower, upper, observations = bucket
    if side.is_linear:
        return observations * ((threshold - lower) / (upper - lower))
    log_lower, log_upper, log_threshold = _log2(lower), _log2(upper), _log2(threshold)
    if side.is_positive:
        return observations * ((log_threshold - log_lower) / (log_upper - log_lower))
    return observations * (1 - (log_threshold - log_upper) / (log_lower - log_upper))


def _log2(value: float) -> float:
    """The binary logarithm of the magnitude; -Inf for 0, to which the lowest bounds underflow."""
    return math.log2(abs(value)) if value else -math.inf


def _midpoint(lower: float, upper: float, side: _Side) -> float:
    """The value assumed for observations between two bounds."""
    if lower == -math.inf:
        if upper == math.inf:
            return 0.0
        return upper / 2 if upper > 0 else upper
    if upper == math.inf:
        return lower
    if side.is_linear:
        return (lower + upper) / 2
    geometric = math.sqrt(abs(lower * upper))
    return geometric if side.is_positive else -geometric


def _zero_bucket(histogram: NativeHistogram) -> _Bucket:
    """The zero bucket, without its half on the side of zero that has no observations."""
    has_positive = bool((histogram.positive.counts != 0).any())
    has_negative = bool((histogram.negative.counts != 0).any())
    width = histogram.zero_threshold
    return _Bucket(
        0.0 if has_positive and not has_negative else -width,
        0.0 if has_negative and not has_positive else width,
        histogram.zero_count,
    )


def _trim_zero_bucket(bucket: _Bucket, threshold: float, *, below: bool) -> _Kept:
    lower, upper, observations = bucket
    if math.isnan(threshold):
        return _Kept(math.nan, math.nan)
    whole = _Kept(observations, (lower + upper) / 2)
    if threshold <= lower:
        return _NOTHING if below else whole
    if threshold >= upper:
        return whole if below else _NOTHING
    start, end = (lower, threshold) if below else (threshold, upper)
    return _Kept(observations * ((end - start) / (upper - lower)), (start + end) / 2)
