"""`histogram_quantile`, `histogram_quantiles` and `histogram_fraction`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from belvedere.query.classic_histogram import Mended, bucket_fraction, bucket_quantile
from belvedere.query.go_format import format_g
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.quantile import NanEffect, fraction, quantile
from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.instant_functions.either_histogram import (
    Cells,
    ClassicHistogram,
    EitherHistogram,
    metric_name,
    split,
)
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    scalar,
    text,
    vector,
)
from belvedere.query.promql.position import Position
from belvedere.query.samples import FloatArray
from belvedere.query.stop import each


def _quantile(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    q, matrix = scalar(arguments[0]), vector(arguments[1])
    first, second = context.positions
    _tell_invalid(q, context, first)
    histograms = split(matrix, context, second)
    result = _quantiles(q, histograms, context, native_at=first, classic_at=second)
    return result.without_names(delayed=context.delayed_name_removal)


def _several_quantiles(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    """The quantiles of several q, each under a label that says which."""
    matrix, label = vector(arguments[0]), text(arguments[1])
    at = context.positions[0]
    wanted = [scalar(argument) for argument in arguments[2:]]
    for q, position in zip(wanted, context.positions[2:], strict=True):
        _tell_invalid(q, context, position)
    histograms = split(matrix, context, at)
    parts = []
    for q in wanted:
        found = _quantiles(q, histograms, context, native_at=at, classic_at=at)
        for value in np.unique(q).tolist():
            steps = np.isnan(q) if np.isnan(value) else q == value
            labels = [labels.with_(label, _open_metrics(value)) for labels in found.labels]
            parts.append(replace(found, labels=labels, present=found.present & steps))
    return SeriesMatrix.joined(parts, context.steps).without_names(
        delayed=context.delayed_name_removal
    )


def _fraction(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    lower, upper, matrix = scalar(arguments[0]), scalar(arguments[1]), vector(arguments[2])
    histograms = split(matrix, context, context.positions[2])

    def of_native(histogram: NativeHistogram, step: int) -> tuple[float, NanEffect]:
        return fraction(float(lower[step]), float(upper[step]), histogram)

    def of_classic(_: ClassicHistogram, cells: Cells) -> FloatArray:
        steps = cells.steps
        return bucket_fraction(lower[steps], upper[steps], cells.bounds, cells.counts)

    def tell(name: str, _: NanEffect) -> None:
        context.annotations.info(texts.native_fraction_nans(name), context.positions[0])

    result = SeriesMatrix.joined(
        [
            _of_native(histograms.native, of_native, tell, context),
            _of_classic(histograms.classic, of_classic, context.steps),
        ],
        context.steps,
    )
    return result.without_names(delayed=context.delayed_name_removal)


def _quantiles(
    q: FloatArray,
    histograms: EitherHistogram,
    context: CallContext,
    *,
    native_at: Position,
    classic_at: Position,
) -> SeriesMatrix:
    def of_native(histogram: NativeHistogram, step: int) -> tuple[float, NanEffect]:
        return quantile(float(q[step]), histogram)

    def of_classic(histogram: ClassicHistogram, cells: Cells) -> FloatArray:
        values, mended = bucket_quantile(q[cells.steps], cells.bounds, cells.counts)
        _tell_mended(metric_name(histogram.labels, context), cells, mended, context, classic_at)
        return values

    def tell(name: str, effect: NanEffect) -> None:
        message = texts.native_quantile_nan_result if effect.nan else texts.native_quantile_nan_skew
        context.annotations.info(message(name), native_at)

    return SeriesMatrix.joined(
        [
            _of_native(histograms.native, of_native, tell, context),
            _of_classic(histograms.classic, of_classic, context.steps),
        ],
        context.steps,
    )


def _of_native(
    matrix: SeriesMatrix,
    function: Callable[[NativeHistogram, int], tuple[float, NanEffect]],
    tell: Callable[[str, NanEffect], None],
    context: CallContext,
) -> SeriesMatrix:
    values = np.zeros(matrix.values.shape)
    if matrix.histograms is not None:
        for s, t in each(np.argwhere(matrix.present).tolist()):
            values[s, t], effect = function(matrix.histograms[s, t], t)
            if effect.nan or effect.skewed:
                tell(metric_name(matrix.labels[s], context), effect)
    return SeriesMatrix(matrix.labels, values, matrix.present, None, matrix.drop_name)


def _of_classic(
    histograms: Sequence[ClassicHistogram],
    function: Callable[[ClassicHistogram, Cells], FloatArray],
    steps: int,
) -> SeriesMatrix:
    values = np.zeros((len(histograms), steps))
    present = np.zeros(values.shape, np.bool_)
    for number, histogram in enumerate(each(histograms)):
        for cells in histogram.cells():
            values[number, cells.steps] = function(histogram, cells)
            present[number, cells.steps] = True
    labels: list[Labels] = [histogram.labels for histogram in histograms]
    dropped = np.array([histogram.drop_name for histogram in histograms], dtype=np.bool_)
    return SeriesMatrix(labels, values, present, None, dropped)


def _tell_invalid(q: FloatArray, context: CallContext, position: Position) -> None:
    for wrong in np.unique(q[~((q >= 0) & (q <= 1))]).tolist():
        context.annotations.warn(texts.invalid_quantile(wrong), position)


def _tell_mended(
    name: str, cells: Cells, mended: Mended, context: CallContext, position: Position
) -> None:
    for cell in np.flatnonzero(mended.forced).tolist():
        context.annotations.forced_monotonicity(
            name,
            position,
            int(context.times_ms[cells.steps[cell]]),
            float(mended.min_bucket[cell]),
            float(mended.max_bucket[cell]),
            float(mended.max_difference[cell]),
        )


def _open_metrics(value: float) -> str:
    """A number as OpenMetrics writes it: always with a point or an exponent."""
    written = format_g(value)
    return written if any(char in written for char in "e.NI") else f"{written}.0"


QUANTILE_FUNCTIONS: Mapping[str, InstantFunction] = {
    "histogram_quantile": _quantile,
    "histogram_quantiles": _several_quantiles,
    "histogram_fraction": _fraction,
}
