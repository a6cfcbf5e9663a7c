"""`stdvar_over_time` and `stddev_over_time` of floats."""

import numpy as np

from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.kernels.walk import Result, Walk, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray


def variance(windows: Windows) -> Result:
    """The population variance of the samples, by Welford's way with compensation."""
    values = windows.samples.values

    def compute(lo: IntArray, hi: IntArray, _: IntArray) -> FloatArray:
        walk = Walk(lo, hi)
        mean, mean_lost, squares, squares_lost = (walk.zeros() for _ in range(4))
        number = 0.0
        for index, active in walk:
            number += 1.0
            sample = values[index]
            off = sample - (mean[active] + mean_lost[active])
            mean[active], mean_lost[active] = kahan_add(
                off / number, mean[active], mean_lost[active]
            )
            square = off * (sample - (mean[active] + mean_lost[active]))
            squares[active], squares_lost[active] = kahan_add(
                square, squares[active], squares_lost[active]
            )
        return walk.in_order(squares + squares_lost) / (hi - lo)

    return evaluate(windows, compute)


def deviation(windows: Windows) -> Result:
    """The population standard deviation: the root of the variance."""
    squares, present = variance(windows)
    with np.errstate(invalid="ignore"):
        return np.sqrt(squares), present
