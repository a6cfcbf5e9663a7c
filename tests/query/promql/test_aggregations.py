"""The aggregations equal plain Python over the samples of one group at one step."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.aggregations import AGGREGATIONS
from belvedere.query.promql.aggregations.series_hash import xxh64
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.position import Position
from belvedere.query.samples import FloatArray

STEPS = 3
NAN = math.nan
Rows = list[tuple[str, list[float | None]]]


def context(steps: int = STEPS) -> CallContext:
    times = np.arange(steps, dtype=np.int64) * 1000
    return CallContext(times, [Position(0, 1), Position(2, 3)], Annotations())


def matrix_of(rows: Rows) -> SeriesMatrix:
    steps = len(rows[0][1]) if rows else STEPS
    cells = [[NAN if value is None else value for value in values] for _, values in rows]
    present = [[value is not None for value in values] for _, values in rows]
    return SeriesMatrix.of(
        [
            Labels({"__name__": "m", "group": group, "series": str(number)})
            for number, (group, _) in enumerate(rows)
        ],
        np.array(cells, dtype=np.float64).reshape(len(rows), steps),
        np.array(present, dtype=np.bool_).reshape(len(rows), steps),
    )


def run(
    name: str,
    matrix: SeriesMatrix,
    parameter: FloatArray | str | None = None,
    by: Sequence[str] = ("group",),
    called: CallContext | None = None,
) -> SeriesMatrix:
    return AGGREGATIONS[name](matrix, parameter, by, False, called or context())


def quantile_of(values: Sequence[float]) -> float:
    ordered = sorted(values, key=lambda v: (not math.isnan(v), 0.0 if math.isnan(v) else v))
    rank = 0.3 * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    return ordered[lower] * (1 - (rank - lower)) + ordered[upper] * (rank - lower)


def variance_of(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)


def extreme(values: Sequence[float], choose: Callable[[list[float]], float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return choose(numbers) if numbers else NAN


REFERENCES: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "min": lambda values: extreme(values, min),
    "max": lambda values: extreme(values, max),
    "stdvar": variance_of,
    "stddev": lambda values: math.sqrt(variance_of(values)),
    "quantile": quantile_of,
}

value = st.one_of(st.none(), st.integers(-9, 9).map(float), st.floats(-1e6, 1e6), st.just(math.nan))
rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(value, min_size=STEPS, max_size=STEPS)), max_size=8
)


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=30, deadline=None)
@given(data=rows)
def test_an_aggregation_equals_its_reference(name: str, data: Rows) -> None:
    parameter = np.full(STEPS, 0.3) if name == "quantile" else None
    found = run(name, matrix_of(data), parameter)
    groups = list(dict.fromkeys(group for group, _ in data))
    assert [labels.get("group") for labels in found.labels] == groups
    for g, group in enumerate(groups):
        for t in range(STEPS):
            cell = [v[t] for of, v in data if of == group and v[t] is not None]
            assert found.present[g, t] == bool(cell)
            if cell:
                expected = REFERENCES[name]([number for number in cell if number is not None])
                assert found.values[g, t] == pytest.approx(
                    expected, rel=1e-9, abs=1e-4, nan_ok=True
                )


@pytest.mark.parametrize("name", ["topk", "bottomk"])
@settings(max_examples=60, deadline=None)
@given(data=rows, k=st.integers(0, 4))
def test_the_chosen_of_a_range_are_those_of_each_instant(name: str, data: Rows, k: int) -> None:
    matrix = matrix_of(data)
    found = run(name, matrix, np.full(STEPS, float(k)))
    for t in range(STEPS):
        step = SeriesMatrix.of(
            matrix.labels, matrix.values[:, t : t + 1], matrix.present[:, t : t + 1]
        )
        instant = run(name, step, np.array([float(k)]), called=context(1))
        chosen = {
            labels for labels, there in zip(found.labels, found.present[:, t], strict=True) if there
        }
        assert chosen == set(instant.labels)
        sign = 1 if name == "topk" else -1
        for group in {of for of, _ in data}:
            ranked = [
                -math.inf if math.isnan(v) else v
                for labels, v in zip(instant.labels, instant.values[:, 0] * sign, strict=True)
                if labels.get("group") == group
            ]
            assert ranked == sorted(ranked, reverse=True)
            assert len(ranked) == min(k, sum(of == group and v[t] is not None for of, v in data))


def test_large_groups_are_compensated() -> None:
    values = [1e100, *[1.0] * 500, -1e100]
    found = run("sum", matrix_of([("a", [v] * STEPS) for v in values]))
    assert found.values.tolist() == [[500.0] * STEPS]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e308] * 3, 1e308), ([math.inf, 1.0], math.inf), ([math.inf, -math.inf], NAN)],
)
def test_averages_do_not_overflow(values: list[float], expected: float) -> None:
    found = run("avg", matrix_of([("a", [v] * STEPS) for v in values]))
    assert found.values[0, 0] == pytest.approx(expected, nan_ok=True)


def test_without_groups_by_all_other_labels() -> None:
    matrix = matrix_of([("a", [1.0]), ("a", [2.0])])
    found = AGGREGATIONS["sum"](matrix, None, ("series",), True, context(1))
    assert list(found.labels) == [Labels({"group": "a"})]
    assert found.values.tolist() == [[3.0]]


def test_values_are_counted_by_their_text() -> None:
    matrix = matrix_of([("a", [1.0, NAN]), ("a", [1.0, 2.5]), ("b", [1.0, None])])
    found = run("count_values", matrix, "v", called=context(2))
    rows = {
        (labels.get("group"), labels.get("v")): values
        for labels, values in zip(found.labels, found.values.tolist(), strict=True)
    }
    assert rows == {
        ("a", "1"): [2.0, 0.0],
        ("a", "NaN"): [0.0, 1.0],
        ("a", "2.5"): [0.0, 1.0],
        ("b", "1"): [1.0, 0.0],
    }


def test_the_first_series_are_limited() -> None:
    matrix = matrix_of([("a", [None, 1.0]), ("a", [2.0, 2.0]), ("a", [3.0, 3.0])])
    found = run("limitk", matrix, np.array([1.0, 2.0]), called=context(2))
    assert found.present.tolist() == [[False, True], [True, True]]


def test_a_ratio_and_its_rest_are_all() -> None:
    matrix = matrix_of([("a", [1.0])] * 1000)
    part = run("limit_ratio", matrix, np.array([0.3]), called=context(1))
    rest = run("limit_ratio", matrix, np.array([-0.7]), called=context(1))
    assert 200 < len(part.labels) < 400
    assert sorted((*part.labels, *rest.labels)) == sorted(matrix.labels)


@pytest.mark.parametrize(
    ("name", "parameter", "message"),
    [
        ("topk", NAN, "Parameter value is NaN"),
        ("bottomk", 1e19, "Scalar value 1e+19 overflows int64"),
        ("limitk", NAN, "Parameter value is NaN"),
        ("limit_ratio", NAN, "Ratio value is NaN"),
    ],
)
def test_parameters_that_are_refused(name: str, parameter: float, message: str) -> None:
    with pytest.raises(ExecutionError, match=message.replace("+", r"\+")):
        run(name, matrix_of([("a", [1.0])]), np.array([parameter]), called=context(1))


def histogram(count: float) -> NativeHistogram:
    return NativeHistogram(0, count, count, positive=Buckets.of(0, [count]))


def mixed(cells: Sequence[Sequence[float | NativeHistogram]]) -> SeriesMatrix:
    histograms = np.full((len(cells), len(cells[0])), None, dtype=object)
    values = np.zeros(histograms.shape)
    for s, row in enumerate(cells):
        for t, cell in enumerate(row):
            if isinstance(cell, NativeHistogram):
                histograms[s, t] = cell
            else:
                values[s, t] = cell
    labels = [Labels({"series": str(number)}) for number in range(len(cells))]
    return SeriesMatrix.of(labels, values, None, histograms)


@pytest.mark.parametrize(("name", "expected"), [("sum", 5.0), ("avg", 2.5)])
def test_histograms_add_up_but_not_with_floats(name: str, expected: float) -> None:
    called = context(2)
    matrix = mixed([[histogram(2), histogram(2)], [histogram(3), 1.0]])
    found = run(name, matrix, by=(), called=called)
    assert found.present.tolist() == [[True, False]]
    assert found.histograms is not None
    assert found.histograms[0, 0].count == expected
    assert called.annotations.warnings("sum(x)") == [
        "PromQL warning: encountered a mix of histograms and floats for aggregation (1:1)"
    ]


@pytest.mark.parametrize("name", ["min", "max", "stddev", "stdvar", "quantile"])
def test_histograms_are_left_out(name: str) -> None:
    called = context(1)
    parameter = np.array([0.5]) if name == "quantile" else None
    found = run(name, mixed([[histogram(2)], [1.0]]), parameter, (), called)
    assert found.present.tolist() == [[True]]
    assert called.annotations.infos("x") == [
        f"PromQL info: ignored histogram in {name} aggregation (1:1)"
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"0123456789abcdef0123456789abcdef0123456789", None),
    ],
)
def test_the_hash_is_xxh64(data: bytes, expected: int | None) -> None:
    found = xxh64(data)
    assert 0 <= found < 2**64
    assert expected is None or found == expected
