"""Windows hold the samples of their range; the instant look-up finds the newest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.kernels.latest import latest, latest_timestamps
from belvedere.query.kernels.windows import Boundary, Windows, positions
from belvedere.query.labels import Labels
from belvedere.query.samples import STALE_NAN, Samples

ENDS = {
    "even": np.arange(5, dtype=np.int64) * 30_000 + 40_000,
    "one": np.array([90_000]),
    "equal": np.full(4, 90_000),
    "uneven": np.array([10_000, 11_000, 90_000, 500_000]),
    "none": np.zeros(0, np.int64),
}
times = st.lists(st.integers(0, 200_000), max_size=20, unique=True).map(sorted)


def samples_of(data: list[list[int]], values: list[float] | None = None) -> Samples:
    flat = [at for points in data for at in points]
    return Samples(
        [Labels({"series": str(number)}) for number in range(len(data))],
        np.cumsum([0, *map(len, data)]).astype(np.int64),
        np.array(flat, dtype=np.int64),
        np.array(flat if values is None else values, dtype=np.float64),
    )


@pytest.mark.parametrize("ends", ENDS)
@settings(max_examples=50, deadline=None)
@given(data=st.lists(times, max_size=4))
def test_positions_are_those_of_a_search(ends: str, data: list[list[int]]) -> None:
    samples = samples_of(data)
    found = positions(samples, ENDS[ends])
    expected = [
        [samples.offsets[s] + sum(at <= end for at in points) for end in ENDS[ends].tolist()]
        for s, points in enumerate(data)
    ]
    assert found.tolist() == (expected if data else [])


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        (Boundary.PLAIN, [3, 4]),
        (Boundary.ANCHORED, [2, 3, 4]),
        (Boundary.SMOOTHED, [2, 3, 4, 5]),
    ],
)
def test_a_window_is_open_on_the_left(boundary: Boundary, expected: list[int]) -> None:
    samples = samples_of([[1000, 2000, 3000, 4000, 5000, 6000]], [1, 2, 3, 4, 5, 6])
    windows = Windows.of(samples, np.array([4000]), 2000, boundary=boundary, lookback_ms=1000)
    part = slice(int(windows.lo[0, 0]), int(windows.hi[0, 0]))
    assert windows.samples.values[part].tolist() == expected


def test_stale_markers_are_in_no_window() -> None:
    samples = samples_of([[1000, 2000, 3000]], [1.0, STALE_NAN, float("nan")])
    windows = Windows.of(samples, np.array([3000]), 5000)
    assert windows.counts.tolist() == [[2]]


def test_kinds_of_samples_are_told_apart() -> None:
    samples = samples_of([[1000, 2000], [1000, 2000, 3000]], [1.0, 0.0, 0.0, 4.0, 5.0])
    histograms = np.array([None, object(), object(), None, None], dtype=object)
    mixed = Samples(
        samples.labels, samples.offsets, samples.timestamps_ms, samples.values, histograms
    )
    windows = Windows.of(mixed, np.array([2000, 3000]), 5000)
    assert windows.floats().counts.tolist() == [[1, 1], [1, 2]]
    assert windows.floats().samples.values.tolist() == [1.0, 4.0, 5.0]
    assert windows.native().counts.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("times_ms", "values", "at_ms", "expected"),
    [
        pytest.param([1000, 2000], [1.0, 2.0], 2500, 2.0, id="the newest"),
        pytest.param([1000], [1.0], 5999, 1.0, id="within the look-back"),
        pytest.param([1000], [1.0], 6000, None, id="the look-back is open on the left"),
        pytest.param([1000, 2000], [1.0, STALE_NAN], 2500, None, id="a stale marker ends it"),
        pytest.param([3000], [1.0], 2500, None, id="later"),
        pytest.param([], [], 2500, None, id="no samples"),
    ],
)
def test_an_instant_sees_the_newest_sample(
    times_ms: list[int], values: list[float], at_ms: int, expected: float | None
) -> None:
    samples = samples_of([times_ms], values)
    found = latest(samples, np.array([at_ms]), 5000)
    assert found.present.tolist() == [[expected is not None]]
    if expected is not None:
        assert found.values[0, 0] == expected
        seen = latest_timestamps(samples, np.array([at_ms]), 5000)
        assert seen.values[0, 0] == times_ms[values.index(expected)] / 1000


def test_nan_is_a_value() -> None:
    found = latest(samples_of([[1000]], [float("nan")]), np.array([1000]), 5000)
    assert found.present.tolist() == [[True]]
