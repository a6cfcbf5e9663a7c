"""Quantiles and fractions of a native histogram."""

import math
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.native import BucketTable, NativeHistogram


class NanEffect(NamedTuple):
    """What NaN observations did to a result, to be annotated.

    Attributes:
        nan: They make the result NaN (of a quantile).
        skewed: They skew a quantile upwards, or are left out of a fraction.
    """

    nan: bool = False
    skewed: bool = False


NO_EFFECT = NanEffect()


class _Reached(NamedTuple):
    """The bucket in which a rank is reached (or the last one), and the count up to its end."""

    lower: float
    upper: float
    inside: float
    reached: float


def quantile(q: float, histogram: NativeHistogram) -> tuple[float, NanEffect]:
    """The q-quantile, as upstream's `HistogramQuantile`.

    Within exponential buckets observations are held to lie exponentially, within custom
    buckets and the zero bucket linearly. -Inf for q < 0, +Inf for q > 1, NaN for a NaN and for
    a histogram without observations.
    """
    if q < 0 or q > 1:
        return math.copysign(math.inf, q), NO_EFFECT
    if histogram.count == 0 or math.isnan(q):
        return math.nan, NO_EFFECT
    table = histogram.table()
    # NaN observations are in the count but in no bucket: from below, they lie beyond the last.
    forward = math.isnan(histogram.sum) or q < 0.5
    rank = (q if forward else 1 - q) * histogram.count
    lower, upper, inside, reached = _reach(table, rank, forward=forward)
    if histogram.is_custom and (upper == math.inf or lower == -math.inf):
        if lower != -math.inf or upper <= 0:
            return (lower if lower != -math.inf else upper), NO_EFFECT
        lower = 0.0
    elif not histogram.is_custom and lower < 0 < upper:
        lower, upper = _zero_bounds(histogram, lower, upper)
    reached = min(reached, histogram.count)
    if reached < rank:
        nan = math.isnan(histogram.sum)
        return (math.nan if nan else upper), NanEffect(nan=nan)
    rank = rank - (reached - inside) if forward else reached - rank
    skewed = math.isnan(histogram.sum) and _total(table) < histogram.count
    share = rank / inside if inside else math.nan
    return _interpolate(lower, upper, share, linear=histogram.is_custom), NanEffect(skewed=skewed)


def _reach(table: BucketTable, rank: float, *, forward: bool) -> _Reached:
    if not table.counts.size:
        return _Reached(0.0, 0.0, 0.0, 0.0)
    order = slice(None) if forward else slice(None, None, -1)
    counts = table.counts[order]
    filled = np.flatnonzero(counts)
    running = np.cumsum(counts[filled])
    enough = np.flatnonzero(running >= rank)
    if enough.size:
        at, reached = int(filled[enough[0]]), float(running[enough[0]])
    else:
        at, reached = counts.size - 1, float(running[-1]) if running.size else 0.0
    lower, upper = float(table.lower[order][at]), float(table.upper[order][at])
    return _Reached(lower, upper, float(counts[at]), reached)


def _interpolate(lower: float, upper: float, share: float, *, linear: bool) -> float:
    if linear or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    log_lower, log_upper = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return _exp2(log_lower + (log_upper - log_lower) * share)
    return -_exp2(log_upper + (log_lower - log_upper) * (1 - share))


def _total(table: BucketTable) -> float:
    return float(np.cumsum(table.counts)[-1]) if table.counts.size else 0.0


def fraction(lower: float, upper: float, histogram: NativeHistogram) -> tuple[float, NanEffect]:
    """The part of the observations between the bounds, as upstream's `HistogramFraction`.

    NaN where there are no observations or a bound is NaN; 0 where `lower >= upper`.
    """
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan, NO_EFFECT
    if lower >= upper:
        return 0.0, NO_EFFECT
    table = histogram.table()
    total, effect = histogram.count, NO_EFFECT
    if math.isnan(histogram.sum):
        total = _total(table)
        effect = NanEffect(skewed=total < histogram.count)
    lower_rank = _rank(lower, histogram)
    upper_rank = _rank(upper, histogram)
    return (min(upper_rank, total) - min(lower_rank, total)) / histogram.count, effect


def _rank(value: float, histogram: NativeHistogram) -> float:
    """How many observations are below the value; infinite where it is above all buckets."""
    rank = 0.0
    for lower, upper, count in histogram.table().rows():
        around_zero = lower <= 0 <= upper
        start, end = _zero_bounds(histogram, lower, upper) if around_zero else (lower, upper)
        if start >= value:
            return rank
        if end > value:
            if histogram.is_custom or around_zero:
                # Of a bucket without a finite lower bound nothing is known to be below.
                return (
                    count if start == -math.inf else rank + count * (value - start) / (end - start)
                )
            log_start, log_end = math.log2(abs(start)), math.log2(abs(end))
            log_value = math.log2(abs(value))
            if value > 0:
                share = (log_value - log_start) / (log_end - log_start)
            else:
                share = 1 - (log_value - log_end) / (log_start - log_end)
            return rank + count * share
        rank += count
    return math.inf


def _zero_bounds(histogram: NativeHistogram, lower: float, upper: float) -> tuple[float, float]:
    """The zero bucket ends at 0 on a side on which the histogram has no buckets."""
    if not len(histogram.negative) and len(histogram.positive):
        return 0.0, upper
    if not len(histogram.positive) and len(histogram.negative):
        return lower, 0.0
    return lower, upper


def _exp2(exponent: float) -> float:
    try:
        return math.exp2(exponent)
    except OverflowError:
        return math.inf
