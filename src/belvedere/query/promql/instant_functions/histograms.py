"""The functions of native histograms alone: `histogram_count`, `histogram_sum` and so on."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    vector,
)
from belvedere.query.stop import each


def _over(dividend: float, divisor: float) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.float64(dividend) / np.float64(divisor))


def _variance(histogram: NativeHistogram) -> float:
    """Each bucket is taken to be at its middle: geometric, or arithmetic for custom buckets."""
    mean = _over(histogram.sum, histogram.count)
    total, lost = np.zeros(()), np.zeros(())
    for lower, upper, count in histogram.table().rows():
        if count == 0:
            continue
        if histogram.is_custom:
            middle = (upper + lower) / 2.0
        elif lower <= 0 <= upper:
            middle = 0.0
        else:
            middle = math.copysign(math.sqrt(upper * lower), upper)
        off = middle - mean
        total, lost = kahan_add(np.asarray(count * off * off), total, lost)
    return _over(float(total + lost), histogram.count)


def _deviation(histogram: NativeHistogram) -> float:
    variance = _variance(histogram)
    return math.sqrt(variance) if variance >= 0 else math.nan


_FUNCTIONS: Mapping[str, Callable[[NativeHistogram], float]] = {
    "histogram_count": lambda histogram: histogram.count,
    "histogram_sum": lambda histogram: histogram.sum,
    "histogram_avg": lambda histogram: _over(histogram.sum, histogram.count),
    "histogram_stddev": _deviation,
    "histogram_stdvar": _variance,
}


def _of(function: Callable[[NativeHistogram], float]) -> InstantFunction:
    def apply(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
        """The function of each histogram; floats are left out; names removed."""
        matrix = vector(arguments[0])
        present = matrix.is_histogram
        values = np.zeros(matrix.values.shape)
        if matrix.histograms is not None:
            values[present] = [function(h) for h in each(matrix.histograms[present])]
        result = SeriesMatrix(matrix.labels, values, present, None, matrix.drop_name)
        return result.without_names(delayed=context.delayed_name_removal)

    return apply


HISTOGRAM_FUNCTIONS: Mapping[str, InstantFunction] = {
    name: _of(function) for name, function in _FUNCTIONS.items()
}
