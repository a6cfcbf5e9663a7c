"""Quantiles and fractions of classic histograms equal a plain Python computation."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.classic_histogram import bucket_fraction, bucket_quantile

Buckets = Sequence[tuple[float, float]]
INF = math.inf


def mended(buckets: Buckets) -> tuple[list[tuple[float, float]], bool]:
    merged: dict[float, float] = {}
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        merged[bound] = merged.get(bound, 0.0) + count
    rows = list(merged.items())
    forced, before = False, rows[0][1]
    for number, (bound, count) in enumerate(rows[1:], 1):
        close = before == count or (
            before and count and abs(before - count) / (abs(before) + abs(count)) < 1e-12
        )
        if close or count < before:
            forced |= not close
            rows[number] = (bound, before)
        else:
            before = count
    return rows, forced


def quantile_of(q: float, buckets: Buckets) -> float:
    rows, _ = mended(buckets)
    if rows[-1][0] != INF or len(rows) < 2 or rows[-1][1] == 0:
        return math.nan
    rank = q * rows[-1][1]
    at = next((i for i, (_, count) in enumerate(rows[:-1]) if count >= rank), len(rows) - 1)
    if at == len(rows) - 1:
        return rows[-2][0]
    if at == 0 and rows[0][0] <= 0:
        return rows[0][0]
    start, below = rows[at - 1] if at else (0.0, 0.0)
    inside = rows[at][1] - below
    if inside == 0:
        return math.nan
    return start + (rows[at][0] - start) * ((rank - below) / inside)


bounds = st.sampled_from([-1.0, 0.0, 0.1, 0.5, 1.0, 2.5, 10.0, INF])
buckets = st.lists(
    st.tuples(bounds, st.one_of(st.integers(0, 9).map(float), st.floats(0, 1e6))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(data=buckets, q=st.floats(0, 1))
def test_quantiles(data: list[tuple[float, float]], q: float) -> None:
    upper = np.array([bound for bound, _ in data])
    counts = np.array([[count] * 3 for _, count in data])
    found, told = bucket_quantile(np.full(3, q), upper, counts)
    expected = quantile_of(q, data)
    assert found.tolist() == pytest.approx([expected] * 3, nan_ok=True)
    if not math.isnan(expected):
        assert told.forced.tolist() == [mended(data)[1]] * 3


@pytest.mark.parametrize(
    ("q", "expected"), [(-0.1, -INF), (1.1, INF), (math.nan, math.nan), (0.5, 1.0)]
)
def test_quantiles_out_of_range(q: float, expected: float) -> None:
    counts = np.array([[1.0], [2.0], [2.0]])
    found, _ = bucket_quantile(np.array([q]), np.array([1.0, 2.0, INF]), counts)
    assert found[0] == pytest.approx(expected, nan_ok=True)


def test_what_was_mended_is_told() -> None:
    counts = np.array([[5.0, 1.0], [3.0, 2.0], [4.0, 3.0], [9.0, 4.0]])
    _, told = bucket_quantile(np.array([0.5, 0.5]), np.array([1.0, 2.0, 3.0, INF]), counts)
    assert told.forced.tolist() == [True, False]
    assert (told.min_bucket[0], told.max_bucket[0], told.max_difference[0]) == (2.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (0, 1, 0.25),
        (0, 1.5, 0.5),
        (1, 2, 0.5),
        (-INF, INF, 1.0),
        (2, INF, 0.25),
        (1, 1, 0.0),
        (2, 1, 0.0),
        (0, math.nan, math.nan),
    ],
)
def test_fractions(lower: float, upper: float, expected: float) -> None:
    found = bucket_fraction(
        np.array([float(lower)]),
        np.array([float(upper)]),
        np.array([1.0, 2.0, INF]),
        np.array([[1.0], [3.0], [4.0]]),
    )
    assert found[0] == pytest.approx(expected, nan_ok=True)


def test_without_an_infinite_bucket_nothing_is_known() -> None:
    counts = np.array([[1.0], [2.0]])
    upper = np.array([1.0, 2.0])
    assert math.isnan(bucket_quantile(np.array([0.5]), upper, counts)[0][0])
    assert math.isnan(bucket_fraction(np.array([0.0]), np.array([1.0]), upper, counts)[0])
