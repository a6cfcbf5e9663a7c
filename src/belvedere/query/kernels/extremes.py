"""The least and the greatest sample, and when: `min_over_time`, `ts_of_min_over_time` and so on."""

from collections.abc import Callable

import numpy as np

from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, IntArray


def minimum(windows: Windows) -> Result:
    """The least sample; NaN only where all are."""
    return _reduced(windows, np.fmin)


def maximum(windows: Windows) -> Result:
    """The greatest sample; NaN only where all are."""
    return _reduced(windows, np.fmax)


def time_of_minimum(windows: Windows) -> Result:
    """The time of the last of the least samples, in seconds."""
    return _time_of(windows, np.less_equal)


def time_of_maximum(windows: Windows) -> Result:
    """The time of the last of the greatest samples, in seconds."""
    return _time_of(windows, np.greater_equal)


def _reduced(windows: Windows, extreme: np.ufunc) -> Result:
    # reduceat needs an index for the end of the last window, too.
    values = np.append(windows.samples.values, np.nan)

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        found: FloatArray = extreme.reduceat(values, np.stack((lo, hi), axis=1).ravel())[::2]
        return found

    return evaluate(windows, compute)


def _time_of(windows: Windows, at_least: Callable[[FloatArray, FloatArray], BoolArray]) -> Result:
    values, times = windows.samples.values, windows.samples.timestamps_ms

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        walk = Walk(lo, hi)
        extreme, at = walk.state(values[lo]), walk.state(times[lo] / 1000.0)
        for index, active in walk:
            sample = values[index]
            better = at_least(sample, extreme[active]) | np.isnan(extreme[active])
            extreme[active] = np.where(better, sample, extreme[active])
            at[active] = np.where(better, times[index] / 1000.0, at[active])
        return walk.in_order(at)

    return evaluate(windows, compute)
