"""Durations as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.cli.duration import format_duration, parse_duration_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("5ns", 5),
        ("3us", 3_000),
        ("3µs", 3_000),
        ("200ms", 200_000_000),
        ("1.5s", 1_500_000_000),
        ("2h30m", 9_000_000_000_000),
        ("7d", 604_800_000_000_000),
    ],
)
def test_parse(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "5", "ms", "5 s", "-1s", "1s!", "1,5s", "1w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like 200ms"):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.50 µs"),
        (12_345_678, "12.3 ms"),
        (999_000_000, "999 ms"),
        (1_234_000_000, "1.23 s"),
        (59_949_999_999, "59.9 s"),
        (65_000_000_000, "1 m 05 s"),
        (3_600_000_000_000, "1 h 00 m"),
        (90_000_000_000_000, "1 d 01 h"),
    ],
)
def test_format(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@given(st.integers(0, 10**20))
def test_a_duration_is_short(ns: int) -> None:
    assert len(format_duration(ns)) <= 14
