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
        added = _masked(right, right.present & ~there[right_ordinal])
        return SeriesMatrix.joined([left, added], left.values.shape[1])
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
