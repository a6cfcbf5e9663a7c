"""`changes` and `resets`, of floats and of native histograms."""

from collections.abc import Callable

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.kernels.start_times import start_resets
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Boundary, Windows, positions
from belvedere.query.samples import BoolArray, IntArray
from belvedere.query.stop import each


def changes(windows: Windows) -> Result:
    """How often a sample differs from the one before. NaN does not differ from NaN."""
    values = windows.samples.values
    differs = values[1:] != values[:-1]
    differs &= ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    return _count(windows, differs, lambda now, before: not now.equals(before))


def resets(windows: Windows) -> Result:
    """How often a counter was reset: a float that is less, `detect_reset`, or its start time."""
    values = windows.samples.values
    with np.errstate(invalid="ignore"):
        falls = values[1:] < values[:-1]
    return _count(windows, falls, detect_reset, start_resets(windows.samples))


def _count(
    windows: Windows,
    of_floats: BoolArray,
    of_histograms: Callable[[NativeHistogram, NativeHistogram], bool],
    of_starts: BoolArray | None = None,
) -> Result:
    """Counts the neighbours within each window of which something holds.

    A float beside a histogram always counts.

    Args:
        windows: Of floats and histograms, `PLAIN` or `ANCHORED`.
        of_floats: bool[N - 1], whether it holds of a sample and the next.
        of_histograms: Whether it holds of a histogram and the one before.
        of_starts: bool[N - 1], whether it holds for the start times of a sample and the next.
    """
    histograms = windows.samples.histograms
    holds = of_floats
    if histograms is not None:
        native = histograms.astype(np.bool_)
        holds = np.where(native[1:] | native[:-1], native[1:] != native[:-1], of_floats)
        for i in each(np.flatnonzero(native[1:] & native[:-1]).tolist()):
            holds[i] = of_histograms(histograms[i + 1], histograms[i])
    if of_starts is not None:
        holds = holds | of_starts
    before = np.concatenate(([0], np.cumsum(holds, dtype=np.int64)))
    present = windows.counts > 0
    lo = windows.lo
    if windows.boundary is Boundary.ANCHORED:
        lo, present = _from_start(windows)
    if not before.size or not present.any():
        return np.zeros(present.shape), present
    first = np.where(present, lo, 0)
    last = np.where(present, windows.hi - 1, 0)
    return (before[last] - before[first]).astype(np.float64), present


def _from_start(windows: Windows) -> tuple[IntArray, BoolArray]:
    """The last sample up to the start of the range; only where there is a later one."""
    start_ms = windows.end_ms - windows.range_ms
    after = positions(windows.samples, start_ms)
    present = after < windows.hi
    return np.maximum(after - 1, windows.lo), present
