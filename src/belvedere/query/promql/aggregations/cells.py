"""The samples of one group at one step: the cells of an aggregation."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.aggregations.grouping import Groups
from belvedere.query.samples import BoolArray, FloatArray, IntArray
from belvedere.query.stop import each


def counts(groups: Groups, chosen: BoolArray) -> IntArray:
    """int64[G, T]: how many series of each group are chosen (bool[S, T]) at each step."""
    if not len(groups.labels):
        return np.zeros((0, chosen.shape[1]), np.int64)
    if len(groups.labels) == 1:
        return np.asarray(np.count_nonzero(chosen, axis=0), dtype=np.int64)[None, :]
    if chosen.all():
        # A pass of comparisons instead of sums: 1 ms instead of 16 for 11,000 series, 241 steps.
        return np.broadcast_to(groups.sizes[:, None], (len(groups.labels), chosen.shape[1]))
    ordered = chosen[groups.order].astype(np.int64)
    found: IntArray = np.add.reduceat(ordered, groups.starts, axis=0)
    return found


def reduce(groups: Groups, values: FloatArray, operation: np.ufunc) -> FloatArray:
    """float64[G, T]: values (float64[S, T]) of each group and step under an operation."""
    if not len(groups.labels):
        return np.zeros((0, values.shape[1]))
    found: FloatArray = operation.reduceat(values[groups.order], groups.starts, axis=0)
    return found


class Flat(NamedTuple):
    """The samples of W cells, laid out so that kernels over windows can take the cells.

    Attributes:
        values: float64[N], those of a cell one after another, in the order of the series.
        lo: int64[W], the first of each cell.
        hi: int64[W], one past the last; never equal to lo.
        step: int64[W], the step of each cell.
        where: bool[G, T], which cells these are, in the order of `step` and then of groups.
    """

    values: FloatArray
    lo: IntArray
    hi: IntArray
    step: IntArray
    where: BoolArray

    def placed(self, results: FloatArray) -> FloatArray:
        """float64[G, T] of results float64[W]; 0 in all other cells."""
        found = np.zeros(self.where.shape[::-1])
        found[self.where.T] = results
        return found.T


def flat(groups: Groups, values: FloatArray, chosen: BoolArray, where: BoolArray) -> Flat:
    """Lays out cells.

    Args:
        groups: G groups of S series.
        values: float64[S, T].
        chosen: bool[S, T], the samples that count.
        where: bool[G, T], the cells to lay out; those without samples are left out.
    """
    chosen = chosen & where[groups.of_series]
    sizes = counts(groups, chosen)
    where = sizes > 0
    of_cells = sizes.T[where.T]
    hi = np.cumsum(of_cells)
    order = groups.order
    return Flat(values[order].T[chosen[order].T], hi - of_cells, hi, np.nonzero(where.T)[0], where)


class HistogramCell(NamedTuple):
    """The histograms of a cell, with the series (indexes) that they are of, in order."""

    group: int
    step: int
    series: list[int]
    histograms: list[NativeHistogram]


def histogram_cells(
    groups: Groups, matrix: SeriesMatrix, where: BoolArray
) -> Iterator[HistogramCell]:
    """The cells (bool[G, T]) with their histograms."""
    if matrix.histograms is None:
        return
    native = matrix.is_histogram
    for number in np.flatnonzero(where.any(axis=1)).tolist():
        members = groups.members(number)
        for step in each(np.flatnonzero(where[number]).tolist()):
            series = members[native[members, step]]
            yield HistogramCell(
                number, step, series.tolist(), matrix.histograms[series, step].tolist()
            )
