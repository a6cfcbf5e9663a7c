"""The trim operators `</` and `>/`, against an exact reference and cases computed by hand."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.query.histogram.bounds import CUSTOM_SCHEMA
from belvedere.query.histogram.buckets import NO_BUCKETS, Buckets
from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.histogram.trim import trim

INF = math.inf
ROOT = math.sqrt(2)


def exponential(
    positive: list[float] | None = None,
    negative: list[float] | None = None,
    *,
    schema: int = 0,
    offset: int = 0,
    zero: tuple[float, float] = (0.0, 0.0),
    hint: CounterReset = CounterReset.UNKNOWN,
) -> NativeHistogram:
    """A histogram with neighbouring buckets, the first (`2^(offset-1)`, `2^offset`]."""
    threshold, zero_count = zero
    positive, negative = positive or [], negative or []
    return NativeHistogram(
        schema=schema,
        count=sum(positive) + sum(negative) + zero_count,
        sum=77.0,
        zero_threshold=threshold,
        zero_count=zero_count,
        positive=Buckets.of(offset, positive) if positive else NO_BUCKETS,
        negative=Buckets.of(offset, negative) if negative else NO_BUCKETS,
        counter_reset=hint,
    )


def custom(bounds: list[float], counts: list[float]) -> NativeHistogram:
    return NativeHistogram(
        schema=CUSTOM_SCHEMA,
        count=sum(counts),
        sum=77.0,
        positive=Buckets.of(0, counts),
        custom_values=tuple(bounds),
    )


# --- the reference: walks the buckets, in fractions wherever the bounds are rational ---


@dataclass(frozen=True)
class Part:
    """What is kept of one bucket."""

    key: tuple[str, int]
    observations: Fraction | float
    midpoint: Fraction | float


def exact(value: float) -> Fraction | float:
    return Fraction(value) if math.isfinite(value) else value


def bucket_bounds(histogram: NativeHistogram, index: int) -> tuple[float, float]:
    if histogram.schema == CUSTOM_SCHEMA:
        edges = [-INF, *histogram.custom_values, INF]
        return edges[index], edges[index + 1]
    base = 2.0 ** (2.0**-histogram.schema)
    return base ** (index - 1), base**index


def reference(histogram: NativeHistogram, threshold: float, *, below: bool) -> Iterator[Part]:
    """What is kept, bucket by bucket, from the definitions.

    A kept interval of an exponential bucket is `share` of it by logarithm, of a custom bucket and
    of the zero bucket by length; its midpoint is the geometric or the arithmetic mean.
    """
    sides = (("positive", histogram.positive, 1), ("negative", histogram.negative, -1))
    signs = set()
    for name, buckets, sign in sides:
        for index, count in zip(buckets.indexes.tolist(), buckets.counts.tolist(), strict=True):
            if not count:
                continue
            signs.add(sign)
            near, far = bucket_bounds(histogram, index)
            lower, upper = (near, far) if sign > 0 else (-far, -near)
            start, end = (lower, min(upper, threshold)) if below else (max(lower, threshold), upper)
            if not start < end:
                continue
            if histogram.is_custom:
                share, middle = linear(lower, upper, start, end, below=below)
            else:
                share = abs(math.log(end / start)) / abs(math.log(upper / lower))
                middle = sign * math.sqrt(start * end)
            if share:
                yield Part((name, index), exact(count) * exact(share), exact(middle))
    if histogram.zero_count:
        yield from zero_part(histogram, threshold, signs, below=below)


def zero_part(
    histogram: NativeHistogram, threshold: float, signs: set[int], *, below: bool
) -> Iterator[Part]:
    """What is kept of the zero bucket; observations of one sign alone leave it half of itself."""
    width = histogram.zero_threshold
    if not width:
        if threshold > 0 if below else threshold <= 0:
            yield Part(("zero", 0), exact(histogram.zero_count), 0)
        return
    lower = 0.0 if signs == {1} else -width
    upper = 0.0 if signs == {-1} else width
    start, end = (lower, min(upper, threshold)) if below else (max(lower, threshold), upper)
    if start < end:
        share = (exact(end) - exact(start)) / (exact(upper) - exact(lower))
        middle = (exact(start) + exact(end)) / 2
        yield Part(("zero", 0), exact(histogram.zero_count) * share, middle)


def linear(
    lower: float, upper: float, start: float, end: float, *, below: bool
) -> tuple[Fraction | float, Fraction | float]:
    """The share and the midpoint of a part of a custom bucket.

    Buckets without a lower bound start at 0 if their upper bound is positive. Nothing else is
    known of infinite buckets: what is cut of them is dropped or kept as a whole, at the cut.
    """
    if (start, end) == (lower, upper):
        if lower == -INF:
            return 1, 0 if upper == INF else exact(upper) / (2 if upper > 0 else 1)
        return 1, exact(lower) if upper == INF else (exact(lower) + exact(upper)) / 2
    if upper == INF:
        return (0, 0) if below or lower == -INF else (1, exact(start))
    if lower == -INF:
        if upper <= 0:
            return (1, exact(end)) if below else (0, 0)
        if end <= 0 if below else start < 0:
            return 0, 0
        start, lower = max(start, 0.0), 0.0
    share = (exact(end) - exact(start)) / (exact(upper) - exact(lower))
    return share, (exact(start) + exact(end)) / 2


def contents(histogram: NativeHistogram) -> dict[tuple[str, int], float]:
    """The count of each populated bucket."""
    found = {
        (name, index): count
        for name, buckets in (("positive", histogram.positive), ("negative", histogram.negative))
        for index, count in zip(buckets.indexes.tolist(), buckets.counts.tolist(), strict=True)
        if count
    }
    return found | ({("zero", 0): histogram.zero_count} if histogram.zero_count else {})


HISTOGRAMS = {
    "one bucket": exponential([4]),
    "gaps": exponential([1, 2, 0, 0, 5], offset=-1),
    "negative": exponential(negative=[1, 2, 3]),
    "both signs": exponential([1, 2, 4], [3, 4]),
    "fractions": exponential([0.25, 2.5], [0.125]),
    "schema 3": exponential([3, 1, 4, 1, 5, 9], schema=3, offset=-2),
    "schema -2": exponential([3, 1, 4], schema=-2, offset=-1),
    "gauge": exponential([4, 4], [2], hint=CounterReset.GAUGE),
    "not reset": exponential([4, 4], hint=CounterReset.NOT_RESET),
    "zero bucket": exponential(zero=(0.5, 3)),
    "zero bucket of no width": exponential(zero=(0.0, 3)),
    "zero bucket, positive": exponential([1, 2], zero=(0.5, 3)),
    "zero bucket, negative": exponential(negative=[1, 2], zero=(0.5, 3)),
    "zero bucket, both signs": exponential([1, 2], [2, 1], zero=(0.5, 6)),
    "zero bucket, empty buckets": exponential([0, 0], [0], zero=(0.5, 6)),
    "empty": exponential(),
    "custom": custom([0.5, 2, 4], [1, 4, 2, 8]),
    "custom, finite alone": custom([0, 1, 5], [0, 4, 2, 0]),
    "custom, below zero": custom([-4, -1, 3], [3, 1, 4, 2]),
    "custom, up to zero": custom([0, 1], [5, 1, 2]),
    "custom, without bounds": custom([], [7]),
    "custom, empty": custom([1, 2], [0, 0, 0]),
}
THRESHOLDS = (
    *(-INF, -100.0, -4.0, -3.0, -1.5, -1.0, -0.5, -0.25, -0.0),
    *(0.0, 0.25, 0.5, 0.75, 1.0, ROOT, 1.5, 2.0, 3.0, 4.0, 5.0, 100.0, INF),
)


@pytest.mark.parametrize("below", [True, False], ids=["below", "above"])
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("name", HISTOGRAMS)
def test_trim_keeps_what_the_definitions_keep(name: str, threshold: float, *, below: bool) -> None:
    histogram = HISTOGRAMS[name]
    found = trim(histogram, threshold, below=below)
    parts = list(reference(histogram, threshold, below=below))
    kept = {part.key: float(part.observations) for part in parts}
    assert contents(found) == pytest.approx(kept, rel=1e-12)
    count = float(sum(part.observations for part in parts))
    total = float(sum(part.observations * part.midpoint for part in parts))
    if kept == contents(histogram):
        # Nothing is removed: the sum is known and not estimated.
        count, total = histogram.count, histogram.sum
    assert found.count == pytest.approx(count, rel=1e-12)
    assert found.sum == pytest.approx(total, rel=1e-12, abs=1e-12)
    assert found.counter_reset is histogram.counter_reset


# (count, sum, counts of the buckets that remain: negative from zero down, zero, positive)
@pytest.mark.parametrize(
    ("histogram", "operator", "threshold", "expected"),
    [
        pytest.param(
            exponential([1, 3], offset=1), "</", 2, (1, ROOT, [], 0, [1]), id="at a bound"
        ),
        pytest.param(
            exponential([1, 3], offset=1),
            "</",
            math.sqrt(8),
            (2.5, ROOT + 1.5 * math.sqrt(2 * math.sqrt(8)), [], 0, [1, 1.5]),
            id="half of a bucket by logarithm",
        ),
        pytest.param(
            exponential([1, 3], offset=1), ">/", 2, (3, 3 * math.sqrt(8), [], 0, [3]), id="above"
        ),
        pytest.param(
            exponential([1, 3], offset=1), "</", 4, (4, 77, [], 0, [1, 3]), id="all: the sum stays"
        ),
        pytest.param(exponential([1, 3]), ">/", 2, (0, 0, [], 0, []), id="nothing"),
        pytest.param(
            exponential(negative=[2, 4], offset=1),
            "</",
            -2,
            (4, -4 * math.sqrt(8), [4], 0, []),
            id="negative, at a bound",
        ),
        pytest.param(
            exponential(negative=[2, 4], offset=1),
            ">/",
            -ROOT,
            (1, -math.sqrt(ROOT), [1], 0, []),
            id="negative, half of a bucket",
        ),
        pytest.param(
            exponential(zero=(0.5, 8)), "</", 0.25, (6, -0.75, [], 6, []), id="zero bucket alone"
        ),
        pytest.param(
            exponential([1], offset=1, zero=(0.5, 8)),
            "</",
            0.25,
            (4, 0.5, [], 4, []),
            id="zero bucket beside positive ones is not below zero",
        ),
        pytest.param(
            exponential(negative=[1], offset=1, zero=(0.5, 8)),
            "</",
            -0.25,
            (5, -1.5 - ROOT, [1], 4, []),
            id="zero bucket beside negative ones is not above zero",
        ),
        pytest.param(
            exponential([1], [1], offset=1, zero=(0.5, 8)),
            ">/",
            0.25,
            (3, 0.75 + ROOT, [], 2, [1]),
            id="zero bucket between both",
        ),
        pytest.param(
            exponential([2], zero=(0.0, 5)), "</", 0, (0, 0, [], 0, []), id="zero is not below zero"
        ),
        pytest.param(
            exponential([2], zero=(0.0, 5)), ">/", 0, (7, 77, [], 5, [2]), id="zero is at least 0"
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]), "</", 7.5, (4, 17.5, [], 0, [2, 2]), id="custom, linear"
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]), "</", 2, (0.8, 0.8, [], 0, [0.8]), id="custom, first"
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]),
            ">/",
            2,
            (11.2, 1.2 * 3.5 + 30 + 60, [], 0, [1.2, 4, 6]),
            id="custom, the first starts at zero",
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]),
            "</",
            100,
            (6, 35, [], 0, [2, 4]),
            id="custom, no +Inf below",
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]),
            ">/",
            100,
            (6, 600, [], 0, [6]),
            id="custom, all of +Inf above, at the threshold",
        ),
        pytest.param(
            custom([5, 10], [2, 4, 6]), ">/", INF, (0, 0, [], 0, []), id="custom, above +Inf"
        ),
        pytest.param(
            custom([-5, 5], [2, 4, 6]),
            "</",
            -7,
            (2, -14, [], 0, [2]),
            id="custom, all of -Inf below, at the threshold",
        ),
        pytest.param(
            custom([-5, 5], [2, 4, 6]),
            ">/",
            -7,
            (10, 30, [], 0, [4, 6]),
            id="custom, nothing of -Inf above",
        ),
        pytest.param(custom([], [7]), "</", 3, (0, 0, [], 0, []), id="custom, one bucket of all"),
        pytest.param(
            exponential([4], [4]), "</", math.nan, (0, 0, [], 0, []), id="NaN is above all"
        ),
        pytest.param(
            exponential([4], [4]), ">/", math.nan, (0, 0, [], 0, []), id="NaN is below all"
        ),
        pytest.param(custom([1], [4, 4]), "</", math.nan, (0, 0, [], 0, []), id="NaN, custom"),
        pytest.param(
            exponential([4], zero=(0.5, 2)),
            "</",
            math.nan,
            (math.nan, math.nan, [], math.nan, []),
            id="NaN, zero bucket",
        ),
        pytest.param(
            exponential([4], zero=(0.0, 2)),
            ">/",
            math.nan,
            (math.nan, math.nan, [], math.nan, []),
            id="NaN, zero bucket of no width",
        ),
    ],
)
def test_trim_by_hand(
    histogram: NativeHistogram,
    operator: str,
    threshold: float,
    expected: tuple[float, float, list[float], float, list[float]],
) -> None:
    found = trim(histogram, threshold, below=operator == "</")
    count, total, negative, zero_count, positive = expected
    assert found.count == pytest.approx(count, nan_ok=True)
    assert found.sum == pytest.approx(total, nan_ok=True)
    assert found.zero_count == pytest.approx(zero_count, nan_ok=True)
    assert found.positive.counts.tolist() == pytest.approx(positive)
    assert found.negative.counts.tolist() == pytest.approx(negative)


@pytest.mark.parametrize("below", [True, False], ids=["below", "above"])
@pytest.mark.parametrize(
    ("index", "schema"), [(-1074, 0), (-1080, 0), (-68, -4), (1024, 0), (1025, 0)]
)
def test_bounds_at_the_ends_of_the_floats(index: int, schema: int, *, below: bool) -> None:
    """The bounds of the outermost buckets underflow to 0 and overflow to +Inf."""
    histogram = exponential([2], schema=schema, offset=index)
    lower, upper = (bound[0] for bound in histogram.positive_table()[:2])
    for threshold in (0.0, 5e-324, float(lower), float(upper), 1.5e308):
        assert not trim(histogram, threshold, below=below).count > 2


COUNTS = st.lists(st.integers(0, 50).map(float), min_size=1, max_size=6)
EXPONENTIAL = st.builds(
    exponential,
    COUNTS,
    COUNTS,
    schema=st.integers(-2, 4),
    offset=st.integers(-5, 5),
    zero=st.tuples(st.sampled_from([0.0, 1e-6]), st.integers(0, 9).map(float)),
)
BOUNDS = st.floats(-100, 100)


@given(EXPONENTIAL, BOUNDS)
def test_both_trims_together_hold_every_observation(
    histogram: NativeHistogram, threshold: float
) -> None:
    kept = [trim(histogram, threshold, below=below).count for below in (True, False)]
    assert sum(kept) == pytest.approx(histogram.count)


@given(EXPONENTIAL, BOUNDS, BOUNDS)
def test_a_higher_threshold_keeps_more_below_and_less_above(
    histogram: NativeHistogram, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    slack = 1e-9
    assert trim(histogram, low, below=True).count <= trim(histogram, high, below=True).count + slack
    assert (
        trim(histogram, high, below=False).count <= trim(histogram, low, below=False).count + slack
    )


@given(EXPONENTIAL, BOUNDS)
def test_the_histogram_itself_does_not_change(histogram: NativeHistogram, threshold: float) -> None:
    before = contents(histogram)
    trim(histogram, threshold, below=True)
    assert contents(histogram) == before
