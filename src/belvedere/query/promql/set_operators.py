"""`and`, `or` and `unless`."""

import numpy as np

from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.ast import VectorMatching
from belvedere.query.promql.matching import ordinals, present_by_signature, signatures
from belvedere.query.samples import BoolArray, HistogramArray


def set_operation(
    op: str, left: SeriesMatrix, right: SeriesMatrix, matching: VectorMatching
) -> SeriesMatrix:
    """Samples chosen by whether the other side has one of the same signature at that step."""
    (left_ordinal, right_ordinal), count = ordinals(
        signatures(left, matching), signatures(right, matching)
    )
    if op == "or":
        there = present_by_signature(left.present, left_ordinal, count)
        return _joined(left, _masked(right, right.present & ~there[right_ordinal]))
    there = present_by_signature(right.present, right_ordinal, count)[left_ordinal]
    return _masked(left, left.present & (there if op == "and" else ~there))


def _masked(vector: SeriesMatrix, present: BoolArray) -> SeriesMatrix:
    return SeriesMatrix(
        vector.labels, vector.values, present, _only(vector.histograms, present), vector.drop_name
    )


def _only(histograms: HistogramArray | None, present: BoolArray) -> HistogramArray | None:
    if histograms is None:
        return None
    only = np.full(present.shape, None, np.object_)
    only[present] = histograms[present]
    return only


def _joined(left: SeriesMatrix, right: SeriesMatrix) -> SeriesMatrix:
    histograms = None
    if left.histograms is not None or right.histograms is not None:
        histograms = np.concatenate(
            [
                np.full(side.values.shape, None, np.object_)
                if side.histograms is None
                else side.histograms
                for side in (left, right)
            ]
        )
    return SeriesMatrix(
        [*left.labels, *right.labels],
        np.concatenate([left.values, right.values]),
        np.concatenate([left.present, right.present]),
        histograms,
        np.concatenate([left.drop_name, right.drop_name]),
    )
