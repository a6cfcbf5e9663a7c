"""The aggregations of floats alone: `min`, `max`, `stddev`, `stdvar`, `quantile`."""

from collections.abc import Callable, Sequence

import numpy as np

from belvedere.query.kernels.quantile import quantiles
from belvedere.query.kernels.variance import variances
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.aggregations.aggregation import Aggregation
from belvedere.query.promql.aggregations.cells import counts, flat, reduce
from belvedere.query.promql.aggregations.grouping import Groups, group
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import BoolArray, FloatArray


def _extreme(name: str, operation: np.ufunc) -> Aggregation:
    def aggregate(
        matrix: SeriesMatrix,
        _: FloatArray | str | None,
        grouping: Sequence[str],
        without: bool,  # noqa: FBT001 - the signature of `Aggregation`
        context: CallContext,
    ) -> SeriesMatrix:
        groups = group(matrix.labels, grouping, without=without)
        floats = matrix.is_float
        values = reduce(groups, np.where(floats, matrix.values, np.nan), operation)
        return _result(name, groups, matrix, values, context)

    return aggregate


def _deviation(name: str, finish: Callable[[FloatArray], FloatArray]) -> Aggregation:
    def aggregate(
        matrix: SeriesMatrix,
        _: FloatArray | str | None,
        grouping: Sequence[str],
        without: bool,  # noqa: FBT001 - the signature of `Aggregation`
        context: CallContext,
    ) -> SeriesMatrix:
        groups = group(matrix.labels, grouping, without=without)
        everywhere = np.ones((len(groups.labels), context.steps), np.bool_)
        cells = flat(groups, matrix.values, matrix.is_float, everywhere)
        with np.errstate(invalid="ignore", over="ignore"):
            results = finish(variances(cells.values, cells.lo, cells.hi))
        return _result(name, groups, matrix, cells.placed(results), context)

    return aggregate


def _quantile(
    matrix: SeriesMatrix,
    parameter: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    context: CallContext,
) -> SeriesMatrix:
    q = np.asarray(parameter, dtype=np.float64)
    _tell_invalid(q, context)
    groups = group(matrix.labels, grouping, without=without)
    everywhere = np.ones((len(groups.labels), context.steps), np.bool_)
    cells = flat(groups, matrix.values, matrix.is_float, everywhere)
    results = quantiles(cells.values, cells.lo, cells.hi, q[cells.step])
    return _result("quantile", groups, matrix, cells.placed(results), context)


def _tell_invalid(q: FloatArray, context: CallContext) -> None:
    position = context.positions[1]
    if np.isnan(q).any():
        context.annotations.warn(texts.invalid_quantile(float("nan")), position)
        return
    for wrong in {float(q.max()), float(q.min())}:
        if not 0 <= wrong <= 1:
            context.annotations.warn(texts.invalid_quantile(wrong), position)


def _result(
    name: str, groups: Groups, matrix: SeriesMatrix, values: FloatArray, context: CallContext
) -> SeriesMatrix:
    if matrix.is_histogram.any():
        context.annotations.info(texts.histogram_ignored_in_aggregation(name), context.positions[0])
    present: BoolArray = counts(groups, matrix.is_float) > 0
    return SeriesMatrix.of(groups.labels, values, present, None, groups.drop_names(matrix))


aggregate_min = _extreme("min", np.fmin)
aggregate_max = _extreme("max", np.fmax)
aggregate_stdvar = _deviation("stdvar", np.asarray)
aggregate_stddev = _deviation("stddev", np.sqrt)
aggregate_quantile = _quantile
