"""Operators between vectors: whole matrices against upstream's algorithm, step by step."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.ast import Cardinality, VectorMatching
from belvedere.query.promql.elements import Operator
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.matching import vector_operation
from belvedere.query.promql.position import NOWHERE
from belvedere.query.promql.same_labels import merged
from belvedere.query.promql.set_operators import set_operation

Step = list[tuple[Labels, float]]
NAMES = ("a", "b", "c")

labels_of = st.builds(
    lambda name, values: Labels({METRIC_NAME: name, **dict(zip(NAMES, values, strict=True))}),
    st.sampled_from(["x", "y"]),
    st.tuples(*[st.sampled_from(["", "1", "2"])] * 3),
)
STEPS = 3


@st.composite
def vectors(draw: st.DrawFn) -> SeriesMatrix:
    labels = draw(st.lists(labels_of, unique=True, max_size=4))
    shape = (len(labels), STEPS)
    values = draw(st.lists(st.sampled_from([1.0, 2.0, 3.0, math.nan]), min_size=12, max_size=12))
    present = draw(st.lists(st.booleans(), min_size=12, max_size=12))
    size = shape[0] * STEPS
    return SeriesMatrix.of(
        labels,
        np.array(values[:size]).reshape(shape),
        np.array(present[:size], np.bool_).reshape(shape),
    )


subsets = st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)
fills = st.none() | st.sampled_from([0.0, 2.0])


def at_step(matrix: SeriesMatrix, step: int) -> Step:
    return [
        (labels, float(matrix.values[row, step]))
        for row, labels in enumerate(matrix.labels)
        if matrix.present[row, step]
    ]


def signature(labels: Labels, matching: VectorMatching) -> Labels:
    if matching.on:
        return labels.keep(*matching.labels)
    return labels.without(METRIC_NAME, *matching.labels)


def compute(op: str, left: float, right: float) -> tuple[float, bool]:
    if op == "+":
        return left + right, True
    return left, left > right


def upstream(  # noqa: C901 - upstream's algorithm in one piece, to be read beside it
    left: Step, right: Step, op: str, matching: VectorMatching, *, as_bool: bool
) -> Step:
    """What upstream's VectorBinop does at one step; raises where it refuses."""
    if (not left and not right) or ((not left or not right) and not matching.has_fill):
        return []
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    one_by_signature: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one:
        if signature(labels, matching) in one_by_signature:
            raise ExecutionError("found duplicate series")
        one_by_signature[signature(labels, matching)] = (labels, value)
    matched: dict[Labels, set[Labels]] = {}
    result: Step = []

    def combine(many_sample: tuple[Labels, float], one_sample: tuple[Labels, float]) -> None:
        found = signature(many_sample[0], matching)
        values = (many_sample[1], one_sample[1])
        value, keep = compute(op, *(values[::-1] if swapped else values))
        if as_bool:
            value = float(keep)
        labels = many_sample[0].without_metadata() if op == "+" or as_bool else many_sample[0]
        if matching.cardinality is Cardinality.ONE_TO_ONE:
            labels = (
                labels.keep(*matching.labels) if matching.on else labels.without(*matching.labels)
            )
            if found in matched:
                raise ExecutionError("multiple matches for labels: many-to-one")
            matched[found] = set()
        for name in matching.include:
            labels = labels.with_(name, one_sample[0].get(name))
        if matching.cardinality is not Cardinality.ONE_TO_ONE:
            if labels in matched.setdefault(found, set()):
                raise ExecutionError("multiple matches for labels: grouping labels")
            matched[found].add(labels)
        if keep or as_bool:
            result.append((labels, value))

    for sample in many:
        found = signature(sample[0], matching)
        if found in one_by_signature:
            combine(sample, one_by_signature[found])
        elif matching.fill_right is not None:
            combine(sample, (signature(sample[0], matching), matching.fill_right))
    if matching.fill_left is not None:
        for found, sample in one_by_signature.items():
            if found not in matched:
                combine((signature(sample[0], matching), matching.fill_left), sample)
    if len({labels for labels, _ in result}) < len(result):
        raise ExecutionError("same labelset")
    return result


def same(actual: Step, expected: Step) -> bool:
    def comparable(step: Step) -> list[tuple[str, str]]:
        return sorted((str(labels), repr(value)) for labels, value in step)

    return comparable(actual) == comparable(expected)


@settings(max_examples=400, deadline=None)
@given(
    left=vectors(),
    right=vectors(),
    op=st.sampled_from(["+", ">"]),
    matching=st.builds(
        VectorMatching,
        st.sampled_from([Cardinality.ONE_TO_ONE, Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY]),
        subsets,
        st.booleans(),
        subsets,
        fills,
        fills,
    ),
    as_bool=st.booleans(),
)
def test_whole_matrices_give_what_single_steps_give(
    left: SeriesMatrix,
    right: SeriesMatrix,
    op: str,
    matching: VectorMatching,
    as_bool: bool,  # noqa: FBT001 - hypothesis fills it
) -> None:
    as_bool = as_bool and op == ">"
    operator = Operator(op, as_bool, NOWHERE, Annotations())
    try:
        expected = [
            upstream(at_step(left, step), at_step(right, step), op, matching, as_bool=as_bool)
            for step in range(STEPS)
        ]
    except ExecutionError:
        with pytest.raises(ExecutionError):
            merged(vector_operation(operator, left, right, matching))
        return
    actual = merged(vector_operation(operator, left, right, matching))
    for step, wanted in enumerate(expected):
        assert same(at_step(actual, step), wanted)


@settings(max_examples=200, deadline=None)
@given(vectors(), vectors(), st.sampled_from(["and", "or", "unless"]), subsets, st.booleans())
def test_set_operators_choose_as_single_steps_do(
    left: SeriesMatrix,
    right: SeriesMatrix,
    op: str,
    labels: tuple[str, ...],
    on: bool,  # noqa: FBT001 - hypothesis fills it
) -> None:
    matching = VectorMatching(Cardinality.MANY_TO_MANY, labels, on)
    actual = set_operation(op, left, right, matching)
    for step in range(STEPS):
        ours, theirs = at_step(left, step), at_step(right, step)
        in_left = {signature(found, matching) for found, _ in ours}
        in_right = {signature(found, matching) for found, _ in theirs}
        if op == "or":
            wanted = ours + [s for s in theirs if signature(s[0], matching) not in in_left]
        else:
            wanted = [s for s in ours if (signature(s[0], matching) in in_right) is (op == "and")]
        assert same(at_step(actual, step), wanted)


@pytest.mark.parametrize(
    ("cardinality", "message"),
    [
        (
            Cardinality.MANY_TO_ONE,
            (
                'found duplicate series for the match group {a="1"} on the right hand-side of the '
                'operation: [{__name__="y", a="1", b="1"}, {__name__="y", a="1", b="2"}];'
                "many-to-many matching not allowed: matching labels must be unique on one side"
            ),
        ),
        (
            Cardinality.ONE_TO_MANY,
            (
                'found duplicate series for the match group {a="1"} on the left hand-side of the '
                'operation: [{__name__="x", a="1", b="1"}, {__name__="x", a="1", b="2"}];'
                "many-to-many matching not allowed: matching labels must be unique on one side"
            ),
        ),
    ],
    ids=str,
)
def test_two_of_one_are_named(cardinality: Cardinality, message: str) -> None:
    left, right = (
        SeriesMatrix.of(
            [Labels({METRIC_NAME: name, "a": "1", "b": b}) for b in ("2", "1")], np.ones((2, 1))
        )
        for name in ("x", "y")
    )
    operator = Operator("+", return_bool=False, position=NOWHERE, annotations=Annotations())
    with pytest.raises(ExecutionError) as caught:
        vector_operation(operator, left, right, VectorMatching(cardinality, ("a",), on=True))
    assert str(caught.value) == message


def test_many_to_one_must_be_said() -> None:
    left = SeriesMatrix.of([Labels({"a": "1"}), Labels({"a": "2"})], np.ones((2, 1)))
    right = SeriesMatrix.of([Labels({"b": "1"})], np.ones((1, 1)))
    operator = Operator(">", return_bool=False, position=NOWHERE, annotations=Annotations())
    with pytest.raises(ExecutionError, match="many-to-one matching must be explicit"):
        vector_operation(operator, left, right, VectorMatching(on=True))


def test_a_thousand_series_match_a_thousand() -> None:
    labels = [Labels({"a": str(n)}) for n in range(1000)]
    shuffled = list(itertools.chain(labels[500:], labels[:500]))
    left = SeriesMatrix.of(labels, np.arange(1000.0).reshape(-1, 1))
    right = SeriesMatrix.of(shuffled, np.roll(np.arange(1000.0), 500).reshape(-1, 1))
    operator = Operator("-", return_bool=False, position=NOWHERE, annotations=Annotations())
    result = vector_operation(operator, left, right, VectorMatching())
    assert result.present.all()
    assert not result.values.any()
