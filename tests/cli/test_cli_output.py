"""Tables, times and texts, on a terminal and off it."""

import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.cli.output import Column, clean, local_time, one_line, print_table, size

COLUMNS = (Column("id", whole=True), Column("what"), Column("n", right=True, whole=True))
ROWS = (("0123456789abcdef", "a rather long text about nothing", "7"), ("1", "short", "1234"))


def test_a_table_off_a_terminal_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, ROWS)
    assert capsys.readouterr().out == (
        "id                what                                 n\n"
        "0123456789abcdef  a rather long text about nothing     7\n"
        "1                 short                             1234\n"
    )


@pytest.mark.parametrize(
    ("width", "middle"),
    [(40, "a rather long t…"), (60, "a rather long text about nothing")],
)
def test_a_table_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, middle: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    print_table(COLUMNS, ROWS)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert [line.rstrip() for line in lines] == [
        f"id                {'what':<{len(middle)}}     n",
        f"0123456789abcdef  {middle}     7",
        f"1                 {'short':<{len(middle)}}  1234",
    ]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x07", "a\\rb\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("ümläut 漢字 🙂", "ümläut 漢字 🙂"),
    ],
)
def test_control_characters_are_shown(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    assert not set(one_line(text)) & {chr(code) for code in (*range(32), *range(127, 160))}


@pytest.mark.parametrize(
    ("ns", "now_ns", "expected"),
    [
        (1_760_000_000_123_456_789, 1_760_000_000_000_000_000, "08:53:20.123"),
        (1_760_000_000_123_456_789, 1_860_000_000_000_000_000, "2025-10-09 08:53:20.123"),
    ],
)
def test_times_for_people(
    monkeypatch: pytest.MonkeyPatch, ns: int, now_ns: int, expected: str
) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert local_time(ns, plain=False, now_ns=now_ns) == expected
    assert local_time(ns, plain=True, now_ns=now_ns) == "2025-10-09T08:53:20.123456Z"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (3 << 30, "3.0 GiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_sizes(count: Any, text: str) -> None:
    assert size(count) == text
