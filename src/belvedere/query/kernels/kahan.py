"""Compensated summation (Kahan, Neumaier), as upstream's `kahansum` does it."""

import numpy as np

from belvedere.query.samples import FloatArray


def kahan_add(
    increment: FloatArray, total: FloatArray, compensation: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """One step for many sums at once; arrays of one shape, or that broadcast.

    The sum is `total + compensation` in the end; where the total is infinite, the total alone.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        new = total + increment
        larger = np.abs(total) >= np.abs(increment)
        lost = np.where(larger, (total - new) + increment, (increment - new) + total)
        compensated = np.where(np.isinf(new), 0.0, compensation + lost)
    return new, compensated
