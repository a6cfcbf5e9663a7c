"""`rate`, `increase` and `delta` of floats, extrapolated to the ends of the window."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from belvedere.query.kernels.start_times import start_resets, started_inside, starts_inside
from belvedere.query.kernels.walk import Result, Spread, evaluate
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import FloatArray, IntArray

# Called with differences (changed in place), the first samples and those past the last.
Correction: TypeAlias = Callable[[FloatArray, IntArray, IntArray], FloatArray]

# A series reaches the end of a window if it is nearer than this many average distances.
_NEAR = 1.1


def rate(windows: Windows) -> Result:
    """The increase of a counter a second; see `extrapolated`."""
    return extrapolated(windows, counter=True, per_second=True)


def increase(windows: Windows) -> Result:
    """The increase of a counter; see `extrapolated`."""
    return extrapolated(windows, counter=True, per_second=False)


def delta(windows: Windows) -> Result:
    """The difference of a gauge over the window; see `extrapolated`."""
    return extrapolated(windows, counter=False, per_second=False)


def extrapolated(windows: Windows, *, counter: bool, per_second: bool) -> Result:
    """The difference of last and first sample, extrapolated as upstream's `extrapolatedRate`.

    Args:
        windows: Of floats, `PLAIN`. Windows of fewer than two samples have no result.
        counter: A sample lower than the one before is a reset: what was lost is added, and the
            extrapolation goes no further back than to where the counter was zero. The result of
            a counter that is never negative is never negative. Start times, if used, say of
            further resets, and that a counter was zero at a start within the range: then one
            sample is enough.
        per_second: Divided by the length of the window in seconds.
    """
    values, times = windows.samples.values, windows.samples.timestamps_ms
    end_ms, range_ms = windows.end_ms, windows.range_ms
    correct = reset_correction(windows) if counter else None
    inside = started_inside(windows) if counter else None
    if inside is not None:
        windows = windows.emptied((windows.counts < 2) & (inside == 0))
    starts = windows.samples.starts_ms if counter else None

    def compute(lo: IntArray, hi: IntArray, step: IntArray) -> FloatArray:
        last = hi - 1
        first_value, first_ms, last_ms, ends = values[lo], times[lo], times[last], end_ms[step]
        result = values[last] - first_value
        if correct is not None:
            result = correct(result, lo, hi)
        to_end = (ends - last_ms) / 1000.0
        to_start = (first_ms - (ends - range_ms)) / 1000.0
        interval = (last_ms - first_ms) / 1000.0
        between = last - lo
        average = interval / (between if starts is None else np.maximum(between, 1))
        far = average * _NEAR
        half = average / 2
        to_start = np.where(to_start >= far, half, to_start)
        if counter:
            rising = (result > 0) & (first_value >= 0)
            to_zero = np.where(rising, interval * (first_value / result), to_start)
            to_start = np.where(to_zero < to_start, to_zero, to_start)
        if starts is not None:
            start = starts_inside(windows, starts, lo, step)
            result = np.where(start, result + first_value, result)
            interval = np.where(start, (last_ms - start) / 1000.0, interval)
            to_start = np.where(start, 0.0, to_start)
        to_end = np.where(to_end >= far, half, to_end)
        factor = (interval + to_start + to_end) / interval
        if per_second:
            factor /= range_ms / 1000.0
        return result * factor

    return evaluate(windows, compute, at_least=2 if starts is None else 1)


def reset_correction(windows: Windows) -> Correction:
    """What adds to differences the values that were lost by resets between lo and hi - 1.

    Values are added in the order of time. A difference to NaN is no reset.
    """
    values = windows.samples.values
    resets = np.zeros(values.size, np.bool_)
    with np.errstate(invalid="ignore"):
        np.less(values[1:], values[:-1], out=resets[1:])
    by_start = start_resets(windows.samples)
    if by_start is not None:
        resets[1:] |= by_start
    # Where a series starts, nothing was reset.
    starts = windows.samples.offsets[:-1]
    resets[starts[starts < values.size]] = False
    lost = values[np.flatnonzero(resets) - 1]
    before = np.cumsum(resets, dtype=np.int64)

    def correct(result: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
        if not lost.size:
            return result
        first, last = before[lo], before[hi - 1]
        reset = np.flatnonzero(first != last)
        if reset.size:
            found = Spread(first[reset], last[reset])
            np.add.at(result, reset[found.window], lost[found.index])
        return result

    return correct
