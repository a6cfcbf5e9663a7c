"""Go's `math.Max` and `math.Min`: an infinity of the right sign wins even over NaN."""

import numpy as np

from belvedere.query.samples import FloatArray


def go_max(left: FloatArray, right: FloatArray) -> FloatArray:
    """The greater; NaN if either is, unless one is +Inf. Arrays that broadcast."""
    greater: FloatArray = np.maximum(left, right)
    return np.where((left == np.inf) | (right == np.inf), np.inf, greater)


def go_min(left: FloatArray, right: FloatArray) -> FloatArray:
    """The lesser; NaN if either is, unless one is -Inf. Arrays that broadcast."""
    lesser: FloatArray = np.minimum(left, right)
    return np.where((left == -np.inf) | (right == -np.inf), -np.inf, lesser)
