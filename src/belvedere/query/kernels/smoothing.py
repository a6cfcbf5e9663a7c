"""`double_exponential_smoothing` of floats (Holt's linear method)."""

import numpy as np

from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray


def smoothed(windows: Windows, smoothing: FloatArray, trend: FloatArray) -> Result:
    """The smoothed value at the end of each window of at least two floats.

    Args:
        windows: Of floats.
        smoothing: float64[T], between 0 and 1: the lower, the more the past counts.
        trend: float64[T], between 0 and 1: the higher, the more the trend counts.
    """
    values = windows.samples.values

    def compute(lo: IntArray, hi: IntArray, step: IntArray) -> FloatArray:
        walk = Walk(lo, hi)
        sf, tf = walk.state(smoothing[step]), walk.state(trend[step])
        before, now = walk.zeros(), walk.state(values[lo])
        slope = walk.state(values[lo + 1] - values[lo])
        for number, (index, active) in enumerate(walk):
            if number == 0:
                continue
            s, t = sf[active], tf[active]
            if number > 1:
                slope[active] = t * (now[active] - before[active]) + (1 - t) * slope[active]
            new = s * values[index] + (1 - s) * (now[active] + slope[active])
            before[active], now[active] = now[active].copy(), new
        return walk.in_order(np.asarray(now))

    return evaluate(windows, compute, at_least=2)
