"""`sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cmp_to_key

import numpy as np

from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    text,
    vector,
)

_CHUNK = re.compile(r"\d+|\D+", re.ASCII)


def _by_value(sign: float) -> InstantFunction:
    def apply(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
        """Floats alone, NaNs last. The series of a range query have no order of values."""
        matrix = vector(arguments[0])
        floats = replace(matrix, present=matrix.is_float, histograms=None)
        if context.steps != 1:
            return floats
        values = sign * matrix.values[:, 0]
        order = np.lexsort((values, np.isnan(values)))
        return floats.take(order[floats.present[order, 0]])

    return apply


def _by_label(sign: int) -> InstantFunction:
    def apply(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
        """In natural order of the labels given, then of all labels."""
        matrix = vector(arguments[0])
        if context.steps != 1:
            return matrix
        names = [text(argument) for argument in arguments[1:]]

        def compare(left: int, right: int) -> int:
            return sign * _compare(matrix.labels[left], matrix.labels[right], names)

        order = sorted(range(len(matrix.labels)), key=cmp_to_key(compare))
        return matrix.take(np.array(order, dtype=np.int64))

    return apply


def _compare(left: Labels, right: Labels, names: Sequence[str]) -> int:
    for name in names:
        a, b = left.get(name), right.get(name)
        if a != b:
            return -1 if _natural_less(a, b) else 1
    return -1 if left < right else int(right < left)


def _natural_less(left: str, right: str) -> bool:
    """Upstream's natural order: runs of digits compare as numbers, the rest as text."""
    others = _CHUNK.findall(right)
    chunks = _CHUNK.findall(left)
    for number, (chunk, other) in enumerate(zip(chunks, others, strict=False)):
        numeric = chunk.isdigit() and other.isdigit()
        if int(chunk) != int(other) if numeric else chunk != other:
            return int(chunk) < int(other) if numeric else chunk < other
        if number == len(chunks) - 1:
            return True
        if number == len(others) - 1:
            return False
    return False


SORT_FUNCTIONS: Mapping[str, InstantFunction] = {
    "sort": _by_value(1.0),
    "sort_desc": _by_value(-1.0),
    "sort_by_label": _by_label(1),
    "sort_by_label_desc": _by_label(-1),
}
