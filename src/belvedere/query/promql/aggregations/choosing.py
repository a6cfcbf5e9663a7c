"""The aggregations that choose series: `topk`, `bottomk`, `limitk`, `limit_ratio`."""

from collections.abc import Sequence

import numpy as np

from belvedere.query.go_format import format_g
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.aggregations.aggregation import Aggregation
from belvedere.query.promql.aggregations.extreme_heap import ExtremeHeap
from belvedere.query.promql.aggregations.grouping import Groups, group
from belvedere.query.promql.aggregations.series_hash import series_hash
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.samples import BoolArray, FloatArray, IntArray
from belvedere.query.stop import each

_INT64 = 2.0**63


def _extreme_k(name: str, sign: float) -> Aggregation:
    """Chooses the k series with the greatest `sign * value` of each group, at each step."""

    def aggregate(
        matrix: SeriesMatrix,
        parameter: FloatArray | str | None,
        grouping: Sequence[str],
        without: bool,  # noqa: FBT001 - the signature of `Aggregation`
        context: CallContext,
    ) -> SeriesMatrix:
        wanted = _whole(parameter, len(matrix.labels))
        groups = group(matrix.labels, grouping, without=without)
        if matrix.is_histogram.any():
            text = texts.histogram_ignored_in_aggregation(name)
            context.annotations.info(text, context.position)
        floats = matrix.is_float
        ranked = sign * matrix.values
        if context.steps == 1:
            return _of_instant(matrix, groups, _Ranked(ranked[:, 0], floats[:, 0]), int(wanted[0]))
        chosen = np.zeros_like(floats)
        for number in each(range(len(groups.labels))):
            members = groups.members(number)
            chosen[members] = _greatest(ranked[members], floats[members], wanted)
        return _masked(matrix, chosen)

    return aggregate


class _Ranked:
    """The values of one step by which series are ranked."""

    def __init__(self, values: FloatArray, present: BoolArray) -> None:
        self.values = values.tolist()
        self.present = present


def _of_instant(matrix: SeriesMatrix, groups: Groups, ranked: _Ranked, k: int) -> SeriesMatrix:
    """The result of an instant query is in the order of groups, the greatest first."""
    chosen: list[int] = []
    for number in each(range(len(groups.labels))):
        members = groups.members(number)
        heap = ExtremeHeap(k)
        for series in members[ranked.present[members]].tolist():
            heap.offer(ranked.values[series], series)
        chosen.extend(heap.greatest_first())
    return matrix.take(np.array(chosen, dtype=np.int64))


def _greatest(values: FloatArray, present: BoolArray, k: IntArray) -> BoolArray:
    """bool[M, T]: the k greatest of the present values (float64[M, T]) at each step.

    NaN is less than all others. Among equal values those are chosen that upstream's heap has.
    """
    size, number = values.shape[0], present.sum(axis=0)
    key = np.where(present & ~np.isnan(values), values, -np.inf)
    chosen: BoolArray = present & (number <= k)
    for wanted in np.unique(k[(number > k) & (k > 0)]).tolist():
        steps = np.flatnonzero((number > k) & (k == wanted))
        columns = key[:, steps]
        least = np.partition(columns, size - wanted, axis=0)[size - wanted]
        chosen[:, steps] = columns >= least
    # Where the least chosen has equals, or is no proper number, the heap decides.
    tied = np.flatnonzero((k > 0) & (chosen.sum(axis=0) != np.minimum(k, number)))
    for step in each(tied.tolist()):
        heap = ExtremeHeap(int(k[step]))
        for member in np.flatnonzero(present[:, step]).tolist():
            heap.offer(float(values[member, step]), member)
        chosen[:, step] = False
        chosen[heap.greatest_first(), step] = True
    return chosen


def _limit_k(
    matrix: SeriesMatrix,
    parameter: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    _: CallContext,
) -> SeriesMatrix:
    """The first k series of each group, at each step."""
    wanted = _whole(parameter, len(matrix.labels))
    groups = group(matrix.labels, grouping, without=without)
    chosen = np.zeros_like(matrix.present)
    for number in each(range(len(groups.labels))):
        members = groups.members(number)
        present = matrix.present[members]
        chosen[members] = present & (np.cumsum(present, axis=0) <= wanted[None, :])
    return _masked(matrix, chosen)


def _limit_ratio(
    matrix: SeriesMatrix,
    parameter: FloatArray | str | None,
    _: Sequence[str],
    __: bool,  # noqa: FBT001 - the signature of `Aggregation`
    context: CallContext,
) -> SeriesMatrix:
    """About this part of the series, by the hash of their labels; the rest for -(1 - part)."""
    ratio = np.asarray(parameter, dtype=np.float64)
    if not ratio.any():
        return SeriesMatrix.empty(context.steps)
    if np.isnan(ratio).any():
        raise ExecutionError("Ratio value is NaN")
    for wrong, capped in ((float(ratio.max()), 1.0), (float(ratio.min()), -1.0)):
        if abs(wrong) > 1 and wrong * capped > 0:
            context.annotations.warn(texts.invalid_ratio(wrong, capped), context.positions[1])
    limit = np.clip(ratio, -1.0, 1.0)[None, :]
    place = np.array([series_hash(labels) / 2**64 for labels in each(matrix.labels)])[:, None]
    chosen = np.where(limit >= 0, place < limit, place >= 1.0 + limit)
    return _masked(matrix, matrix.present & chosen.reshape(matrix.present.shape))


def _whole(parameter: FloatArray | str | None, most: int) -> IntArray:
    """int64[T]: the k of each step, at most the number of series."""
    k = np.asarray(parameter, dtype=np.float64)
    if np.isnan(k).any():
        raise ExecutionError("Parameter value is NaN")
    if k.max() < 1:
        return np.zeros(k.size, np.int64)
    if k.min() <= -_INT64:
        raise ExecutionError(f"Scalar value {format_g(float(k.min()))} underflows int64")
    if k.max() >= _INT64:
        raise ExecutionError(f"Scalar value {format_g(float(k.max()))} overflows int64")
    return np.clip(np.trunc(k), 0, most).astype(np.int64)


def _masked(matrix: SeriesMatrix, chosen: BoolArray) -> SeriesMatrix:
    kept = np.flatnonzero(chosen.any(axis=1))
    taken = matrix.take(kept)
    histograms = taken.histograms
    if histograms is not None:
        histograms = np.where(chosen[kept], histograms, np.array(None, dtype=object))
    return SeriesMatrix(taken.labels, taken.values, chosen[kept], histograms, taken.drop_name)


topk = _extreme_k("topk", 1.0)
bottomk = _extreme_k("bottomk", -1.0)
limitk = _limit_k
limit_ratio = _limit_ratio
