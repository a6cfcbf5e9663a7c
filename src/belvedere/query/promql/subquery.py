"""`expression[range:step]`: an expression's values as samples."""

import numpy as np

from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.samples import BoolArray, HistogramArray, IntArray, Samples
from belvedere.query.stop import each


def subquery_grid(times_ms: IntArray, range_ms: int, step_ms: int) -> Grid | None:
    """The steps that all windows `(t - range, t]` of the subquery need, None where there is none.

    They are multiples of the step, whatever the query's own steps are.
    """
    after_ms = int(times_ms[0]) - range_ms
    end_ms = int(times_ms[-1])
    # Upstream's division is towards zero, and takes the next step if that is not after the bound.
    quotient = abs(after_ms) // step_ms
    start_ms = step_ms * (quotient if after_ms >= 0 else -quotient)
    if start_ms <= after_ms:
        start_ms += step_ms
    return Grid(start_ms, end_ms, step_ms) if start_ms <= end_ms else None


def as_samples(matrix: SeriesMatrix, times_ms: IntArray) -> tuple[Samples, BoolArray]:
    """The matrix's samples, and for each series whether its name is to be dropped.

    Hints of counter resets are forgotten: between two steps there may be samples that are not
    seen here, and one sample may be seen twice.
    """
    matrix = matrix.without_missing()
    present = matrix.present
    offsets = np.concatenate(([0], np.cumsum(present.sum(axis=1)))).astype(np.int64)
    histograms: HistogramArray | None = None
    if matrix.histograms is not None:
        histograms = matrix.histograms[present]
        for index in each(np.flatnonzero(histograms.astype(np.bool_)).tolist()):
            histograms[index] = _without_hint(histograms[index])
    samples = Samples(
        matrix.labels,
        offsets,
        np.broadcast_to(times_ms, present.shape)[present],
        matrix.values[present],
        histograms,
    )
    return samples, matrix.drop_name


def _without_hint(histogram: NativeHistogram) -> NativeHistogram:
    if histogram.counter_reset is CounterReset.GAUGE:
        return histogram
    return histogram.with_hint(CounterReset.UNKNOWN)
