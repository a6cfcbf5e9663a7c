"""What the start time of a counter (OTLP's start time) says of its resets and its rate.

Upstream's feature `use-start-timestamps`. Times are Unix milliseconds; a start time of 0 is
unknown.
"""

import numpy as np

from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, IntArray, Samples


def start_resets(samples: Samples) -> BoolArray | None:
    """Return bool[N - 1]: whether the start time of a sample says that the counter was reset.

    None if start times are not used.

    As upstream's `isStartTimestampReset`: the counter started at or after the sample before. A
    start at that very sample is a reset for deltas, whose start times are known, but not for a
    cumulative counter whose start is unknown. Pairs across two series are meaningless.
    """
    starts, times = samples.starts_ms, samples.timestamps_ms
    if starts is None:
        return None
    before, before_start = times[:-1], starts[:-1]
    start, time = starts[1:], times[1:]
    is_valid = (start != 0) & (start < time)
    is_known = (before_start != 0) & (before_start < before)
    resets: BoolArray = is_valid & ((start > before) | ((start == before) & is_known))
    return resets


def started_inside(windows: Windows) -> IntArray | None:
    """Return int64[S, T]: `starts_inside` of all windows, 0 if empty; None if not used."""
    if windows.samples.starts_ms is None:
        return None
    filled = windows.counts > 0
    if not filled.any():
        return np.zeros(filled.shape, np.int64)
    steps = np.broadcast_to(np.arange(filled.shape[1]), filled.shape)
    found = starts_inside(
        windows, windows.samples.starts_ms, np.where(filled, windows.lo, 0), steps
    )
    return np.where(filled, found, 0)


def starts_inside(windows: Windows, starts_ms: IntArray, lo: IntArray, step: IntArray) -> IntArray:
    """Return when the first samples of windows started, 0 if not within the range or unknown.

    A counter was zero then, which is as good as a sample.

    Args:
        windows: Of which the others are some.
        starts_ms: Those of its samples.
        lo: The first sample of each, of any shape.
        step: The step of each, of the same shape.
    """
    start = starts_ms[lo]
    within = (start > windows.end_ms[step] - windows.range_ms) & (
        start < windows.samples.timestamps_ms[lo]
    )
    return np.where(within, start, 0)
