"""The short way to a JSON line leads to the line of the long way."""

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from belvedere.sdk.logging.json_lines import JsonLines, timestamp_of
from belvedere.sdk.logging.line import Line

SIMPLE = st.text() | st.integers() | st.floats() | st.booleans()
OTHER = st.none() | st.binary() | st.lists(st.integers())


def record(created: float = 1_700_000_000.123456) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": 'app "x"', "levelname": "INFO", "msg": "unused"})
    made.created = created
    return made


@given(event=st.text(), fields=st.dictionaries(st.text(), SIMPLE | OTHER, max_size=4))
@settings(max_examples=200, deadline=None)
def test_both_ways_print_the_same(event: str, fields: dict[str, Any]) -> None:
    lines = JsonLines("shop")
    short = lines._simple(record(), Line(event, fields))
    assert short in {"", lines._any(record(), Line(event, fields))}


@pytest.mark.parametrize(
    ("fields", "short"),
    [
        ({}, True),
        ({"a": "ü\ud800\n", "b": -1, "c": 1.5, "d": True}, True),
        ({"a": 1 << 64}, False),
        ({"a": 10**5000}, False),
        ({"a": float("nan")}, False),
        ({"a": None}, False),
        ({"level": "high"}, False),
        ({1: 2}, False),
    ],
    ids=[
        *("nothing", "texts and numbers", "65 bits", "too long to print", "no number"),
        *("none", "a name of ours", "a key that is no text"),
    ],
)
def test_which_lines_go_which_way(fields: dict[Any, Any], *, short: bool) -> None:
    lines = JsonLines()
    assert bool(lines._simple(record(), Line("e", fields))) is short
    assert lines(record(), Line("e", fields)).startswith('{"timestamp": ')


def test_both_ways_tell_the_span() -> None:
    lines, line = JsonLines(), Line("e", {"a": 1})
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s"):
        assert lines._simple(record(), line) == lines._any(record(), line)
        assert '"trace_id"' in lines(record(), line)


@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_remembered_second_changes_no_timestamp(moments: list[float]) -> None:
    lines = JsonLines()
    for moment in moments:
        for created in (moment, moment, int(moment) + 0.9999996, int(moment) - 0.0000004):
            if created >= 0:
                assert lines._timestamp(created) == timestamp_of(created)
