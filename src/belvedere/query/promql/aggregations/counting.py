"""`count`, `group` and `count_values`."""

from collections.abc import Sequence

import numpy as np

from belvedere.query.go_format import format_f
from belvedere.query.histogram.text import print_histogram
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.aggregations.cells import counts
from belvedere.query.promql.aggregations.grouping import group
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import FloatArray, IntArray
from belvedere.query.stop import each


def aggregate_count(
    matrix: SeriesMatrix,
    _: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    __: CallContext,
) -> SeriesMatrix:
    groups = group(matrix.labels, grouping, without=without)
    found = counts(groups, matrix.present)
    return SeriesMatrix.of(
        groups.labels, found.astype(np.float64), found > 0, None, groups.drop_names(matrix)
    )


def aggregate_group(
    matrix: SeriesMatrix,
    _: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    __: CallContext,
) -> SeriesMatrix:
    groups = group(matrix.labels, grouping, without=without)
    present = counts(groups, matrix.present) > 0
    return SeriesMatrix.of(
        groups.labels, present.astype(np.float64), present, None, groups.drop_names(matrix)
    )


def count_values(
    matrix: SeriesMatrix,
    parameter: FloatArray | str | None,
    grouping: Sequence[str],
    without: bool,  # noqa: FBT001 - the signature of `Aggregation`
    _: CallContext,
) -> SeriesMatrix:
    """How many series of a group have each value; the value becomes a label."""
    label = str(parameter)
    names = [labels.without(label) for labels in matrix.labels]
    groups = group(names, grouping, without=without)
    texts, of_cell = _texts(matrix)
    series, step = np.nonzero(matrix.present)
    pairs, of_pair = np.unique(
        groups.of_series[series] * max(1, len(texts)) + of_cell[series, step], return_inverse=True
    )
    values = np.zeros((pairs.size, matrix.values.shape[1]))
    np.add.at(values, (of_pair.ravel(), step), 1.0)
    kept = not (without and (label in grouping or label == METRIC_NAME))
    found: list[Labels] = []
    for pair in each(pairs.tolist()):
        number, text = divmod(pair, max(1, len(texts)))
        labels = groups.labels[number]
        found.append(labels.with_(label, texts[text]) if kept else labels)
    return SeriesMatrix.of(found, values, values > 0)


def _texts(matrix: SeriesMatrix) -> tuple[list[str], IntArray]:
    """The texts of all values, and int64[S, T] which one each cell has."""
    values = np.where(np.isnan(matrix.values), np.nan, matrix.values)
    bits, inverse = np.unique(values.view(np.uint64), return_inverse=True)
    of_cell = inverse.reshape(values.shape).astype(np.int64)
    texts = [format_f(value) for value in each(bits.view(np.float64).tolist())]
    if matrix.histograms is not None:
        known: dict[str, int] = {}
        for series, step in each(np.argwhere(matrix.is_histogram).tolist()):
            text = print_histogram(matrix.histograms[series, step])
            if text not in known:
                known[text] = len(texts)
                texts.append(text)
            of_cell[series, step] = known[text]
    return texts, of_cell
