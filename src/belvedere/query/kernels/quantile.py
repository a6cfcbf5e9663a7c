"""`quantile_over_time` and `mad_over_time` of floats, and quantiles of any rows."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from belvedere.query.kernels.walk import Result, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray

# Called with indexes of samples (int64[W, N]) and those of their windows (int64[W]).
OfTable: TypeAlias = Callable[[IntArray, IntArray], FloatArray]

# Windows are sorted as rows of a table; so many elements of it at a time.
_TABLE_ELEMENTS = 1 << 20


def quantile(windows: Windows, q: FloatArray) -> Result:
    """The q-quantile of each window.

    Args:
        windows: Of floats.
        q: float64[T], by step; see `quantile_of_rows`.
    """
    values = windows.samples.values
    return evaluate(windows, lambda lo, hi, step: quantiles(values, lo, hi, q[step]))


def quantiles(values: FloatArray, lo: IntArray, hi: IntArray, q: FloatArray) -> FloatArray:
    """float64[W]: the q-quantiles (float64[W]) of `values[lo:hi]`, none of which is empty."""
    return _by_size(lo, hi, lambda index, chosen: quantile_of_rows(values[index], q[chosen]))


def median_absolute_deviation(windows: Windows) -> Result:
    """The median of the distances to the median; NaN where a sample is."""
    values = windows.samples.values

    def deviation(samples: IntArray, chosen: IntArray) -> FloatArray:
        rows = values[samples]
        half = np.full(chosen.size, 0.5)
        median = quantile_of_rows(rows, half)
        found = quantile_of_rows(np.abs(rows - median[:, None]), half)
        return np.where(np.isnan(rows).any(axis=1), np.nan, found)

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        return _by_size(lo, hi, deviation)

    return evaluate(windows, compute)


def quantile_of_rows(rows: FloatArray, q: FloatArray) -> FloatArray:
    """The q-quantiles of the rows, as upstream's `quantile`: linear between two values.

    Args:
        rows: float64[R, N], N at least 1. NaNs stand before all other values.
        q: float64[R]. Below 0 gives -Inf, above 1 +Inf, NaN gives NaN.
    """
    number = rows.shape[1]
    ordered = np.sort(rows, axis=1)
    nans = np.isnan(ordered).sum(axis=1)
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * (number - 1)
    floor = np.floor(rank)
    lower = floor.astype(np.int64)
    upper = np.minimum(lower + 1, number - 1)
    weight = rank - floor
    row = np.arange(rows.shape[0])
    with np.errstate(invalid="ignore"):
        # NumPy sorts NaNs to the end: a turn by their number puts them in front.
        result = (
            ordered[row, (lower - nans) % number] * (1 - weight)
            + ordered[row, (upper - nans) % number] * weight
        )
    return np.select([np.isnan(q), q < 0, q > 1], [np.nan, -np.inf, np.inf], result)


def _by_size(lo: IntArray, hi: IntArray, compute: OfTable) -> FloatArray:
    counts = hi - lo
    result = np.zeros(lo.size)
    for number in np.unique(counts):
        same = np.flatnonzero(counts == number)
        rows = max(1, _TABLE_ELEMENTS // int(number))
        for start in range(0, same.size, rows):
            chosen = same[start : start + rows]
            samples = lo[chosen, None] + np.arange(number)[None, :]
            result[chosen] = compute(samples, chosen)
    return result
