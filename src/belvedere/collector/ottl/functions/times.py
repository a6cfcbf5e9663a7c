"""Converters of times and durations."""

import datetime as dt
import re
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.functions.strptime import format_time, parse_time
from belvedere.collector.ottl.kinds import DURATION, INT, STRING, TIME
from belvedere.collector.ottl.values import INT64_MAX, INT64_MIN, Duration, Time, wrapped

_S: Final = 1_000_000_000
_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": _S,
    "m": 60 * _S,
    "h": 3600 * _S,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"[-+]?(?:0|(?:{_PART.pattern})+)", re.ASCII)


def duration(duration: str) -> Duration:
    """`Duration`: `1h30m`, `1.5s`, as Go writes them."""
    if len(duration) > _LONGEST or not _DURATION.fullmatch(duration):
        raise EvaluationError(f"{duration[:_LONGEST]!r} is no duration, such as 1h30m or 1.5s")
    total = sum(
        (Fraction(number) * _UNITS_NS[unit] for number, unit in _PART.findall(duration)),
        Fraction(0),
    )
    ns = int(-total if duration.startswith("-") else total)
    if not INT64_MIN <= ns <= INT64_MAX:
        raise EvaluationError(f"{duration!r} is longer than 292 years")
    return Duration(ns)


_LONGEST: Final = 100


def unix(seconds: int, nanoseconds: int = 0) -> Time:
    """`Unix`."""
    return Time(seconds * _S + nanoseconds)


def truncate_time(time: Time, duration: Duration) -> Time:
    """`TruncateTime`: down to a multiple of the duration since the year 1, as Go counts."""
    if duration.ns <= 0:
        return time
    since_year_1 = time.ns + _YEAR_1_NS
    return Time(time.ns - since_year_1 % duration.ns, time.zone)


_YEAR_1_NS: Final = 62_135_596_800 * _S
"""From the year 1 to the epoch."""


def _component(read: Callable[[dt.datetime], int]) -> Function:
    def component(value: Time) -> int:
        seconds, _ = divmod(value.ns, _S)
        try:
            moment = dt.datetime.fromtimestamp(seconds, value.zone)
        except (OverflowError, ValueError, OSError):
            raise EvaluationError("the time is outside of the years 1 to 9999") from None
        return read(moment)

    return converter(component, TIME)


def _whole(unit_ns: int) -> Function:
    def count(value: Duration) -> int:
        return int(Fraction(value.ns, unit_ns))

    return converter(count, DURATION)


def _part(unit_ns: int) -> Function:
    return converter(lambda value: value.ns / unit_ns, DURATION)


def _since_epoch(unit_ns: int) -> Function:
    return converter(lambda value: wrapped(value.ns // unit_ns), TIME)


TIMES: dict[str, Function] = {
    "Day": _component(lambda moment: moment.day),
    "Duration": converter(duration, STRING),
    "FormatTime": converter(format_time, TIME, STRING),
    "Hour": _component(lambda moment: moment.hour),
    "Hours": _part(3600 * _S),
    "Microseconds": _whole(1_000),
    "Milliseconds": _whole(1_000_000),
    "Minute": _component(lambda moment: moment.minute),
    "Minutes": _part(60 * _S),
    "Month": _component(lambda moment: moment.month),
    "Nanosecond": converter(lambda value: value.ns % _S, TIME),
    "Nanoseconds": _whole(1),
    "Now": Function(lambda: Time(time.time_ns()), (), pure=False),
    "Second": _component(lambda moment: moment.second),
    "Seconds": _part(_S),
    "Time": converter(parse_time, STRING, STRING, STRING, STRING),
    "TruncateTime": converter(truncate_time, TIME, DURATION),
    "Unix": converter(unix, INT, INT),
    "UnixMicro": _since_epoch(1_000),
    "UnixMilli": _since_epoch(1_000_000),
    "UnixNano": _since_epoch(1),
    "UnixSeconds": _since_epoch(_S),
    "Weekday": _component(lambda moment: moment.isoweekday() % 7),
    "Year": _component(lambda moment: moment.year),
}
