"""What the start time of a counter (OTLP's start time) says of its resets and its rate.

Upstream's feature `use-start-timestamps`. Times are Unix milliseconds; a start time of 0 is
unknown.
"""

import numpy as np

from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, Samples


def start_resets(samples: Samples) -> BoolArray:
    """Return bool[N - 1]: whether the start time of a sample says that the counter was reset.

    As upstream's `isStartTimestampReset`: the counter started at or after the sample before. A
    start at that very sample is a reset for deltas, whose start times are known, but not for a
    cumulative counter whose start is unknown. Pairs across two series are meaningless.
    """
    starts, times = samples.starts_ms, samples.timestamps_ms
    if starts is None:
        return np.zeros(max(0, times.size - 1), np.bool_)
    before, before_start = times[:-1], starts[:-1]
    start, time = starts[1:], times[1:]
    is_valid = (start != 0) & (start < time)
    is_known = (before_start != 0) & (before_start < before)
    resets: BoolArray = is_valid & ((start > before) | ((start == before) & is_known))
    return resets


def started_inside(windows: Windows) -> BoolArray:
    """Return bool[S, T]: whether the first sample of a window started within the range.

    The counter was then zero at its start time, which is as good as a sample.
    """
    starts, times = windows.samples.starts_ms, windows.samples.timestamps_ms
    filled = windows.counts > 0
    if starts is None or not times.size:
        return np.zeros(filled.shape, np.bool_)
    first = np.where(filled, windows.lo, 0)
    range_start = (windows.end_ms - windows.range_ms)[None, :]
    start = starts[first]
    inside: BoolArray = filled & (start != 0) & (start > range_start) & (start < times[first])
    return inside
