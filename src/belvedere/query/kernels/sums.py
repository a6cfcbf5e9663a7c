"""`sum_over_time`, `avg_over_time` and `count_over_time` of floats."""

import numpy as np

from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, IntArray


def count(windows: Windows) -> Result:
    """The number of samples; windows may hold histograms too."""
    return windows.counts.astype(np.float64), windows.counts > 0


def total(windows: Windows) -> Result:
    """The compensated sum of the samples; windows of floats."""
    values = windows.samples.values

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        walk = Walk(lo, hi)
        sums, lost = walk.zeros(), walk.zeros()
        for index, active in walk:
            sums[active], lost[active] = kahan_add(values[index], sums[active], lost[active])
        return walk.in_order(np.where(np.isinf(sums), sums, sums + lost))

    return evaluate(windows, compute)


def mean(windows: Windows) -> Result:
    """The mean of the samples; windows of floats.

    It is the compensated sum over the count, unless the sum would overflow: then the mean goes
    on incrementally from there, as upstream's does.
    """
    values = windows.samples.values
    return evaluate(windows, lambda lo, hi, _: means(values, lo, hi))


def means(values: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
    """float64[W]: the means of `values[lo:hi]`, none of which is empty; see `mean`."""
    walk = Walk(lo, hi)
    counts = walk.state((hi - lo).astype(np.float64))
    sums, lost = walk.zeros(), walk.zeros()
    for number, (index, active) in enumerate(walk):
        if number == 0:
            sums[active] = values[index]
            continue
        sums[active], lost[active] = kahan_add(values[index], sums[active], lost[active])
    result = walk.in_order(sums / counts + lost / counts)
    over = np.flatnonzero(walk.in_order(~np.isfinite(sums)))
    over = over[_overflow(values, lo[over], hi[over])]
    if over.size:
        result[over] = _incremental_mean(values, lo[over], hi[over])
    return result


def _overflow(values: FloatArray, lo: IntArray, hi: IntArray) -> BoolArray:
    """bool[W]: whether a sum of two samples or more becomes infinite on the way."""
    walk = Walk(lo, hi)
    sums = walk.zeros()
    over = walk.state(np.zeros(lo.size, np.bool_))
    for number, (index, active) in enumerate(walk):
        sums[active] += values[index]
        if number:
            over[active] |= np.isinf(sums[active])
    return walk.in_order(over)


def _incremental_mean(values: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
    walk = Walk(lo, hi)
    sums, lost, means = walk.zeros(), walk.zeros(), walk.zeros()
    incremental = walk.state(np.zeros(lo.size, np.bool_))
    number = 0.0
    for index, active in walk:
        number += 1.0
        sample = values[index]
        if number == 1.0:
            sums[active] = sample
            continue
        new, new_lost = kahan_add(sample, sums[active], lost[active])
        switching = ~incremental[active] & np.isinf(new)
        means[active] = np.where(switching, sums[active] / (number - 1.0), means[active])
        lost[active] = np.where(switching, lost[active] / (number - 1.0), lost[active])
        incremental[active] |= switching
        part = (number - 1.0) / number
        stepped, stepped_lost = kahan_add(
            sample / number, part * means[active], part * lost[active]
        )
        now = incremental[active]
        means[active] = np.where(now, stepped, means[active])
        sums[active] = np.where(now, sums[active], new)
        lost[active] = np.where(now, stepped_lost, new_lost)
    counts = walk.state((hi - lo).astype(np.float64))
    direct = sums / counts + lost / counts
    return walk.in_order(np.where(incremental, means + lost, direct))
