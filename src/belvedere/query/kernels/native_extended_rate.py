"""`rate`, `increase` and `delta` of native histograms, `anchored` or `smoothed`."""

from collections.abc import Sequence
from typing import NamedTuple

from belvedere.query.histogram.interpolate import (
    add_noting,
    interpolate,
    subtract_noting,
)
from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.notice import Notice
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.kernels.extended_rate import ends, inside
from belvedere.query.kernels.native import NativeResult, Outcome, Points, evaluate_native
from belvedere.query.kernels.windows import Boundary, Windows


def extended_native(windows: Windows, *, counter: bool, per_second: bool) -> NativeResult:
    """As `kernels.extended_rate.extended`, of histograms (upstream's `extendedHistogramRate`)."""
    smoothed = windows.boundary is Boundary.SMOOTHED

    def compute(points: Points) -> Outcome:
        notices: set[Notice] = set()
        try:
            result = _extended(_Range(points, smoothed, counter), notices)
        except IncompatibleSchemasError:
            return None, frozenset(notices | {Notice.MIXED_SCHEMAS})
        if per_second:
            result = result.over(points.range_ms / 1000.0)
        return result.with_hint(CounterReset.GAUGE).compact(), frozenset(notices)

    return evaluate_native(inside(windows, ends(windows)), compute)


class _Range(NamedTuple):
    points: Points
    smoothed: bool
    counter: bool


def _extended(wanted: _Range, notices: set[Notice]) -> NativeHistogram:
    points, smoothed, counter = wanted
    histograms, times = points.histograms, points.times_ms
    if any(h.is_custom != histograms[0].is_custom for h in histograms):
        raise IncompatibleSchemasError("exponential and custom buckets do not mix")
    if counter and any(h.counter_reset is CounterReset.GAUGE for h in histograms):
        notices.add(Notice.NOT_COUNTER)
    start_ms = points.end_ms - points.range_ms
    left, right = histograms[0], histograms[-1]
    early = smoothed and times[0] < start_ms
    if early:
        left = _between(wanted, 0, start_ms, notices)
    if smoothed and len(times) > 1 and times[-1] > points.end_ms:
        right = _between(wanted, len(times) - 2, points.end_ms, notices)
    if not counter and not (
        left.counter_reset is CounterReset.GAUGE and right.counter_reset is CounterReset.GAUGE
    ):
        notices.add(Notice.NOT_GAUGE)
    result = subtract_noting(right, left, notices)
    if counter:
        spanned = early and detect_reset(histograms[1], histograms[0])
        for lost in _lost(histograms, left, right, spanned=spanned):
            result = add_noting(result, lost, notices)
    return result


def _between(wanted: _Range, before: int, at_ms: int, notices: set[Notice]) -> NativeHistogram:
    """The histogram at a time between a sample and the next."""
    points = wanted.points
    start, end = points.histograms[before], points.histograms[before + 1]
    start_ms, end_ms = points.times_ms[before], points.times_ms[before + 1]
    if at_ms in {start_ms, end_ms}:
        return start if at_ms == start_ms else end
    share = (at_ms - start_ms) / (end_ms - start_ms)
    return interpolate(start, end, share, counter=wanted.counter, notices=notices)


def _lost(
    histograms: Sequence[NativeHistogram],
    left: NativeHistogram,
    right: NativeHistogram,
    *,
    spanned: bool,
) -> list[NativeHistogram]:
    """What resets between the ends lost.

    Args:
        histograms: Of the range, the samples for both ends included.
        left: What is held to be at the start.
        right: What is held to be at the end.
        spanned: The interpolation at the start already accounts for the first reset.
    """
    inner = histograms[1:-1]
    before = left
    if spanned:
        before, inner = histograms[1], histograms[2:-1]
        if len(histograms) <= 2:
            return []
    elif len(histograms) == 1:
        return []
    lost = []
    for current in (*inner, right):
        if detect_reset(current, before):
            lost.append(before)
        before = current
    return lost
