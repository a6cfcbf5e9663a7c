"""`deriv` and `predict_linear`: the line of least squares through the samples."""

import numpy as np

from belvedere.query.kernels.sums import totals
from belvedere.query.kernels.walk import Result, Spread, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray


def derivative(windows: Windows) -> Result:
    """The slope of the line a second; windows of at least two floats."""

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        return _line(windows, lo, hi, windows.samples.timestamps_ms[lo])[0]

    return evaluate(windows, compute, at_least=2)


def predicted(windows: Windows, times_ms: IntArray, ahead_s: FloatArray) -> Result:
    """The value of the line at a time after each step.

    Args:
        windows: Of floats; there is a result for at least two.
        times_ms: int64[T], the steps.
        ahead_s: float64[T], seconds after the step.
    """

    def compute(lo: IntArray, hi: IntArray, step: IntArray) -> FloatArray:
        slope, intercept = _line(windows, lo, hi, times_ms[step])
        return slope * ahead_s[step] + intercept

    return evaluate(windows, compute, at_least=2)


def _line(
    windows: Windows, lo: IntArray, hi: IntArray, origin_ms: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Slope (a second) and value at the origin, as upstream's `linearRegression`."""
    samples = Spread(lo, hi)
    y = windows.samples.values[samples.index]
    x = (windows.samples.timestamps_ms[samples.index] - origin_ms[samples.window]) / 1e3
    terms = (totals(term, samples.lo, samples.hi) for term in (x, y, x * y, x * x))
    sum_x, sum_y, sum_xy, sum_xx = (sums + lost for sums, lost in terms)
    n = (hi - lo).astype(np.float64)
    slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    intercept = sum_y / n - slope * sum_x / n
    first = y[samples.lo]
    flat = np.logical_and.reduceat(y == first[samples.window], samples.lo)
    level = np.where(np.isinf(first), np.nan, first)
    return np.where(flat, level * 0.0, slope), np.where(flat, level, intercept)
