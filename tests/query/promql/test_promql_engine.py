"""The engine: kinds of results, times, bounds, names, and the plan as text."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import pytest

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql import engine as engine_module
from belvedere.query.promql import select
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.query.promql.errors import (
    ExecutionError,
    ParseError,
    QueryCanceledError,
    QueryTypeError,
    TooManySamples,
)
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.series_notation import parse_series
from belvedere.query.promql.signatures import ValueType
from belvedere.query.samples import Samples

MINUTE_MS = 60_000
ENGINE = Engine(EngineOptions(parser=EXPERIMENTAL))
DELAYED = Engine(EngineOptions(parser=EXPERIMENTAL, delayed_name_removal=True))


def loaded(*lines: str, step_ms: int = MINUTE_MS) -> MemorySource:
    source = MemorySource()
    for line in lines:
        labels, points = parse_series(line)
        source.add(
            labels,
            [
                (n * step_ms, point.value)
                for n, point in enumerate(points)
                if point.value is not None
            ],
        )
    return source


def rows(value: object) -> dict[str, list[float | None]]:
    assert isinstance(value, SeriesMatrix)
    return {
        labels.metric(): [
            float(number) if there else None for number, there in zip(values, present, strict=True)
        ]
        for labels, values, present in zip(value.labels, value.values, value.present, strict=True)
    }


def test_instant_vector() -> None:
    result = ENGINE.instant('m{a="1"}', loaded('m{a="1"} 1 2', 'm{a="2"} 3'), MINUTE_MS)
    assert result.type is ValueType.VECTOR
    assert rows(result.value) == {'m{a="1"}': [2.0]}


def test_range_query_of_a_vector_is_sorted_by_labels() -> None:
    source = loaded('m{a="2"} 1 2 3', 'm{a="1"} 4 _ 6')
    result = ENGINE.range("m", source, Grid(0, 2 * MINUTE_MS, MINUTE_MS))
    assert result.type is ValueType.MATRIX
    assert list(rows(result.value).items()) == [
        ('m{a="1"}', [4.0, 4.0, 6.0]),
        ('m{a="2"}', [1.0, 2.0, 3.0]),
    ]


def test_scalars() -> None:
    result = ENGINE.instant("1 + 2 * 3", MemorySource(), 0)
    assert result.type is ValueType.SCALAR
    assert isinstance(result.value, np.ndarray)
    assert result.value.tolist() == [7.0]
    ranged = ENGINE.range("time()", MemorySource(), Grid(0, 20_000, 10_000))
    assert rows(ranged.value) == {"{}": [0.0, 10.0, 20.0]}


def test_strings() -> None:
    result = ENGINE.instant('("a\\n")', MemorySource(), 0)
    assert (result.type, result.value) == (ValueType.STRING, "a\n")


def test_range_vectors_keep_their_own_times() -> None:
    source = loaded("m 1 stale 3", "n 1")
    result = ENGINE.instant("{__name__=~'m|n'}[5m] @ 125 offset 5s", source, 0)
    assert isinstance(result.value, Samples)
    assert result.type is ValueType.MATRIX
    assert [labels.name for labels in result.value.labels] == ["m", "n"]
    assert result.value.timestamps_ms.tolist() == [0, 120_000, 0]
    assert result.value.values.tolist() == [1.0, 3.0, 1.0]


def test_subqueries_are_aligned_to_their_step() -> None:
    result = ENGINE.instant("m[2m:30s]", loaded("m 1 2 3 4"), 135_000)
    assert isinstance(result.value, Samples)
    assert result.value.timestamps_ms.tolist() == [30_000, 60_000, 90_000, 120_000]


@pytest.mark.parametrize(
    ("query", "kind"), [('"a"', "string"), ("m[1m]", "range vector"), ("m[1m:]", "range vector")]
)
def test_range_queries_take_vectors_and_scalars_only(query: str, kind: str) -> None:
    with pytest.raises(QueryTypeError) as caught:
        ENGINE.range(query, MemorySource(), Grid(0, 1, 1))
    assert str(caught.value) == (
        f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
    )


@pytest.mark.parametrize("lookback_ms", [MINUTE_MS, 2 * MINUTE_MS])
def test_look_back_is_left_open(lookback_ms: int) -> None:
    source = loaded("m 1")
    for age_ms, expected in ((lookback_ms - 1, {"m": [1.0]}), (lookback_ms, {})):
        result = ENGINE.instant("m", source, age_ms, lookback_ms=lookback_ms)
        assert rows(result.value) == expected


@pytest.mark.parametrize("engine", [ENGINE, DELAYED], ids=["at once", "delayed"])
def test_names_go(engine: Engine) -> None:
    source = loaded('m{a="1"} 1 5')
    for query, name in (
        ("-m", '{a="1"}'),
        ("m * 2", '{a="1"}'),
        ("m > 2", 'm{a="1"}'),
        ("m > bool 2", '{a="1"}'),
        ("abs(m)", '{a="1"}'),
        ("max_over_time(m[5m])", '{a="1"}'),
        ("last_over_time(m[5m])", 'm{a="1"}'),
        ("m and m", 'm{a="1"}'),
    ):
        assert list(rows(engine.instant(query, source, MINUTE_MS).value)) == [name], query


def test_two_series_of_one_name_are_refused_where_they_meet() -> None:
    meeting, apart = loaded("a 1 1", "b 2 2"), loaded("a 1 stale", "b _ 2")
    query, grid = "-{__name__=~'a|b'}", Grid(0, MINUTE_MS, MINUTE_MS)
    for engine in (ENGINE, DELAYED):
        with pytest.raises(ExecutionError, match="same labelset"):
            engine.range(query, meeting, grid)
        assert rows(engine.range(query, apart, grid).value) == {"{}": [-1.0, -2.0]}


def test_step_invariant_parts_are_the_same_at_all_steps() -> None:
    result = ENGINE.range("m @ 60 + m", loaded("m 1 2 3"), Grid(0, 2 * MINUTE_MS, MINUTE_MS))
    assert rows(result.value) == {"{}": [3.0, 4.0, 5.0]}


def test_arithmetic_of_infinities_and_nan_is_that_of_floats() -> None:
    source = loaded("m Inf NaN -1")
    result = ENGINE.range("m ^ 0.5", source, Grid(0, 2 * MINUTE_MS, MINUTE_MS))
    (values,) = rows(result.value).values()
    assert values[0] == math.inf
    assert all(value is not None and math.isnan(value) for value in values[1:])


@pytest.mark.parametrize(
    "query", ["m", "sum(m)", "rate(m[5m])", "m @ 0", "sum_over_time(m[5m:1s])"]
)
def test_samples_are_bounded(query: str) -> None:
    source = loaded(*(f'm{{a="{n}"}} 0+1x10' for n in range(20)))
    engine = Engine(EngineOptions(max_samples=100))
    with pytest.raises(TooManySamples) as caught:
        engine.range(query, source, Grid(0, 10 * MINUTE_MS, MINUTE_MS))
    assert str(caught.value) == (
        "query processing would load too many samples into memory in query execution"
    )


@pytest.mark.parametrize(
    "query",
    ["sum_over_time(vector(1)[100y:1ms])", "max_over_time(m[100y:1ms])", "time()[100y:1ms]"],
)
def test_steps_of_subqueries_are_bounded(query: str) -> None:
    with pytest.raises((TooManySamples, ParseError)):
        ENGINE.instant(query, loaded("m 1"), 10**13)


def test_queries_that_run_at_once_share_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_MAX_SAMPLES_OF_ALL", 25)
    shared = Engine()
    grid = Grid(0, 9 * MINUTE_MS, MINUTE_MS)
    refused: list[str] = []

    class Second(MemorySource):
        """Runs a second query while the first reads."""

        def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
            found = super().select(matchers, start_ms, end_ms)
            if any(matcher.value == "n" for matcher in matchers):
                with pytest.raises(TooManySamples) as caught:
                    shared.range("m + m", loaded("m 0+1x10"), grid)
                refused.append(str(caught.value))
            return found

    source = Second()
    for name in "mn":
        points = [(n * MINUTE_MS, float(n)) for n in range(10)]
        source.add(Labels({METRIC_NAME: name}), points)
    for _ in range(3):  # what a query held is given back, that of the refused ones as well
        assert len(rows(shared.range("m + n", source, grid).value)) == 1
    assert (
        refused
        == ["all queries together would load too many samples into memory; try again in a moment"]
        * 3
    )


def test_what_is_done_with_is_not_held() -> None:
    source = loaded(*(f'm{{a="{n}"}} 0+1x10' for n in range(5)))
    engine = Engine(EngineOptions(max_samples=130))
    query = "sum(m) + " * 20 + "sum(m)"
    assert len(rows(engine.range(query, source, Grid(0, 10 * MINUTE_MS, MINUTE_MS)).value)) == 1


def test_a_cancelled_query_stops() -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise QueryCanceledError("expression evaluation")

    with pytest.raises(QueryCanceledError, match="query was canceled in expression evaluation"):
        ENGINE.instant("m + m + m + m", loaded("m 1"), 0, check=check)
    assert asked == 3


@pytest.mark.parametrize(
    "query",
    [
        *("rate(m[5m])", "sum_over_time(m[5m])", "rate(h[5m])", "changes(h[5m])", "h * 2"),
        *("sum(h)", "histogram_count(h)", "histogram_quantile(0.5, h)", "sum_over_time(h[5m:1m])"),
        *("sum(m)", "sum by (a, b) (m)", "sum without (a) (m)", "topk by (a) (1, m)"),
        *('count_values("v", m)', "m * on (a) m", "m and ignoring (b) m"),
        *('label_replace(m, "x", "y", "a", ".*")', 'label_join(m, "x", "y", "a", "b")'),
    ],
)
def test_functions_ask_whether_to_go_on(query: str) -> None:
    """Not only the nodes of the plan do, each of which asks once."""
    source = loaded(
        'm{a="1",b="1"} 0+1x10',
        'm{a="2",b="1"} 0+1x10',
        "h {{schema:0 sum:1 count:2 buckets:[1 1]}}x10",
    )
    grid = Grid(0, 10 * MINUTE_MS, MINUTE_MS)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1

    ENGINE.range(query, source, grid, check=check)
    nodes = [line for line in ENGINE.explain(query, grid).splitlines() if "[5m]" not in line]
    assert asked > len(nodes)


_MANY = ", ".join(f"none_{number}" for number in range(100))


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ("sum by (a) (m)", f"sum by (a, {_MANY}) (m)"),
        ("sum without (a) (m)", f"sum without (a, {_MANY}) (m)"),
        ("m * on (b) n", f"m * on (b, {_MANY}) n"),
        ("m * ignoring (a, c) n", f"m * ignoring (a, c, {_MANY}) n"),
        ("m * on (b) group_left (c) n", f"m * on (b) group_left (c, {_MANY}) n"),
        ("m unless on (b) n", f"m unless on (b, {_MANY}) n"),
        ("n and on () m", f"n and on ({_MANY}) m"),
    ],
)
def test_names_of_labels_that_no_series_has_change_nothing(few: str, many: str) -> None:
    source = loaded('m{a="1",b="1"} 1', 'm{a="2",b="2"} 2', 'n{b="1",c="5"} 3', 'n{b="3"} 4')
    expected, found = (ENGINE.instant(query, source, 0).value for query in (few, many))
    assert isinstance(expected, SeriesMatrix)
    assert isinstance(found, SeriesMatrix)
    assert len(expected.labels) > 0
    assert found.labels == expected.labels
    assert found.values.tolist() == expected.values.tolist()


def test_of_many_selectors_not_all_samples_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "_MAX_KEPT", 25)
    reads: list[str] = []

    class Counted(MemorySource):
        def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
            reads.append("".join(map(str, matchers)))
            return super().select(matchers, start_ms, end_ms)

    source = Counted()
    for name in "abc":
        points = [(n * MINUTE_MS, float(n)) for n in range(10)]
        source.add(Labels({METRIC_NAME: name}), points)
    grid = Grid(0, 9 * MINUTE_MS, MINUTE_MS)
    assert rows(ENGINE.range("a + a + b + b + c + c + a", source, grid).value)
    assert reads == [f'__name__="{name}"' for name in "abca"]


def test_the_highest_tree_is_executed() -> None:
    result = ENGINE.instant("1" + " + 1" * 198, MemorySource(), 0)
    assert isinstance(result.value, np.ndarray)
    assert result.value.tolist() == [199.0]


def test_annotations_carry_their_place() -> None:
    result = ENGINE.instant("1 + rate(m[5m])", loaded("m 1 2 3"), 2 * MINUTE_MS)
    assert result.annotations.infos("1 + rate(m[5m])") == [
        (
            "PromQL info: metric might not be a counter, name does not end in "
            '_total/_sum/_count/_bucket: "m" (1:10)'
        )
    ]
    assert result.annotations.warnings("1 + rate(m[5m])") == []


def test_errors_of_the_text_come_before_anything_is_read() -> None:
    class Unreadable(MemorySource):
        def select(self, *_: object) -> Samples:
            raise AssertionError("read")

    with pytest.raises(ParseError):
        ENGINE.instant("m +", Unreadable(), 0)


def test_series_without_samples_are_not_among_the_result() -> None:
    source = loaded('m{a="1"} 1', 'm{a="2"} 9')
    assert rows(ENGINE.instant("m > 5", source, 0).value) == {'m{a="2"}': [9.0]}


def test_memory_source_keeps_labels_apart() -> None:
    source = loaded('m{a="1"} 1', "m 2")
    samples = source.select([], -1, 0)
    assert list(samples.labels) == [
        Labels({METRIC_NAME: "m"}),
        Labels({METRIC_NAME: "m", "a": "1"}),
    ]


def test_explain() -> None:
    text = ENGINE.explain(
        'histogram_quantile(0.9, sum by (le) (rate(m{a!="b"}[5m] offset 1h))) > (n @ 60 + 1)',
        Grid(0, MINUTE_MS, MINUTE_MS),
    )
    assert text == textwrap.dedent("""\
        operator >
          call histogram_quantile
            number 0.9
            aggregate sum by (le)
              call rate
                select {a!="b", __name__="m"}[5m] offset 1h
          once for all steps
            operator +
              select {__name__="n"} @ 60.000
              number 1""")
