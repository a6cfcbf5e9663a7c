"""Kernels of native histograms: the count of the result is what floats of the counts give."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.histogram.bounds import CUSTOM_SCHEMA
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.histogram.notice import Notice
from belvedere.query.kernels import edges, sums
from belvedere.query.kernels.changes import changes, resets
from belvedere.query.kernels.extended_rate import extended
from belvedere.query.kernels.native import NativeResult
from belvedere.query.kernels.native_extended_rate import extended_native
from belvedere.query.kernels.native_rate import extrapolated_native, last_two_native
from belvedere.query.kernels.native_sums import mean_native, total_native
from belvedere.query.kernels.rate import extrapolated
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Boundary, Windows
from belvedere.query.labels import Labels
from belvedere.query.samples import Samples

Points = Sequence[tuple[int, float]]

ENDS_MS = np.arange(0, 6, dtype=np.int64) * 20_000 + 60_000
RANGE_MS = 50_000
LOOKBACK_MS = 30_000

times = st.lists(st.integers(0, 200), max_size=20, unique=True).map(sorted)
points = times.flatmap(
    lambda at: st.lists(st.integers(0, 40).map(float), min_size=len(at), max_size=len(at)).map(
        lambda found: [(t * 1000, v) for t, v in zip(at, found, strict=True)]
    )
)
several = st.lists(points, min_size=1, max_size=3)


def of_count(count: float, hint: CounterReset = CounterReset.UNKNOWN) -> NativeHistogram:
    return NativeHistogram(0, count, count, positive=Buckets.of(3, [count]), counter_reset=hint)


def both(data: Sequence[Points], boundary: Boundary) -> tuple[Windows, Windows]:
    flat = [point for one in data for point in one]
    labels = [Labels({"series": str(number)}) for number in range(len(data))]
    offsets = np.cumsum([0, *map(len, data)]).astype(np.int64)
    at = np.array([time for time, _ in flat], dtype=np.int64)
    values = np.array([value for _, value in flat], dtype=np.float64)
    histograms = np.full(values.shape, None, dtype=object)
    histograms[:] = [of_count(value) for value in values]
    floats = Samples(labels, offsets, at, values)
    native = Samples(labels, offsets, at, np.zeros(values.shape), histograms)
    return (
        Windows.of(floats, ENDS_MS, RANGE_MS, boundary=boundary, lookback_ms=LOOKBACK_MS),
        Windows.of(native, ENDS_MS, RANGE_MS, boundary=boundary, lookback_ms=LOOKBACK_MS),
    )


def check(floats: Result, native: NativeResult) -> None:
    values, present = floats
    assert present.tolist() == native.histograms.astype(np.bool_).tolist()
    for cell in zip(*np.nonzero(present), strict=True):
        histogram = native.histograms[cell]
        assert histogram.count == pytest.approx(values[cell], abs=1e-9)
        assert histogram.positive.counts.sum() == pytest.approx(values[cell], abs=1e-9)


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("per_second", [True, False])
@pytest.mark.parametrize("counter", [True, False])
@settings(max_examples=25, deadline=None)
@given(data=several)
def test_rates(boundary: Boundary, data: list[Points], *, per_second: bool, counter: bool) -> None:
    floats, native = both(data, boundary)
    of_float = extrapolated if boundary is Boundary.PLAIN else extended
    of_native = extrapolated_native if boundary is Boundary.PLAIN else extended_native
    check(
        of_float(floats, counter=counter, per_second=per_second),
        of_native(native, counter=counter, per_second=per_second),
    )


KERNELS: dict[str, tuple[Callable[[Windows], Result], Callable[[Windows], NativeResult]]] = {
    "sum": (sums.total, total_native),
    "avg": (sums.mean, mean_native),
    "irate": (
        lambda windows: edges.last_two(windows, counter=True, per_second=True),
        lambda windows: last_two_native(windows, counter=True, per_second=True),
    ),
    "idelta": (
        lambda windows: edges.last_two(windows, counter=False, per_second=False),
        lambda windows: last_two_native(windows, counter=False, per_second=False),
    ),
}


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=25, deadline=None)
@given(data=several)
def test_other_kernels(name: str, data: list[Points]) -> None:
    of_float, of_native = KERNELS[name]
    floats, native = both(data, Boundary.PLAIN)
    check(of_float(floats), of_native(native))


@pytest.mark.parametrize("boundary", [Boundary.PLAIN, Boundary.ANCHORED])
@pytest.mark.parametrize("kernel", [changes, resets])
@settings(max_examples=25, deadline=None)
@given(data=several)
def test_neighbours(
    boundary: Boundary, kernel: Callable[[Windows], Result], data: list[Points]
) -> None:
    floats, native = both(data, boundary)
    expected, expected_present = kernel(floats)
    found, present = kernel(native)
    assert present.tolist() == expected_present.tolist()
    assert found[present].tolist() == expected[present].tolist()


@pytest.mark.parametrize(
    ("boundary", "data", "expected"),
    [
        pytest.param(Boundary.ANCHORED, [(5, 1.0), (25, 4.0), (55, 9.0)], 8.0, id="anchored"),
        pytest.param(Boundary.ANCHORED, [(25, 4.0), (55, 9.0)], 5.0, id="no sample before"),
        pytest.param(Boundary.ANCHORED, [(5, 4.0)], None, id="none in the range"),
        pytest.param(Boundary.ANCHORED, [(5, 4.0), (30, 1.0), (55, 2.0)], 2.0, id="a reset"),
        pytest.param(Boundary.SMOOTHED, [(0, 0.0), (20, 4.0), (70, 9.0)], 6.0, id="both ends"),
        pytest.param(Boundary.SMOOTHED, [(0, 6.0), (20, 4.0), (60, 9.0)], 7.0, id="early reset"),
        pytest.param(Boundary.SMOOTHED, [(70, 4.0), (75, 9.0)], None, id="after the range"),
    ],
)
def test_the_ends_of_a_range(
    boundary: Boundary, data: list[tuple[int, float]], expected: float | None
) -> None:
    flat = np.array([value for _, value in data])
    at = np.array([time * 1000 for time, _ in data], dtype=np.int64)
    samples = Samples([Labels()], np.array([0, flat.size]), at, flat)
    windows = Windows.of(
        samples, np.array([60_000]), 50_000, boundary=boundary, lookback_ms=LOOKBACK_MS
    )
    values, present = extended(windows, counter=True, per_second=False)
    assert present.tolist() == [[expected is not None]]
    if expected is not None:
        assert values[0, 0] == pytest.approx(expected)


CUSTOM = NativeHistogram(
    CUSTOM_SCHEMA, 3.0, 3.0, positive=Buckets.of(0, [1, 2]), custom_values=(1.0, 2.0)
)
FINER = NativeHistogram(
    CUSTOM_SCHEMA, 9.0, 9.0, positive=Buckets.of(0, [4, 5]), custom_values=(1.0,)
)


@pytest.mark.parametrize(
    ("histograms", "counter", "notices"),
    [
        pytest.param([of_count(1), of_count(2)], True, set(), id="counter"),
        pytest.param([of_count(1), of_count(2)], False, {Notice.NOT_GAUGE}, id="no gauge"),
        pytest.param(
            [of_count(1, CounterReset.GAUGE), of_count(2)],
            True,
            {Notice.NOT_COUNTER},
            id="no counter",
        ),
        pytest.param([of_count(1), CUSTOM], False, {Notice.MIXED_SCHEMAS}, id="mixed schemas"),
        pytest.param([CUSTOM, FINER], True, {Notice.BOUNDS_IN_SUBTRACTION}, id="different bounds"),
    ],
)
def test_what_is_told(
    histograms: list[NativeHistogram], *, counter: bool, notices: set[Notice]
) -> None:
    cells = np.full(len(histograms), None, dtype=object)
    cells[:] = histograms
    at = np.arange(len(histograms), dtype=np.int64) * 10_000
    samples = Samples([Labels()], np.array([0, at.size]), at, np.zeros(at.size), cells)
    windows = Windows.of(samples, np.array([20_000]), 30_000)
    found = extrapolated_native(windows, counter=counter, per_second=False)
    assert {notice for _, notice in found.notices} == notices
    assert (found.histograms[0, 0] is None) == (Notice.MIXED_SCHEMAS in notices)


def test_a_mean_of_large_counts_does_not_overflow() -> None:
    cells = np.full(3, None, dtype=object)
    cells[:] = [of_count(1e308)] * 3
    at = np.arange(3, dtype=np.int64) * 10_000
    samples = Samples([Labels()], np.array([0, 3]), at, np.zeros(3), cells)
    found = mean_native(Windows.of(samples, np.array([20_000]), 30_000))
    assert found.histograms[0, 0].count == pytest.approx(1e308)
    assert math.isfinite(found.histograms[0, 0].positive.counts[0])
