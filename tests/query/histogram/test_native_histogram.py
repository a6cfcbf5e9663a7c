"""Native histograms: arithmetic, layout, resets, quantiles, printing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.histogram.arithmetic import add, subtract
from belvedere.query.histogram.bounds import CUSTOM_SCHEMA, upper_bounds
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.quantile import fraction, quantile
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.histogram.text import api_form, print_histogram
from belvedere.query.histogram.total import HistogramMean, HistogramTotal
from belvedere.query.histogram.trim import trim


def native(
    positive: dict[int, float],
    negative: dict[int, float] | None = None,
    *,
    schema: int = 0,
    zero: tuple[float, float] = (0.0, 0.0),
    total: float = 0.0,
    hint: CounterReset = CounterReset.UNKNOWN,
) -> NativeHistogram:
    sides = []
    for side in (positive, negative or {}):
        indexes = sorted(side)
        sides.append(
            Buckets(
                np.array(indexes, dtype=np.int64),
                np.array([side[i] for i in indexes], dtype=np.float64),
            )
        )
    count = sum(positive.values()) + sum((negative or {}).values()) + zero[1]
    return NativeHistogram(schema, count, total, *zero, *sides, counter_reset=hint)


def custom(bounds: tuple[float, ...], counts: list[float], total: float = 0.0) -> NativeHistogram:
    return NativeHistogram(
        CUSTOM_SCHEMA,
        sum(counts),
        total,
        positive=Buckets.of(0, counts),
        custom_values=bounds,
    )


side = st.dictionaries(st.integers(-20, 20), st.integers(0, 50).map(float), max_size=6)
histograms = st.builds(
    lambda positive, negative, schema, threshold, count, total: native(
        positive, negative, schema=schema, zero=(threshold, float(count)), total=float(total)
    ),
    side,
    side,
    st.integers(-2, 3),
    st.sampled_from([0.0, 0.001, 0.5, 2.0]),
    st.integers(0, 9),
    st.integers(-100, 100),
)


def held(histogram: NativeHistogram) -> float:
    parts = (histogram.positive.counts, histogram.negative.counts)
    return float(sum(part.sum() for part in parts)) + histogram.zero_count


@settings(max_examples=200, deadline=None)
@given(left=histograms, right=histograms)
def test_a_sum_holds_what_both_hold(left: NativeHistogram, right: NativeHistogram) -> None:
    total = add(left, right).histogram
    assert total.count == left.count + right.count
    assert total.sum == left.sum + right.sum
    assert held(total) >= held(left) + held(right) - _inside_zero(left) - _inside_zero(right)
    assert total.schema == min(left.schema, right.schema)
    assert total.zero_threshold >= max(left.zero_threshold, right.zero_threshold)


def _inside_zero(histogram: NativeHistogram) -> float:
    """What lies in buckets that a zero bucket covers: odd data that additions may leave out."""
    inside = 0.0
    for table in (histogram.positive_table(), histogram.negative_table()):
        near = np.minimum(np.abs(table.lower), np.abs(table.upper))
        inside += float(table.counts[near < histogram.zero_threshold].sum())
    return inside


@settings(max_examples=100, deadline=None)
@given(histogram=histograms, steps=st.integers(0, 3))
def test_lower_resolution_keeps_the_counts(histogram: NativeHistogram, steps: int) -> None:
    coarse = histogram.coarser(max(-4, histogram.schema - steps))
    assert held(coarse) == held(histogram)
    assert coarse.count == histogram.count


@settings(max_examples=100, deadline=None)
@given(several=st.lists(histograms, min_size=1, max_size=5))
def test_running_sums_equal_additions(several: list[NativeHistogram]) -> None:
    running, mean, plain = HistogramTotal(several[0]), HistogramMean(several[0]), several[0]
    for histogram in several[1:]:
        running.add(histogram)
        mean.add(histogram)
        plain = add(plain, histogram).histogram
    assert running.result().compact().equals(plain.compact())
    found, expected = mean.result(), plain.over(len(several))
    assert found.count == pytest.approx(expected.count)
    assert held(found) == pytest.approx(held(expected))


@settings(max_examples=100, deadline=None)
@given(histogram=histograms)
def test_subtracting_itself_leaves_nothing(histogram: NativeHistogram) -> None:
    rest = subtract(histogram, histogram).histogram.compact()
    assert (rest.count, rest.sum, rest.zero_count) == (0, 0, 0)
    assert not len(rest.positive)
    assert not len(rest.negative)


@settings(max_examples=100, deadline=None)
@given(histogram=histograms, q=st.floats(0.01, 0.99))
def test_the_fraction_below_a_quantile_is_the_quantile(
    histogram: NativeHistogram, q: float
) -> None:
    if histogram.count == 0 or _inside_zero(histogram):
        return
    value, _ = quantile(q, histogram)
    below, _ = fraction(-math.inf, value, histogram)
    assert below == pytest.approx(q, abs=1e-6) or _at_a_bound(value, histogram)


def _at_a_bound(value: float, histogram: NativeHistogram) -> bool:
    table = histogram.table()
    return bool(np.isclose(np.concatenate((table.lower, table.upper, [0.0])), value).any())


@settings(max_examples=100, deadline=None)
@given(left=histograms, right=histograms)
def test_growing_is_no_reset(left: NativeHistogram, right: NativeHistogram) -> None:
    if _inside_zero(left) or _inside_zero(right):
        return
    assert not detect_reset(left, left)
    total = add(left, right).histogram
    if (total.schema, total.zero_threshold) == (left.schema, left.zero_threshold):
        assert not detect_reset(total, left)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        pytest.param(native({1: 1}), native({1: 2}), True, id="count fell"),
        pytest.param(native({1: 1, 2: 5}), native({1: 2}), True, id="bucket fell"),
        pytest.param(native({2: 5}), native({1: 2}), True, id="bucket gone"),
        pytest.param(native({2: 5}), native({1: 0, 2: 1}), False, id="empty bucket gone"),
        pytest.param(native({1: 2}, schema=1), native({1: 2}), True, id="higher resolution"),
        pytest.param(native({1: 2}), native({2: 2}, schema=1), False, id="lower resolution"),
        pytest.param(
            native({1: 2}, hint=CounterReset.RESET), native({1: 1}), True, id="hint says so"
        ),
        pytest.param(
            native({1: 1}, hint=CounterReset.NOT_RESET), native({1: 2}), False, id="hint denies"
        ),
        pytest.param(
            native({3: 2}, zero=(0.1, 1)), native({3: 2}, zero=(0.2, 1)), True, id="narrower zero"
        ),
        pytest.param(
            native({3: 2}, zero=(2.0, 3)), native({1: 2, 3: 2}), False, id="wider zero bucket"
        ),
        pytest.param(custom((1.0,), [1, 1]), native({1: 1}), True, id="custom after exponential"),
        pytest.param(custom((1.0, 2.0), [1, 1, 1]), custom((1.0,), [1, 1]), False, id="finer"),
        pytest.param(custom((1.0, 2.0), [0, 2, 1]), custom((1.0,), [1, 1]), True, id="fell below"),
    ],
)
def test_resets(now: NativeHistogram, before: NativeHistogram, *, expected: bool) -> None:
    assert detect_reset(now, before) == expected


def test_custom_bounds_are_reconciled() -> None:
    result = add(custom((1.0, 2.0, 5.0), [1, 2, 3, 4]), custom((1.0, 5.0), [10, 20, 30]))
    assert result.bounds_reconciled
    assert result.histogram.custom_values == (1.0, 5.0)
    assert result.histogram.positive.counts.tolist() == [11, 25, 34]


def test_kinds_of_buckets_do_not_mix() -> None:
    with pytest.raises(IncompatibleSchemasError):
        add(native({1: 1}), custom((1.0,), [1, 1]))


@pytest.mark.parametrize(
    ("left", "right", "hint", "collision"),
    [
        ("UNKNOWN", "UNKNOWN", "UNKNOWN", False),
        ("GAUGE", "RESET", "GAUGE", False),
        ("RESET", "UNKNOWN", "UNKNOWN", False),
        ("RESET", "RESET", "RESET", False),
        ("RESET", "NOT_RESET", "UNKNOWN", True),
    ],
)
def test_hints_of_sums(left: str, right: str, hint: str, *, collision: bool) -> None:
    result = add(native({1: 1}, hint=CounterReset[left]), native({1: 1}, hint=CounterReset[right]))
    assert result.histogram.counter_reset is CounterReset[hint]
    assert result.reset_collision == collision


def test_dividing_by_zero_leaves_no_buckets() -> None:
    result = native({1: 2}, total=3.0).over(0.0)
    assert (result.count, result.sum) == (math.inf, math.inf)
    assert math.isnan(result.zero_count)
    assert not len(result.positive)


@pytest.mark.parametrize(
    ("schema", "index", "expected"),
    [
        (0, 0, 1.0),
        (0, 4, 16.0),
        (0, 1024, 1.7976931348623157e308),
        (0, 1025, math.inf),
        (1, 1, 1.414213562373095),  # off by one unit, as upstream's table
        (8, 255, 1.9945921121709396),
        (-4, 1, 65536.0),
        (-4, 64, 1.7976931348623157e308),
        (3, -8, 0.5),
    ],
)
def test_bounds(schema: int, index: int, expected: float) -> None:
    assert upper_bounds(np.array([index]), schema)[0] == expected


@pytest.mark.parametrize(
    ("histogram", "text", "buckets"),
    [
        pytest.param(native({}), "{count:0, sum:0}", None, id="empty"),
        pytest.param(
            native({0: 1, 2: 3}, {1: 2}, zero=(0.001, 4), total=5.5),
            "{count:10, sum:5.5, [-2,-1):2, [-0.001,0.001]:4, (0.5,1]:1, (2,4]:3}",
            [
                [1, "-2", "-1", "2"],
                [3, "-0.001", "0.001", "4"],
                [0, "0.5", "1", "1"],
                [0, "2", "4", "3"],
            ],
            id="all sides",
        ),
        pytest.param(
            custom((1.0, 2.5), [1, 0, 2]),
            "{count:3, sum:0, [-Inf,1]:1, (2.5,+Inf]:2}",
            [[3, "-Inf", "1", "1"], [0, "2.5", "+Inf", "2"]],
            id="custom",
        ),
    ],
)
def test_printing(histogram: NativeHistogram, text: str, buckets: list[object] | None) -> None:
    assert print_histogram(histogram) == text
    assert api_form(histogram).get("buckets") == buckets


@pytest.mark.parametrize(
    ("q", "expected"),
    [(0.0, 1.0), (0.5, 2.0), (0.25, math.sqrt(2)), (1.0, 4.0), (-1, -math.inf), (2, math.inf)],
)
def test_quantiles_are_exponential(q: float, expected: float) -> None:
    assert quantile(q, native({1: 2, 2: 2}))[0] == pytest.approx(expected)


def test_nan_observations_skew_a_quantile() -> None:
    skewed = NativeHistogram(0, 4.0, math.nan, positive=Buckets.of(1, [1, 1]))
    value, effect = quantile(0.25, skewed)
    assert value == pytest.approx(2.0)
    assert effect.skewed
    value, effect = quantile(0.9, skewed)
    assert math.isnan(value)
    assert effect.nan


@pytest.mark.parametrize(
    ("value", "below", "expected"),
    [(2.0, True, 1.0), (2.0, False, 3.0), (math.sqrt(8), True, 2.5), (100.0, True, 4.0)],
)
def test_trimming_interpolates(value: float, *, below: bool, expected: float) -> None:
    assert trim(native({1: 1, 2: 3}, total=10.0), value, below=below).count == pytest.approx(
        expected
    )
