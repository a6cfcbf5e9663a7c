"""`sum_over_time` and `avg_over_time` of native histograms."""

from collections.abc import Sequence

from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.notice import Notice
from belvedere.query.histogram.total import HistogramMean, HistogramTotal
from belvedere.query.kernels.native import NativeResult, Outcome, evaluate_native
from belvedere.query.kernels.windows import Windows


def total_native(windows: Windows) -> NativeResult:
    """The compensated sum of the histograms."""
    return evaluate_native(windows, lambda points: add_up(HistogramTotal, points.histograms))


def mean_native(windows: Windows) -> NativeResult:
    """The mean of the histograms."""
    return evaluate_native(windows, lambda points: add_up(HistogramMean, points.histograms))


def add_up(
    running: type[HistogramTotal | HistogramMean], histograms: Sequence[NativeHistogram]
) -> Outcome:
    """The sum or the mean of one histogram or more, in their order; not compacted."""
    state = running(histograms[0])
    try:
        for histogram in histograms[1:]:
            state.add(histogram)
    except IncompatibleSchemasError:
        return None, frozenset({Notice.MIXED_SCHEMAS})
    notices: set[Notice] = set()
    hints = {histogram.counter_reset for histogram in histograms}
    if {CounterReset.RESET, CounterReset.NOT_RESET} <= hints:
        notices.add(Notice.RESET_COLLISION)
    if state.bounds_reconciled:
        notices.add(Notice.BOUNDS_IN_AGGREGATION)
    return state.result(), frozenset(notices)
