"""Durations and sizes as configurations write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.collector.duration import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("200ms", 0.2),
        ("1m30s", 90),
        ("1h", 3600),
        ("1.5s", 1.5),
        (".5m", 30),
        ("250us", 250e-6),
        ("250µs", 250e-6),
        ("7ns", 7e-9),
        ("0", 0),
        (0, 0),
        ("0s", 0),
    ],
    ids=repr,
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "-1s", "1d", "1s2", "abc", 5, 2.5, True, None], ids=repr
)
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_number_without_unit_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="write 5s for seconds"):
        parse_duration(5)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{millis}ms"
    assert parse_duration(text) == pytest.approx(
        hours * 3600 + minutes * 60 + seconds + millis / 1000
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (0, 0),
        (4096, 4096),
        ("512", 512),
        ("512B", 512),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1.5 MiB", 3 << 19),
        ("64MiB", 64 << 20),
        ("2GiB", 2 << 30),
        ("3GB", 3 * 10**9),
    ],
    ids=repr,
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", -1, "1XB", 1.5, True, None], ids=repr)
def test_no_sizes(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)
