"""`sum` and `avg`."""

from collections.abc import Sequence

import numpy as np

from belvedere.query.histogram.total import HistogramMean, HistogramTotal
from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.kernels.native_sums import add_up
from belvedere.query.kernels.sums import means
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.aggregations.cells import HistogramCell, counts, flat, histogram_cells
from belvedere.query.promql.aggregations.grouping import Groups, group
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.notices import annotate
from belvedere.query.samples import BoolArray, FloatArray, HistogramArray, IntArray
from belvedere.query.stop import go_on

# A group of more series is added up in parts side by side, and then the parts.
_LARGE = 128
_PARTS = 64


def aggregate_sum(
    matrix: SeriesMatrix,
    _: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    context: CallContext,
) -> SeriesMatrix:
    groups = group(matrix.labels, grouping, without=without)
    floats = matrix.is_float
    sums, lost = _totals(groups, matrix.values, floats)
    with np.errstate(invalid="ignore"):
        return _with_histograms(groups, matrix, sums + lost, HistogramTotal, context)


def aggregate_avg(
    matrix: SeriesMatrix,
    _: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    context: CallContext,
) -> SeriesMatrix:
    groups = group(matrix.labels, grouping, without=without)
    floats = matrix.is_float
    sums, lost = _totals(groups, matrix.values, floats)
    number = counts(groups, floats)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / number + lost / number
    over = ~np.isfinite(sums)
    if over.any():
        cells = flat(groups, matrix.values, floats, over)
        with np.errstate(invalid="ignore", over="ignore"):
            found = cells.placed(means(cells.values, cells.lo, cells.hi))
        mean = np.where(over, found, mean)
    return _with_histograms(groups, matrix, mean, HistogramMean, context)


def _totals(groups: Groups, values: FloatArray, chosen: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Compensated sums by group and step, float64[G, T], and what they lost to rounding."""
    if not chosen.all():
        steps = np.flatnonzero(chosen.any(axis=0))
        if steps.size < values.shape[1]:
            # Before the first samples and after the last there is nothing to add up.
            totals = np.zeros((2, len(groups.labels), values.shape[1]))
            if steps.size:
                totals[:, :, steps] = _totals(groups, values[:, steps], chosen[:, steps])
            return totals[0], totals[1]
        values = np.where(chosen, values, 0.0)
    sizes = groups.sizes
    large = sizes > _LARGE
    if not large.any():
        return _added_up(values, groups.order, groups.starts, sizes)
    parts = np.where(large, _PARTS, 1)
    part_starts = np.cumsum(parts) - parts
    of_group = np.repeat(np.arange(sizes.size), parts)
    within = np.arange(of_group.size) - part_starts[of_group]
    lo = groups.starts[of_group] + within * sizes[of_group] // parts[of_group]
    hi = groups.starts[of_group] + (within + 1) * sizes[of_group] // parts[of_group]
    sums, lost = _added_up(values, groups.order, lo, hi - lo)
    total, total_lost = _added_up(sums, np.arange(of_group.size), part_starts, parts)
    with np.errstate(invalid="ignore"):
        total_lost += np.add.reduceat(lost, part_starts, axis=0)
    # An overflow depends on the order of the series: what is not finite is added up anew.
    odd = np.flatnonzero(~np.isfinite(total).all(axis=0))
    if odd.size:
        total[:, odd], total_lost[:, odd] = _added_up(
            values[:, odd], groups.order, groups.starts, sizes
        )
    return total, total_lost


def _added_up(
    values: FloatArray, order: IntArray, starts: IntArray, sizes: IntArray
) -> tuple[FloatArray, FloatArray]:
    """The compensated sums of the rows `order[start:start + size]` of values, in that order."""
    descending = np.argsort(-sizes, kind="stable")
    starts, ascending = starts[descending], -sizes[descending]
    sums = values[order[starts]] + 0.0  # a sum begins at 0: of -0 alone, it is 0
    lost = np.zeros_like(sums)
    for rank in range(1, int(-ascending[0]) if sizes.size else 0):
        go_on()
        active = int(ascending.searchsorted(-rank, side="left"))
        rows = values[order[starts[:active] + rank]]
        sums[:active], lost[:active] = kahan_add(rows, sums[:active], lost[:active])
    back = np.argsort(descending)
    return sums[back], lost[back]


def _with_histograms(
    groups: Groups,
    matrix: SeriesMatrix,
    values: FloatArray,
    running: type[HistogramTotal | HistogramMean],
    context: CallContext,
) -> SeriesMatrix:
    """The results of floats (float64[G, T]) and, computed here, of histograms."""
    position = context.positions[0]
    present = counts(groups, matrix.is_float) > 0
    histograms: HistogramArray | None = None
    if matrix.histograms is not None:
        native = counts(groups, matrix.is_histogram) > 0
        if (present & native).any():
            context.annotations.warn(texts.MIXED_FLOATS_HISTOGRAMS_AGGREGATION, position)
        histograms = np.full(present.shape, None, dtype=object)
        for cell in histogram_cells(groups, matrix, native & ~present):
            result, notices = add_up(running, cell.histograms)
            name = _odd_name(matrix, cell) if result is None else ""
            annotate(context.annotations, ((name, notice) for notice in notices), position)
            if result is not None:
                histograms[cell.group, cell.step] = result.compact()
        present = (present & ~native) | histograms.astype(np.bool_)
    return SeriesMatrix.of(groups.labels, values, present, histograms, groups.drop_names(matrix))


def _odd_name(matrix: SeriesMatrix, cell: HistogramCell) -> str:
    """The name of the first series whose buckets are of another kind than those before."""
    custom = [histogram.is_custom for histogram in cell.histograms]
    return matrix.labels[cell.series[custom.index(not custom[0])]].name
