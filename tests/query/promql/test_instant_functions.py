"""The functions over instant vectors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.instant_functions import INSTANT_FUNCTIONS
from belvedere.query.promql.instant_functions.function import Argument
from belvedere.query.promql.position import Position
from belvedere.query.promql.range_functions import RANGE_FUNCTIONS
from belvedere.query.promql.signatures import FUNCTIONS, ValueType

NAN, INF = math.nan, math.inf


def context(*, steps: int = 1, delayed: bool = False) -> CallContext:
    positions = [Position(number, number + 1) for number in range(6)]
    times = np.arange(steps, dtype=np.int64) * 60_000
    return CallContext(times, positions, Annotations(), delayed)


def vector_of(*rows: tuple[Mapping[str, str], float]) -> SeriesMatrix:
    return SeriesMatrix.of(
        [Labels(labels) for labels, _ in rows],
        np.array([[value] for _, value in rows]).reshape(len(rows), 1),
    )


def natives_of(*rows: tuple[Mapping[str, str], NativeHistogram]) -> SeriesMatrix:
    histograms = np.full((len(rows), 1), None, dtype=object)
    for number, (_, histogram) in enumerate(rows):
        histograms[number, 0] = histogram
    labels = [Labels(of) for of, _ in rows]
    return SeriesMatrix.of(labels, np.zeros((len(rows), 1)), None, histograms)


def call(name: str, *arguments: Argument, called: CallContext | None = None) -> SeriesMatrix:
    called = called or context()
    called = replace(called, positions=called.positions[: len(arguments)])
    result = INSTANT_FUNCTIONS[name](arguments, called)
    assert isinstance(result, SeriesMatrix)
    return result


def scalar(value: float) -> Argument:
    return np.array([value])


UP = {"__name__": "up", "job": "a"}


def test_each_function_of_the_language_is_there() -> None:
    """`info` and the times of the query are the engine's."""
    engine = {"info", "start", "end", "range", "step"}
    over_ranges = {n for n, s in FUNCTIONS.items() if ValueType.MATRIX in s.arguments}
    assert set(RANGE_FUNCTIONS) == over_ranges
    assert set(INSTANT_FUNCTIONS) == set(FUNCTIONS) - over_ranges - engine


@pytest.mark.parametrize(
    ("name", "value", "scalars", "expected"),
    [
        ("abs", -2.5, (), 2.5),
        ("sgn", -0.5, (), -1.0),
        ("sgn", NAN, (), NAN),
        ("ln", -1.0, (), NAN),
        ("ln", 0.0, (), -INF),
        ("sqrt", -1.0, (), NAN),
        ("deg", math.pi, (), 180.0),
        ("round", 2.5, (), 3.0),
        ("round", -2.5, (), -2.0),
        ("round", 7.0, (5.0,), 5.0),
        ("clamp", 7.0, (1.0, 5.0), 5.0),
        ("clamp_min", -7.0, (1.0,), 1.0),
        ("clamp_max", NAN, (1.0,), NAN),
        ("clamp_min", NAN, (INF,), INF),
        ("year", 1e9, (), 2001.0),
        ("month", 1e9, (), 9.0),
        ("day_of_month", 1e9, (), 9.0),
        ("day_of_week", 1e9, (), 0.0),
        ("day_of_year", 1e9, (), 252.0),
        ("days_in_month", 951782400.0, (), 29.0),
        ("hour", -1.0, (), 23.0),
        ("minute", 1e9, (), 46.0),
        ("year", NAN, (), 292277026596.0),
    ],
)
def test_functions_of_floats(
    name: str, value: float, scalars: Sequence[float], expected: float
) -> None:
    found = call(name, vector_of((UP, value)), *map(scalar, scalars))
    assert found.values[0, 0] == pytest.approx(expected, nan_ok=True)
    assert list(found.labels) == [Labels({"job": "a"})]


def test_names_are_only_marked_where_their_removal_is_delayed() -> None:
    found = call("abs", vector_of((UP, 1.0)), called=context(delayed=True))
    assert list(found.labels) == [Labels(UP)]
    assert found.drop_name.tolist() == [True]


def test_bounds_with_nothing_between_leave_nothing() -> None:
    found = call("clamp", vector_of((UP, 1.0)), scalar(5.0), scalar(1.0))
    assert not found.present.any()


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        ("(.*)-(.*)", "$2-$1", "b-a"),
        ("(?P<first>.).*", "${first}x", "ax"),
        ("(.).*", "$1x", None),
        ("a", "x", "old"),
        (".*", "$$1", "$1"),
        (".*", "100$", "100$"),
        ("(.*)", "${9}", None),
    ],
)
def test_labels_are_replaced(pattern: str, replacement: str, expected: str | None) -> None:
    matrix = vector_of(({"src": "a-b", "dst": "old"}, 1.0))
    found = call("label_replace", matrix, "dst", replacement, "src", pattern)
    assert found.labels[0].get("dst") == (expected or "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dst", "", "src", "("), r"invalid regular expression in label_replace\(\): \("),
        (("", "", "src", ""), r"invalid destination label name in label_replace\(\): "),
        (("dst", "", "src", "(a)" * 2000), r"invalid regular expression in label_replace\(\): "),
        (("dst", "$0" * 200_000, "job", ".*"), r"more than 268435456 characters of labels"),
    ],
    ids=["expression", "name", "groups", "length"],
)
def test_label_replace_refuses(arguments: Sequence[str], message: str) -> None:
    matrix = vector_of(({**UP, "job": "j" * 2000}, 1.0))
    with pytest.raises(ExecutionError, match=message):
        call("label_replace", matrix, *arguments)


def test_label_join_refuses_what_becomes_too_long() -> None:
    matrix = vector_of(({"a": "x" * (1 << 20)}, 1.0))
    with pytest.raises(ExecutionError, match=r"label_join\(\) would make more than"):
        call("label_join", matrix, "b", "-", *["a"] * 300)


def test_labels_are_joined() -> None:
    found = call("label_join", vector_of(({"a": "1", "b": "2"}, 1.0)), "c", "-", "a", "x", "b")
    assert found.labels[0].get("c") == "1--2"


@pytest.mark.parametrize(
    ("name", "expected"), [("sort", [-1.0, 2.0, 3.0]), ("sort_desc", [3.0, 2.0, -1.0])]
)
def test_sorting_puts_nan_last(name: str, expected: list[float]) -> None:
    rows = [({"n": str(n)}, value) for n, value in enumerate([3.0, NAN, -1.0, 2.0])]
    found = call(name, vector_of(*rows)).values[:, 0].tolist()
    assert found[:3] == expected
    assert math.isnan(found[3])


@pytest.mark.parametrize(("name", "step"), [("sort_by_label", 1), ("sort_by_label_desc", -1)])
def test_labels_sort_naturally(name: str, step: int) -> None:
    values = ["node2", "node10", "node1", "node"]
    found = call(name, vector_of(*[({"n": value}, 1.0) for value in values]), "n")
    assert [labels.get("n") for labels in found.labels] == [
        "node",
        "node1",
        "node2",
        "node10",
    ][::step]


@pytest.mark.parametrize(
    ("values", "expected"), [([1.0], 1.0), ([], NAN), ([1.0, 2.0], NAN), ([NAN], NAN)]
)
def test_scalar_is_the_only_value(values: list[float], expected: float) -> None:
    matrix = vector_of(*[({"n": str(n)}, value) for n, value in enumerate(values)])
    found = INSTANT_FUNCTIONS["scalar"]([matrix], context())
    assert isinstance(found, np.ndarray)
    assert found.tolist() == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("max_of", 1.0, NAN, NAN),
        ("max_of", NAN, INF, INF),
        ("min_of", 1.0, 2.0, 1.0),
        ("min_of", NAN, -INF, -INF),
    ],
)
def test_extremes_of_scalars(name: str, left: float, right: float, expected: float) -> None:
    found = INSTANT_FUNCTIONS[name]([scalar(left), scalar(right)], context())
    assert isinstance(found, np.ndarray)
    assert found.tolist() == pytest.approx([expected], nan_ok=True)


def test_absent_names_its_result() -> None:
    called = CallContext(np.array([0]), [Position(0, 1)], absent_labels=Labels({"job": "a"}))
    found = call("absent", vector_of(), called=called)
    assert list(found.labels) == [Labels({"job": "a"})]
    assert found.values.tolist() == [[1.0]]


def classic(counts: Mapping[str, float]) -> SeriesMatrix:
    return vector_of(*[({"__name__": "h", "le": le}, count) for le, count in counts.items()])


def test_quantiles_of_classic_histograms() -> None:
    matrix = classic({"1": 1, "2.0": 2, "+Inf": 4, "x": 9})
    called = context()
    found = call("histogram_quantile", scalar(0.25), matrix, called=called)
    assert found.values.tolist() == [[1.0]]
    assert list(found.labels) == [Labels()]
    assert called.annotations.warnings("a b") == [
        'PromQL warning: bucket label "le" is missing or has a malformed value of "x" (1:2)'
    ]


def test_quantiles_of_steps_with_different_buckets() -> None:
    labels = [Labels({"le": le}) for le in ("1", "2", "+Inf")]
    values = np.array([[1.0, 1.0], [2.0, 0.0], [4.0, 4.0]])
    present = np.array([[True, True], [True, False], [True, True]])
    matrix = SeriesMatrix.of(labels, values, present)
    called = context(steps=2)
    found = call("histogram_quantile", np.array([0.5, 0.5]), matrix, called=called)
    assert found.values.tolist() == [[2.0, 1.0]]


def test_kinds_of_histograms_of_one_name_are_told() -> None:
    native = natives_of(({"__name__": "h"}, NativeHistogram(0, 1.0, 1.0)))
    both = classic({"1": 1, "+Inf": 1})
    histograms = np.concatenate([np.full((2, 1), None), np.asarray(native.histograms)])
    matrix = SeriesMatrix.of([*both.labels, *native.labels], np.ones((3, 1)), None, histograms)
    called = context()
    found = call("histogram_quantile", scalar(0.5), matrix, called=called)
    assert not found.present.any()
    assert called.annotations.warnings("a b") == [
        "PromQL warning: vector contains a mix of classic and native histograms (1:2)"
    ]


def test_several_quantiles_are_told_apart_by_a_label() -> None:
    matrix = classic({"1": 2, "2": 4, "+Inf": 4})
    found = call("histogram_quantiles", matrix, "q", scalar(0.5), scalar(1.0))
    rows = {
        labels.get("q"): values[0]
        for labels, values in zip(found.labels, found.values, strict=True)
    }
    assert rows == {"0.5": 1.0, "1.0": 2.0}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("histogram_count", 4.0),
        ("histogram_sum", 6.0),
        ("histogram_avg", 1.5),
        ("histogram_stdvar", (2 * (1.5 - 2**-0.5) ** 2 + 2 * (2**0.5 - 1.5) ** 2) / 4),
    ],
)
def test_functions_of_native_histograms(name: str, expected: float) -> None:
    histogram = NativeHistogram(0, 4.0, 6.0, positive=Buckets.of(0, [2, 2]))
    found = call(name, natives_of((UP, histogram)))
    assert found.values[0, 0] == pytest.approx(expected)
    assert list(found.labels) == [Labels({"job": "a"})]


def test_floats_are_no_histograms() -> None:
    assert not call("histogram_count", vector_of((UP, 1.0))).present.any()
