"""The least and the greatest sample, and when: `min_over_time`, `ts_of_min_over_time` and so on."""

import numpy as np

from belvedere.query.kernels.walk import Result, Spread, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray


def minimum(windows: Windows) -> Result:
    """The least sample; NaN only where all are."""
    return _reduced(windows, np.fmin)


def maximum(windows: Windows) -> Result:
    """The greatest sample; NaN only where all are."""
    return _reduced(windows, np.fmax)


def time_of_minimum(windows: Windows) -> Result:
    """The time of the last of the least samples, in seconds."""
    return _time_of(windows, np.fmin)


def time_of_maximum(windows: Windows) -> Result:
    """The time of the last of the greatest samples, in seconds."""
    return _time_of(windows, np.fmax)


def _reduced(windows: Windows, extreme: np.ufunc) -> Result:
    # reduceat needs an index for the end of the last window, too.
    values = np.append(windows.samples.values, np.nan)

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        return _extremes(extreme, values, lo, hi)

    return evaluate(windows, compute)


def _time_of(windows: Windows, extreme: np.ufunc) -> Result:
    values, times = np.append(windows.samples.values, np.nan), windows.samples.timestamps_ms

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        samples = Spread(lo, hi)
        best = _extremes(extreme, values, lo, hi)[samples.window]
        there = (values[samples.index] == best) | np.isnan(best)
        last = np.maximum.reduceat(np.where(there, samples.index, 0), samples.lo)
        return times[last] / 1000.0

    return evaluate(windows, compute)


def _extremes(extreme: np.ufunc, values: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
    found: FloatArray = extreme.reduceat(values, np.stack((lo, hi), axis=1).ravel())[::2]
    return found
