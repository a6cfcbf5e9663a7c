"""Series of one matrix that have the same labels."""

import numpy as np

from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.stop import each

SAME_LABELS = "vector cannot contain metrics with the same labelset"


def merged(matrix: SeriesMatrix) -> SeriesMatrix:
    """The matrix with series of the same labels made one, where no step has two of them.

    Raises:
        ExecutionError: two samples of one step have the same labels.
    """
    if len(set(matrix.labels)) == len(matrix.labels):
        return matrix
    matrix = matrix.without_missing()
    first: dict[Labels, int] = {}
    rows = np.array([first.setdefault(labels, len(first)) for labels in matrix.labels], np.int64)
    if len(first) == len(matrix.labels):
        return matrix
    values = np.zeros((len(first), matrix.values.shape[1]))
    present = np.zeros(values.shape, np.bool_)
    drop_name = np.zeros(len(first), np.bool_)
    histograms = None if matrix.histograms is None else np.full(values.shape, None, np.object_)
    # The earliest sample says whether the name is dropped, as upstream's first step does.
    begins = matrix.present.argmax(axis=1)
    for source in each(np.argsort(-begins, kind="stable")):
        target, there = rows[source], matrix.present[source]
        if (present[target] & there).any():
            raise ExecutionError(SAME_LABELS)
        values[target, there] = matrix.values[source, there]
        present[target] |= there
        drop_name[target] = matrix.drop_name[source]
        if histograms is not None and matrix.histograms is not None:
            histograms[target, there] = matrix.histograms[source, there]
    return SeriesMatrix(list(first), values, present, histograms, drop_name)


def refused(matrix: SeriesMatrix) -> SeriesMatrix:
    """The matrix, if no two series have the same labels, be it at different steps.

    Raises:
        ExecutionError: two series have the same labels.
    """
    if len(set(matrix.labels)) < len(matrix.labels):
        matrix = matrix.without_missing()
        if len(set(matrix.labels)) < len(matrix.labels):
            raise ExecutionError(SAME_LABELS)
    return matrix
