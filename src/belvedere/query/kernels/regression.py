"""`deriv` and `predict_linear`: the line of least squares through the samples."""

import numpy as np

from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, IntArray


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
    values, times = windows.samples.values, windows.samples.timestamps_ms
    walk = Walk(lo, hi)
    origin, first = walk.state(origin_ms), walk.state(values[lo])
    constant: BoolArray = np.ones(lo.size, np.bool_)
    sums = [(walk.zeros(), walk.zeros()) for _ in range(4)]
    for index, active in walk:
        y = values[index]
        x = (times[index] - origin[active]) / 1e3
        constant[active] &= y == first[active]
        for (total, lost), term in zip(sums, (x, y, x * y, x * x), strict=True):
            total[active], lost[active] = kahan_add(term, total[active], lost[active])
    sum_x, sum_y, sum_xy, sum_xx = (walk.in_order(total + lost) for total, lost in sums)
    n = (hi - lo).astype(np.float64)
    slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    intercept = sum_y / n - slope * sum_x / n
    flat = walk.in_order(constant)
    level = np.where(np.isinf(values[lo]), np.nan, values[lo])
    return np.where(flat, level * 0.0, slope), np.where(flat, level, intercept)
