"""The functions `…_over_time`, and what else sums up a window of samples."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from belvedere.query.kernels import edges, extremes, regression, smoothing, sums, variance
from belvedere.query.kernels import quantile as quantiles
from belvedere.query.kernels.native import NativeResult
from belvedere.query.kernels.native_sums import mean_native, total_native
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Windows
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.range_functions.results import (
    floats_alone,
    of_floats,
    of_floats_or_histograms,
)
from belvedere.query.samples import FloatArray


def any_kind(
    kernel: Callable[[Windows], Result],
    windows: Windows,
    _: Sequence[FloatArray],
    context: CallContext,
) -> SeriesMatrix:
    """A kernel that takes floats and histograms alike."""
    return of_floats(windows, kernel(windows), context)


def _floats_alone(
    kernel: Callable[[Windows], Result],
    windows: Windows,
    _: Sequence[FloatArray],
    context: CallContext,
) -> SeriesMatrix:
    """A kernel of floats; histograms are left out and, where they are among floats, told."""
    return of_floats(windows, kernel(floats_alone(windows, context)), context)


def _either_kind(
    of_float: Callable[[Windows], Result],
    of_native: Callable[[Windows], NativeResult],
    windows: Windows,
    _: Sequence[FloatArray],
    context: CallContext,
) -> SeriesMatrix:
    """Kernels for floats and for histograms, which do not mix."""
    return of_floats_or_histograms(windows, of_float, of_native, context, context.positions[0])


def _edge(
    kernel: Callable[[Windows], edges.Edge],
    windows: Windows,
    _: Sequence[FloatArray],
    __: CallContext,
) -> SeriesMatrix:
    """A sample as it is, under its name."""
    return SeriesMatrix.of(windows.samples.labels, *kernel(windows))


def absent_over_time(
    windows: Windows, _: Sequence[FloatArray], context: CallContext
) -> SeriesMatrix:
    """1 at the steps at which no series has a sample in its window."""
    absent = np.logical_not((windows.counts > 0).any(axis=0))[None, :]
    if not absent.any():
        return SeriesMatrix.empty(context.steps)
    matrix = SeriesMatrix.of([context.absent_labels], absent.astype(np.float64), absent)
    return matrix.without_names(delayed=context.delayed_name_removal)


def quantile_over_time(
    windows: Windows, scalars: Sequence[FloatArray], context: CallContext
) -> SeriesMatrix:
    q = scalars[0]
    floats = floats_alone(windows, context)
    used = (floats.counts > 0).any(axis=0)
    for wrong in np.unique(q[used & ~((q >= 0) & (q <= 1))]):
        context.annotations.warn(texts.invalid_quantile(float(wrong)), context.positions[0])
    return of_floats(windows, quantiles.quantile(floats, q), context)


def predict_linear(
    windows: Windows, scalars: Sequence[FloatArray], context: CallContext
) -> SeriesMatrix:
    floats = floats_alone(windows, context)
    return of_floats(windows, regression.predicted(floats, context.times_ms, scalars[0]), context)


def double_exponential_smoothing(
    windows: Windows, scalars: Sequence[FloatArray], context: CallContext
) -> SeriesMatrix:
    used = (windows.counts > 0).any(axis=0)
    for factors, name, symbol in zip(scalars, ("smoothing", "trend"), ("sf", "tf"), strict=True):
        for wrong in factors[used & ((factors <= 0) | (factors >= 1))]:
            raise ExecutionError(
                f"invalid {name} factor. Expected: 0 < {symbol} < 1, got: {wrong:f}"
            )
    floats = floats_alone(windows, context)
    return of_floats(windows, smoothing.smoothed(floats, *scalars), context)


OVER_TIME: dict[str, Callable[[Windows, Sequence[FloatArray], CallContext], SeriesMatrix]] = {
    "avg_over_time": partial(_either_kind, sums.mean, mean_native),
    "sum_over_time": partial(_either_kind, sums.total, total_native),
    "count_over_time": partial(any_kind, sums.count),
    "present_over_time": partial(any_kind, edges.presence),
    "ts_of_first_over_time": partial(any_kind, edges.time_of_first),
    "ts_of_last_over_time": partial(any_kind, edges.time_of_last),
    "first_over_time": partial(_edge, edges.first),
    "last_over_time": partial(_edge, edges.last),
    "min_over_time": partial(_floats_alone, extremes.minimum),
    "max_over_time": partial(_floats_alone, extremes.maximum),
    "ts_of_min_over_time": partial(_floats_alone, extremes.time_of_minimum),
    "ts_of_max_over_time": partial(_floats_alone, extremes.time_of_maximum),
    "stddev_over_time": partial(_floats_alone, variance.deviation),
    "stdvar_over_time": partial(_floats_alone, variance.variance),
    "mad_over_time": partial(_floats_alone, quantiles.median_absolute_deviation),
    "deriv": partial(_floats_alone, regression.derivative),
    "quantile_over_time": quantile_over_time,
    "predict_linear": predict_linear,
    "double_exponential_smoothing": double_exponential_smoothing,
    "absent_over_time": absent_over_time,
}
