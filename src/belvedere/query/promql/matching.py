"""Binary operators between two vectors: which series belong together, and what results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.ast import Cardinality, VectorMatching
from belvedere.query.promql.elements import Operator, Side, combine
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.tokens import ARITHMETIC_OPERATORS
from belvedere.query.samples import BoolArray, IntArray
from belvedere.query.stop import each

# What two series have in common if they belong together.
Signature: TypeAlias = Labels | tuple[str, ...]

_MANY_TO_ONE: Final = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
_NOT_UNIQUE: Final = "multiple matches for labels: grouping labels must ensure unique matches"


def signatures(vector: SeriesMatrix, matching: VectorMatching) -> list[Signature]:
    """The signature of each series."""
    names = matching.labels
    if matching.on:
        return [tuple([labels.get(name) for name in names]) for labels in each(vector.labels)]
    if not names:
        # The remembered set, wherever it lacks no more than the name.
        return [
            labels.without_metadata()
            if "__type__" not in labels and "__unit__" not in labels
            else labels.without(METRIC_NAME)
            for labels in vector.labels
        ]
    return [labels.without(METRIC_NAME, *names) for labels in each(vector.labels)]


def ordinals(*sides: Sequence[Signature]) -> tuple[list[IntArray], int]:
    """The signatures of all sides as numbers, and how many numbers there are."""
    known: dict[Signature, int] = {}
    numbered = [
        np.fromiter((known.setdefault(s, len(known)) for s in side), np.int64, len(side))
        for side in sides
    ]
    return numbered, len(known)


def present_by_signature(present: BoolArray, ordinal: IntArray, count: int) -> BoolArray:
    """bool[count, T], whether any series of a signature is there."""
    if ordinal.size == count and np.array_equal(ordinal, np.arange(count)):
        return present
    result = np.zeros((count, present.shape[1]), np.bool_)
    if np.unique(ordinal).size == ordinal.size:
        result[ordinal] = present
        return result
    for row, there in zip(ordinal.tolist(), present, strict=True):
        result[row] |= there
    return result


@dataclass(frozen=True, slots=True)
class _Join:
    """Rows of both sides that belong together, with "many" and "one" as upstream swaps them."""

    operator: Operator
    matching: VectorMatching
    many: SeriesMatrix
    one: SeriesMatrix
    many_ordinal: IntArray
    one_ordinal: IntArray
    count: int

    @property
    def swapped(self) -> bool:
        return self.matching.cardinality is Cardinality.ONE_TO_MANY

    @property
    def grouped(self) -> bool:
        return self.matching.cardinality is not Cardinality.ONE_TO_ONE

    def label_maker(self) -> Callable[[Labels, Labels], Labels]:
        """What names a result: from the labels of the "many" and the "one" side."""
        matching, operator = self.matching, self.operator
        drops = operator.op in ARITHMETIC_OPERATORS
        drops_all = operator.return_bool and operator.removes_names
        grouped = self.grouped
        known: dict[tuple[Labels, Labels], Labels] = {}

        def make(many: Labels, one: Labels) -> Labels:
            labels = many.without_metadata() if drops else many
            if not grouped:
                if matching.on:
                    labels = labels.keep(*matching.labels)
                else:
                    labels = labels.without(*matching.labels)
            for name in matching.include:
                labels = labels.with_(name, one.get(name))
            return labels.without_metadata() if drops_all else labels

        if not grouped:
            return make

        def remembered(many: Labels, one: Labels) -> Labels:
            pair = (many, one)
            found = known.get(pair)
            if found is None:
                found = known[pair] = make(many, one)
            return found

        return remembered


def vector_operation(
    operator: Operator, left: SeriesMatrix, right: SeriesMatrix, matching: VectorMatching
) -> SeriesMatrix:
    """An arithmetic, comparison or trim operator between two vectors.

    Names go as upstream has it: arithmetic removes them, `bool` too (or marks them, where
    removal is delayed), comparisons keep those of the "many" side.

    Raises:
        ExecutionError: more series match than the matching allows.
    """
    (left_ordinal, right_ordinal), count = ordinals(
        signatures(left, matching), signatures(right, matching)
    )
    if matching.cardinality is Cardinality.ONE_TO_MANY:
        join = _Join(operator, matching, right, left, right_ordinal, left_ordinal, count)
    else:
        join = _Join(operator, matching, left, right, left_ordinal, right_ordinal, count)
    active = _active_steps(left, right, matching)
    _check_one_side(join, active)
    parts = [_matched(join, active)]
    if matching.has_fill:
        parts += _filled(join, active)
    result = SeriesMatrix.joined(parts, left.values.shape[1])
    drop = np.full(len(result.labels), operator.return_bool)
    return SeriesMatrix(result.labels, result.values, result.present, result.histograms, drop)


def _active_steps(left: SeriesMatrix, right: SeriesMatrix, matching: VectorMatching) -> BoolArray:
    """bool[T], the steps at which upstream looks for matches at all."""
    left_any, right_any = left.present.any(axis=0), right.present.any(axis=0)
    return np.asarray(left_any | right_any if matching.has_fill else left_any & right_any)


def _check_one_side(join: _Join, active: BoolArray) -> None:
    """Refuses two series of one signature at one step on the side that must have one."""
    order = np.argsort(join.one_ordinal, kind="stable")
    ordinal = join.one_ordinal[order]
    for index in each(np.flatnonzero(ordinal[1:] == ordinal[:-1]).tolist()):
        signature = ordinal[index]
        earlier = order[: index + 1][ordinal[: index + 1] == signature]
        row = order[index + 1]
        clashes = join.one.present[earlier] & join.one.present[row] & active
        if clashes.any():
            first = earlier[clashes.any(axis=1).argmax()]
            raise ExecutionError(_duplicate(join, join.one.labels[first], join.one.labels[row]))


def _duplicate(join: _Join, first: Labels, second: Labels) -> str:
    side = "left" if join.swapped else "right"
    group = _match_labels(first, join.matching)
    one, other = sorted((str(first), str(second)))
    return (
        f"found duplicate series for the match group {group} on the {side} hand-side of the "
        f"operation: [{one}, {other}];many-to-many matching not allowed: matching labels must be "
        "unique on one side"
    )


def _match_labels(labels: Labels, matching: VectorMatching) -> Labels:
    """Upstream's `MatchLabels`: what a series is matched by, as labels."""
    if matching.on:
        return labels.keep(*matching.labels)
    return labels.without(METRIC_NAME, *matching.labels)


def _pairs(join: _Join) -> tuple[IntArray, IntArray]:
    """Rows of "many" and of "one" that have the same signature."""
    order = np.argsort(join.one_ordinal, kind="stable")
    ordinal = join.one_ordinal[order]
    begin = np.searchsorted(ordinal, join.many_ordinal, side="left")
    end = np.searchsorted(ordinal, join.many_ordinal, side="right")
    counts = end - begin
    many = np.repeat(np.arange(join.many_ordinal.size), counts)
    within = np.arange(many.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return many, order[np.repeat(begin, counts) + within]


def _side(matrix: SeriesMatrix, rows: IntArray, active: BoolArray) -> Side:
    whole = rows.size == len(matrix.labels) and np.array_equal(rows, np.arange(rows.size))
    values = matrix.values if whole else matrix.values[rows]
    present = matrix.present if whole else matrix.present[rows]
    histograms = matrix.histograms
    if histograms is not None and not whole:
        histograms = histograms[rows]
    return Side(values, present if active.all() else present & active, histograms)


def _matched(join: _Join, active: BoolArray) -> SeriesMatrix:
    many, one = _pairs(join)
    many_side, one_side = _side(join.many, many, active), _side(join.one, one, active)
    make = join.label_maker()
    labels = [
        make(join.many.labels[m], join.one.labels[o])
        for m, o in each(zip(many.tolist(), one.tolist(), strict=True))
    ]
    _check_unique(join, labels, join.many_ordinal[many], many_side.present & one_side.present)
    return _combined(join, labels, many_side, one_side)


def _combined(join: _Join, labels: list[Labels], many: Side, one: Side) -> SeriesMatrix:
    result = (
        combine(join.operator, one, many) if join.swapped else combine(join.operator, many, one)
    )
    return SeriesMatrix.of(labels, result.values, result.present, result.histograms)


def _check_unique(join: _Join, labels: list[Labels], ordinal: IntArray, present: BoolArray) -> None:
    """Refuses results of one step that only the "many" side tells apart."""
    alike = len(set(labels)) if join.grouped else np.unique(ordinal).size
    if alike == len(labels):
        return
    groups: dict[object, list[int]] = {}
    for row, signature in enumerate(ordinal.tolist()):
        key = (signature, labels[row]) if join.grouped else signature
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        if len(rows) > 1 and (present[rows].sum(axis=0) > 1).any():
            raise ExecutionError(_NOT_UNIQUE if join.grouped else _MANY_TO_ONE)


def _filled(join: _Join, active: BoolArray) -> list[SeriesMatrix]:
    """The results for series that have no match on the other side, which a value stands for."""
    matching = join.matching
    # As upstream, also where group_right makes the left side the "one": fill_left then stands in
    # for series of the right side.
    many_fill, one_fill = matching.fill_left, matching.fill_right
    make = join.label_maker()
    parts = []
    if one_fill is not None:
        there = present_by_signature(join.one.present, join.one_ordinal, join.count)
        present = join.many.present & ~there[join.many_ordinal] & active
        rows = np.flatnonzero(present.any(axis=1))
        labels = [
            make(found, _match_labels(found, matching))
            for found in (join.many.labels[row] for row in rows.tolist())
        ]
        _check_unique(join, labels, join.many_ordinal[rows], present[rows])
        many = _masked(join.many, rows, present)
        parts.append(_combined(join, labels, many, _constant(one_fill, many)))
    if many_fill is not None:
        there = present_by_signature(join.many.present, join.many_ordinal, join.count)
        present = join.one.present & ~there[join.one_ordinal] & active
        rows = np.flatnonzero(present.any(axis=1))
        labels = [
            make(_match_labels(found, matching), found)
            for found in (join.one.labels[row] for row in rows.tolist())
        ]
        one = _masked(join.one, rows, present)
        parts.append(_combined(join, labels, _constant(many_fill, one), one))
    return parts


def _masked(matrix: SeriesMatrix, rows: IntArray, present: BoolArray) -> Side:
    histograms = None if matrix.histograms is None else matrix.histograms[rows]
    return Side(matrix.values[rows], present[rows], histograms)


def _constant(value: float, other: Side) -> Side:
    return Side(np.full(other.values.shape, value), other.present)
