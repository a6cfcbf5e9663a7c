"""`sum_over_time`, `avg_over_time` and `count_over_time` of floats."""

import numpy as np

from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, IntArray

# Windows of more samples are added up in parts of so many.
_LONG = 1024
_PART = 256


def count(windows: Windows) -> Result:
    """The number of samples; windows may hold histograms too."""
    return windows.counts.astype(np.float64), windows.counts > 0


def total(windows: Windows) -> Result:
    """The compensated sum of the samples; windows of floats."""
    values = windows.samples.values

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        sums, lost = totals(values, lo, hi)
        return np.where(np.isinf(sums), sums, sums + lost)

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
    counts = hi - lo
    sums, lost = totals(values, lo, hi)
    result = sums / counts + lost / counts
    over = np.flatnonzero(~np.isfinite(sums))
    over = over[_overflow(values, lo[over], hi[over])]
    if over.size:
        result[over] = _incremental_mean(values, lo[over], hi[over])
    return result


def totals(values: FloatArray, lo: IntArray, hi: IntArray) -> tuple[FloatArray, FloatArray]:
    """float64[W] twice: the sums of `values[lo:hi]`, and what they lost to rounding.

    None of the windows is empty. Samples are added one by one; those of long windows in parts
    side by side, and then the parts.
    """
    counts = hi - lo
    if not counts.size or counts.max() <= _LONG:
        return _added_up(values, lo, hi)
    parts = -(-counts // _PART)
    ends = np.cumsum(parts)
    of_window = np.repeat(np.arange(lo.size), parts)
    number = np.arange(of_window.size) - (ends - parts)[of_window]
    starts = lo[of_window] + number * _PART
    part_sums, part_lost = _added_up(values, starts, np.minimum(starts + _PART, hi[of_window]))
    sums, lost = totals(part_sums, ends - parts, ends)
    lost += np.add.reduceat(part_lost, ends - parts)
    # Whether a sum overflows depends on the order: then it is made one by one.
    over = np.flatnonzero(~np.isfinite(sums))
    over = over[np.logical_and.reduceat(np.isfinite(part_sums), ends - parts)[over]]
    if over.size:
        sums[over], lost[over] = _added_up(values, lo[over], hi[over])
    return sums, lost


def _added_up(values: FloatArray, lo: IntArray, hi: IntArray) -> tuple[FloatArray, FloatArray]:
    walk = Walk(lo, hi)
    sums, lost = walk.zeros(), walk.zeros()
    for index, active in walk:
        sums[active], lost[active] = kahan_add(values[index], sums[active], lost[active])
    return walk.in_order(sums), walk.in_order(lost)


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
