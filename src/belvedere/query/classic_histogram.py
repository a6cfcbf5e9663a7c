"""Quantiles and fractions of classic histograms: cumulative counts by upper bound."""

from typing import NamedTuple

import numpy as np

from belvedere.query.samples import BoolArray, FloatArray

# Counts that differ by less, relatively, are held to differ by rounding alone.
_TOLERANCE = 1e-12
_MIN_NORMAL = 2.0**-1022
_MAX = np.finfo(np.float64).max


class Mended(NamedTuple):
    """Where cumulative counts fell from one bucket to the next, and were mended. [W] each.

    Attributes:
        forced: Whether they did.
        min_bucket: The least upper bound of a bucket mended.
        max_bucket: The greatest.
        max_difference: By how much at most.
    """

    forced: BoolArray
    min_bucket: FloatArray
    max_bucket: FloatArray
    max_difference: FloatArray


def coalesced(bounds: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Buckets in ascending order, those of one bound added up.

    Args:
        bounds: float64[B], in any order.
        counts: float64[B, W].
    """
    order = np.argsort(bounds, kind="stable")
    bounds, counts = bounds[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))
    if first.size == bounds.size:
        return bounds, counts
    return bounds[first], np.add.reduceat(counts, first, axis=0)


def bucket_quantile(
    q: FloatArray, bounds: FloatArray, counts: FloatArray
) -> tuple[FloatArray, Mended]:
    """The q-quantiles of W histograms of the same buckets, as upstream's `BucketQuantile`.

    Args:
        q: float64[W]. Below 0 gives -Inf, above 1 +Inf, NaN gives NaN.
        bounds: float64[B], upper bounds in any order. NaN unless the greatest is +Inf and
            there is another.
        counts: float64[B, W], cumulative. NaN for a histogram without observations.
    """
    bounds, counts = coalesced(bounds, counts)
    nothing = np.full(q.shape, np.nan)
    proper = (q >= 0) & (q <= 1)
    outside = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, np.nan))
    if bounds[-1] != np.inf:
        none = np.zeros(q.shape, np.bool_)
        return np.where(proper, np.nan, outside), Mended(none, nothing, nothing, nothing)
    counts, mended = _monotonic(bounds, counts)
    if bounds.size < 2:
        return np.where(proper, np.nan, outside), mended._replace(forced=mended.forced & False)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rank = q * counts[-1]
        enough = counts[:-1] >= rank
        at = np.where(enough.any(axis=0), enough.argmax(axis=0), bounds.size - 1)
        column = np.arange(q.size)
        before = np.maximum(at - 1, 0)
        start = np.where(at > 0, bounds[before], 0.0)
        below = np.where(at > 0, counts[before, column], 0.0)
        inside = counts[at, column] - below
        found = start + (bounds[at] - start) * ((rank - below) / inside)
    found = np.where((at == 0) & (bounds[0] <= 0), bounds[0], found)
    found = np.where(at == bounds.size - 1, bounds[-2], found)
    empty = counts[-1] == 0
    forced = mended.forced & proper & ~empty
    found = np.where(empty, np.nan, found)
    return np.where(proper, found, outside), mended._replace(forced=forced)


def bucket_fraction(
    lower: FloatArray, upper: FloatArray, bounds: FloatArray, counts: FloatArray
) -> FloatArray:
    """The parts of the observations between values, as upstream's `BucketFraction`.

    Args:
        lower: float64[W].
        upper: float64[W]; 0 where it is not more than `lower`, NaN where either is NaN.
        bounds: float64[B], upper bounds in any order; NaN unless the greatest is +Inf.
        counts: float64[B, W], cumulative. NaN for a histogram without observations.
    """
    bounds, counts = coalesced(bounds, counts)
    if bounds[-1] != np.inf:
        return np.full(lower.shape, np.nan)
    total = counts[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (_rank(upper, bounds, counts) - _rank(lower, bounds, counts)) / total
    part = np.where(lower >= upper, 0.0, part)
    return np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, part)


def _rank(value: FloatArray, bounds: FloatArray, counts: FloatArray) -> FloatArray:
    """float64[W]: how many observations are below the values, at most all."""
    total = counts[-1]
    found = np.full(value.shape, np.inf)
    open_ = np.ones(value.shape, np.bool_)
    start = 0.0 if bounds[0] > 0 else -np.inf
    below = np.zeros(value.shape)
    for bound, count in zip(bounds.tolist(), counts, strict=True):
        reached = open_ & (start >= value)
        found = np.where(reached, below, found)
        open_ &= ~reached
        inside = open_ & (start < value) & (bound > value)
        if start == -np.inf:
            within = count  # as upstream: the whole first bucket is below
        else:
            within = below + (count - below) * (value - start) / (bound - start)
        found = np.where(inside, within, found)
        open_ &= ~inside
        start, below = bound, count
    return np.where(found > total, total, found)


def _monotonic(bounds: FloatArray, counts: FloatArray) -> tuple[FloatArray, Mended]:
    """Counts that never fall: a fall is mended, and so are differences by rounding."""
    width = counts.shape[1]
    least, most = np.full(width, np.inf), np.full(width, -np.inf)
    difference = np.zeros(width)
    forced = np.zeros(width, np.bool_)
    with np.errstate(invalid="ignore"):
        rises = counts[1:] - counts[:-1]
        sound = (rises == 0) | (rises > 4 * _TOLERANCE * counts[1:])
    if sound.all():
        return counts, Mended(forced, least, most, difference)
    counts = counts.copy()
    before = counts[0].copy()
    for bound, now in zip(bounds[1:].tolist(), counts[1:], strict=True):
        close = _almost_equal(before, now)
        fell = ~close & (now < before)
        if fell.any():
            forced |= fell
            least = np.where(fell, np.minimum(least, bound), least)
            most = np.where(fell, np.maximum(most, bound), most)
            difference = np.where(fell, np.maximum(difference, before - now), difference)
        now[:] = np.where(close | fell, before, now)
        before = now
    return counts, Mended(forced, least, most, difference)


def _almost_equal(left: FloatArray, right: FloatArray) -> BoolArray:
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        size, apart = np.abs(left) + np.abs(right), np.abs(left - right)
        tiny = (left == 0) | (right == 0) | (size < _MIN_NORMAL)
        near = apart / np.minimum(size, _MAX) < _TOLERANCE
    equal: BoolArray = (
        (left == right)
        | (np.isnan(left) & np.isnan(right))
        | np.where(tiny, apart < _TOLERANCE * _MIN_NORMAL, near)
    )
    return equal
