"""Exponential buckets at other scales keep their observations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.otlp.exponential import MAX_BUCKETS, Buckets, downscale_to_fit

BUCKETS = st.builds(
    Buckets,
    st.integers(-2000, 2000),
    st.lists(st.integers(0, 5), max_size=20).map(tuple),
)


@pytest.mark.parametrize(
    ("buckets", "by", "expected"),
    [
        pytest.param(Buckets(0, (1, 2, 3)), 0, Buckets(0, (1, 2, 3)), id="not at all"),
        pytest.param(Buckets(0, (1, 2, 3)), 1, Buckets(0, (3, 3)), id="pairs"),
        pytest.param(Buckets(-1, (1, 2, 3)), 1, Buckets(-1, (1, 5)), id="below zero"),
        pytest.param(Buckets(-3, (1, 1, 1)), 2, Buckets(-1, (3,)), id="two scales"),
        pytest.param(Buckets(5, ()), 3, Buckets(5, ()), id="empty"),
        pytest.param(Buckets(-7, (4,)), 2**31, Buckets(-1, (4,)), id="absurdly far"),
    ],
)
def test_downscaled(buckets: Buckets, by: int, expected: Buckets) -> None:
    assert buckets.downscaled(by) == expected


@given(BUCKETS, st.integers(0, 5), st.integers(0, 5))
def test_downscaling_in_steps_is_downscaling_at_once(buckets: Buckets, a: int, b: int) -> None:
    assert buckets.downscaled(a).downscaled(b) == buckets.downscaled(a + b)


@given(BUCKETS, BUCKETS)
def test_sums_have_the_counts_of_both(a: Buckets, b: Buckets) -> None:
    def count(buckets: Buckets, index: int) -> int:
        inside = buckets.offset <= index < buckets.end
        return buckets.counts[index - buckets.offset] if inside else 0

    total = a + b
    for index in range(-2001, 2021):
        assert count(total, index) == count(a, index) + count(b, index)


@given(st.lists(BUCKETS, max_size=3))
def test_fitting_is_enough_and_not_too_much(parts: list[Buckets]) -> None:
    by = downscale_to_fit(parts)
    total = Buckets(0, ())
    for part in parts:
        total = total + part.downscaled(by)
    assert len(total.counts) <= MAX_BUCKETS
    if by:
        finer = Buckets(0, ())
        for part in parts:
            finer = finer + part.downscaled(by - 1)
        assert len(finer.counts) > MAX_BUCKETS
