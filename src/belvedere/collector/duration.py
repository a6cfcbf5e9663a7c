"""Durations and sizes as configurations write them: `200ms`, `1m30s`, `64MiB`."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SECONDS_PER_UNIT = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")

_BYTES_PER_UNIT = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_SIZE = re.compile(r"(\d+\.?\d*)\s*([A-Za-z]*)")


def parse_duration(value: Any) -> float:
    """Seconds of a Go duration string, which is the Collector's format: `1h`, `1m30s`, `1.5s`.

    A plain `0` needs no unit. Other plain numbers are refused: the Collector reads them as
    nanoseconds, which nobody means.

    Raises:
        ValueError: it is no duration, or a negative one.
    """
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"the duration {value} has no unit; write {value}s for seconds")  # noqa: TRY004 - pydantic turns ValueError alone into a validation error
    text = value if isinstance(value, str) else ""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is no duration; write it like 5s, 200ms or 1m30s")
    return sum(float(number) * _SECONDS_PER_UNIT[unit] for number, unit in parts)


def parse_size(value: Any) -> int:
    """Bytes of a size: a plain number of bytes, or a number with B, kB, MB, GB, KiB, MiB or GiB.

    Raises:
        ValueError: it is no size, or a negative one.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2].lower() not in _BYTES_PER_UNIT:
        raise ValueError(f"{value!r} is no size; write bytes or a size like 512KiB, 64MiB or 1GiB")
    return int(float(match[1]) * _BYTES_PER_UNIT[match[2].lower()])


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""A configuration field in seconds, written as a duration."""

PositiveDuration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""A `Duration` that must not be zero."""

SizeBytes = Annotated[int, BeforeValidator(parse_size)]
"""A configuration field in bytes, written as a size."""
