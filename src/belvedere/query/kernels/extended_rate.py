"""`rate`, `increase` and `delta` of floats with `anchored` or `smoothed` selectors."""

from typing import NamedTuple

import numpy as np

from belvedere.query.kernels.rate import reset_correction
from belvedere.query.kernels.walk import Result, evaluate
from belvedere.query.kernels.windows import Boundary, Windows, positions
from belvedere.query.samples import FloatArray, IntArray


class Ends(NamedTuple):
    """The samples that stand for the ends of the range, int64[S, T] each.

    Attributes:
        first: The last sample up to the start of the range, else the first of the window.
        last: Anchored: the last of the window; smoothed: the first from the end of the range
            on, else the last of the window.
    """

    first: IntArray
    last: IntArray


def ends(windows: Windows) -> Ends:
    """The ends of the ranges of anchored or smoothed windows; meaningless where empty."""
    start = positions(windows.samples, windows.end_ms - windows.range_ms)
    last = windows.hi - 1
    first = np.clip(start - 1, windows.lo, np.maximum(windows.lo, last))
    if windows.boundary is Boundary.SMOOTHED:
        from_end = positions(windows.samples, windows.end_ms - 1)
        last = np.minimum(np.maximum(from_end, windows.lo), last)
    return Ends(first, last)


def inside(windows: Windows, found: Ends) -> Windows:
    """The windows that have a result, as upstream has it; the others emptied.

    There is none where no sample is after the start of the range, nor, if smoothed, where the
    first is after its end.
    """
    times = windows.samples.timestamps_ms
    if not times.size:
        return windows
    start = (windows.end_ms - windows.range_ms)[None, :]
    kept = (windows.counts > 0) & (times[np.maximum(found.last, 0)] > start)
    if windows.boundary is Boundary.SMOOTHED:
        first = np.minimum(found.first, times.size - 1)
        kept &= times[first] <= windows.end_ms[None, :]
    hi = np.where(kept, found.last + 1, windows.lo)
    return Windows(
        windows.samples,
        windows.end_ms,
        windows.range_ms,
        np.where(kept, found.first, windows.lo),
        hi,
        windows.boundary,
    )


def extended(windows: Windows, *, counter: bool, per_second: bool) -> Result:
    """The difference between the ends of the range, as upstream's `extendedRate`.

    Args:
        windows: Of floats, `ANCHORED` or `SMOOTHED`. Anchored, the value at an end is that of
            the sample there or before; smoothed, it is interpolated between the neighbours.
        counter: A sample lower than the one before is a reset; what was lost is added.
        per_second: Divided by the length of the range in seconds.
    """
    values, times = windows.samples.values, windows.samples.timestamps_ms
    end_ms, range_ms = windows.end_ms, windows.range_ms
    smoothed = windows.boundary is Boundary.SMOOTHED
    correct = reset_correction(windows)

    def between(before: IntArray, at_ms: IntArray) -> FloatArray:
        """The value at a time between the sample `before` and the next."""
        start, end = values[before], values[before + 1]
        if counter:
            start = np.where(end < start, 0.0, start)
        share = (at_ms - times[before]) / (times[before + 1] - times[before])
        interpolated: FloatArray = start + (end - start) * share
        return interpolated

    def compute(lo: IntArray, hi: IntArray, step: IntArray) -> FloatArray:
        last = hi - 1
        end = end_ms[step]
        start = end - range_ms
        left, right = values[lo], values[last]
        if smoothed:
            early = np.flatnonzero(times[lo] < start)
            left[early] = between(lo[early], start[early])
            late = np.flatnonzero((times[last] > end) & (last > lo))
            right[late] = between(last[late] - 1, end[late])
        result = right - left
        if not counter:
            return result / (range_ms / 1000.0) if per_second else result
        # The samples strictly within the range; left and right stand for the rest.
        inner_lo = lo + (times[lo] <= start)
        inner_hi = hi - (times[last] >= end)
        some = inner_hi > inner_lo
        first, final = inner_lo[some], inner_hi[some] - 1
        result[some] = correct(result[some], first, final + 1)
        at_left, at_right = np.zeros_like(left), np.zeros_like(left)
        at_left[some] = np.where(values[first] < left[some], left[some], 0.0)
        at_right[some] = np.where(right[some] < values[final], values[final], 0.0)
        at_right[~some] = np.where(right[~some] < left[~some], left[~some], 0.0)
        result += at_left + at_right
        return result / (range_ms / 1000.0) if per_second else result

    return evaluate(inside(windows, ends(windows)), compute)
