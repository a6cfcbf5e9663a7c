"""What a `smoothed` instant selector sees: the value between two samples."""

import numpy as np

from belvedere.query.kernels.windows import positions
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.samples import IntArray, Samples


def interpolated(samples: Samples, times_ms: IntArray, lookback_ms: int) -> SeriesMatrix:
    """The value of each series at each time, on the line between the samples before and after.

    The samples are those of `(t - lookback, t + lookback]`. Without one after `t` the one before
    stands for it; without one at or before `t` there is no value.

    Args:
        samples: S series of floats, stale markers in (which do not count).
        times_ms: int64[T], ascending.
        lookback_ms: At least 0.

    Returns:
        S series (those without any sample included) on T steps, names not removed.
    """
    samples = samples.without_stale()
    values, times = samples.values, samples.timestamps_ms
    after = positions(samples, times_ms)
    if not values.size:
        return SeriesMatrix.of(
            samples.labels, np.zeros(after.shape), np.zeros(after.shape, np.bool_)
        )
    before = after - 1
    present = before >= samples.offsets[:-1, None]
    before[~present] = 0
    present &= times[before] > times_ms - lookback_ms
    has_next = present & (after < samples.offsets[1:, None])
    after[~has_next] = 0
    has_next &= times[after] <= times_ms + lookback_ms
    after = np.where(has_next, after, before)
    distance = np.maximum(times[after] - times[before], 1)
    share = (times_ms - times[before]) / distance
    with np.errstate(invalid="ignore", over="ignore"):
        between = values[before] + (values[after] - values[before]) * share
    exact = (after == before) | (times[before] == times_ms)
    return SeriesMatrix.of(samples.labels, np.where(exact, values[before], between), present)
