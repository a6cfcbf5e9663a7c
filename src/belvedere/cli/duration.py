"""Durations as people write them (`200ms`, `1h30m`, `7d`) and as they read them (`1.25 s`)."""

import re
from typing import Final

_UNITS_NS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")

_SCALE: Final = (("s", 10**9), ("ms", 10**6), ("µs", 10**3))


def parse_duration_ns(text: str | int) -> int:
    """Nanoseconds of a duration such as `200ms`, `1.5s`, `2h30m` or `7d`.

    Raises:
        ValueError: it is none; the message is fit for a user.
    """
    if isinstance(text, int):  # a default
        return text
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write it like 200ms, 1.5s, 15m, 2h or 7d")
    return round(sum(float(number) * _UNITS_NS[unit] for number, unit in parts))


def format_duration(ns: int) -> str:
    """A duration with three digits: `1.25 s`, `12.0 ms`, `2 m 05 s`."""
    if ns >= 60 * 10**9:
        minutes, seconds = divmod(round(ns / 10**9), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        if days:
            return f"{days} d {hours:02} h"
        return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {seconds:02} s"
    for unit, size in _SCALE:
        if ns >= size:
            value = ns / size
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{digits}f} {unit}"
    return f"{ns} ns"
