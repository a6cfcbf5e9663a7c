"""How a kernel goes over windows of native histograms: in Python, window by window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.notice import Notice
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.kernels.start_times import start_resets, started_inside
from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import HistogramArray
from belvedere.query.stop import each

# What one window comes to, None where it has no result, and what is to be told.
Outcome: TypeAlias = tuple[NativeHistogram | None, frozenset[Notice]]
NOTHING: frozenset[Notice] = frozenset()


@dataclass(frozen=True, slots=True)
class Points:
    """The histograms of one window.

    Attributes:
        histograms: Never empty, in the order of time.
        times_ms: As many.
        end_ms: The end of the window.
        range_ms: The length of the window.
        start_resets: As many less one: whether the start time of a histogram says that the
            counter was reset since the one before; empty where start times are not used.
        started_ms: When the counter of the first started, if that is within the window and known.
    """

    histograms: Sequence[NativeHistogram]
    times_ms: Sequence[int]
    end_ms: int
    range_ms: int
    start_resets: Sequence[bool] = ()
    started_ms: int | None = None

    def was_reset(self, index: int) -> bool:
        """Whether the counter was reset between a histogram (not the first) and the one before."""
        if self.start_resets and self.start_resets[index - 1]:
            return True
        return detect_reset(self.histograms[index], self.histograms[index - 1])


@dataclass(frozen=True, slots=True)
class NativeResult:
    """The results of a kernel.

    Attributes:
        histograms: object[S, T], a NativeHistogram or None.
        notices: What is to be told, with the series (an index) it is of.
    """

    histograms: HistogramArray
    notices: frozenset[tuple[int, Notice]]


def evaluate_native(
    windows: Windows, compute: Callable[[Points], Outcome], *, at_least: int = 1
) -> NativeResult:
    """The results of all windows that hold enough histograms.

    Args:
        windows: Of histograms.
        compute: Is never given a window with fewer.
        at_least: The number of histograms without which there is no result.
    """
    found = np.full(windows.lo.shape, None, dtype=object)
    notices: set[tuple[int, Notice]] = set()
    samples = windows.samples
    if samples.histograms is None:
        return NativeResult(found, frozenset())
    inside, resets = started_inside(windows), start_resets(samples)
    for s, t in each(np.argwhere(windows.counts >= at_least).tolist()):
        lo, hi = int(windows.lo[s, t]), int(windows.hi[s, t])
        part = slice(lo, hi)
        points = Points(
            samples.histograms[part].tolist(),
            samples.timestamps_ms[part].tolist(),
            int(windows.end_ms[t]),
            windows.range_ms,
            () if resets is None else resets[lo : hi - 1].tolist(),
            int(inside[s, t]) if inside is not None and inside[s, t] else None,
        )
        found[s, t], told = compute(points)
        notices.update((s, notice) for notice in told)
    return NativeResult(found, frozenset(notices))
