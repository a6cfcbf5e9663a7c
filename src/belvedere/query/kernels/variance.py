"""`stdvar_over_time` and `stddev_over_time` of floats."""

import numpy as np

from belvedere.query.kernels.sums import means, totals
from belvedere.query.kernels.walk import Result, Spread, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray


def variance(windows: Windows) -> Result:
    """The population variance of the samples."""
    values = windows.samples.values
    return evaluate(windows, lambda lo, hi, _: variances(values, lo, hi))


def deviation(windows: Windows) -> Result:
    """The population standard deviation: the root of the variance."""
    squares, present = variance(windows)
    with np.errstate(invalid="ignore"):
        return np.sqrt(squares), present


def variances(values: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
    """float64[W]: the population variances of `values[lo:hi]`, none of which is empty.

    They are the means of the squared distances to the mean, with compensation; upstream's way
    (Welford's) gives the same but for rounding.
    """
    found = Spread(lo, hi)
    off = values[found.index] - means(values, lo, hi)[found.window]
    sums, lost = totals(off * off, found.lo, found.hi)
    return (sums + lost) / (hi - lo)
