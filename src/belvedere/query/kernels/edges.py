"""Kernels that look at the first or the last samples alone; floats and histograms alike."""

from typing import TypeAlias

import numpy as np

from belvedere.query.kernels.start_times import start_resets
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, HistogramArray, IntArray

# values float64[S, T], present bool[S, T], histograms object[S, T] or None.
Edge: TypeAlias = tuple[FloatArray, BoolArray, HistogramArray | None]


def first(windows: Windows) -> Edge:
    """The first sample: values, present, histograms."""
    return _at(windows, windows.lo)


def last(windows: Windows) -> Edge:
    """The last sample: values, present, histograms."""
    return _at(windows, windows.hi - 1)


def time_of_first(windows: Windows) -> Result:
    """The time of the first sample, in seconds."""
    return _time(windows, windows.lo)


def time_of_last(windows: Windows) -> Result:
    """The time of the last sample, in seconds."""
    return _time(windows, windows.hi - 1)


def presence(windows: Windows) -> Result:
    """1 where there is a sample."""
    present = windows.counts > 0
    return present.astype(np.float64), present


def _at(windows: Windows, index: IntArray) -> Edge:
    present = windows.counts > 0
    samples = windows.samples
    if not samples.values.size:
        return np.zeros(present.shape), present, None
    index = np.where(present, index, 0)
    histograms = None
    if samples.histograms is not None:
        histograms = samples.histograms[index]
        histograms[~present] = None
    return samples.values[index], present, histograms


def _time(windows: Windows, index: IntArray) -> Result:
    present = windows.counts > 0
    if not windows.samples.values.size:
        return np.zeros(present.shape), present
    return windows.samples.timestamps_ms[np.where(present, index, 0)] / 1000.0, present


def last_two(windows: Windows, *, counter: bool, per_second: bool) -> Result:
    """The difference of the last two samples: `irate`, `idelta`. Windows of floats.

    Args:
        windows: Of floats. No result for fewer than two samples, or for two of one time.
        counter: Of a sample lower than the one before, its value is taken; so too if its start
            time says that the counter was reset.
        per_second: Divided by the time between the two, in seconds.
    """
    present = windows.counts >= 2
    if not present.any():
        return np.zeros(present.shape), present
    newer = np.where(present, windows.hi - 1, 1)
    older = newer - 1
    values, times = windows.samples.values, windows.samples.timestamps_ms
    by_start = start_resets(windows.samples)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        result = values[newer] - values[older]
        if counter:
            reset = values[newer] < values[older]
            if by_start is not None:
                reset |= by_start[older]
            result = np.where(reset, values[newer], result)
        apart = (times[newer] - times[older]) / 1000.0
        if per_second:
            result /= apart
    return result, present & (apart != 0)
