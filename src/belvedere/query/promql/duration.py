"""Durations as Prometheus writes them: `1h30m`, `90d`, `15ms`."""

import re

from belvedere.query.go_format import quote

_PART = re.compile(r"([0-9]+)([^0-9]+)")
_DAY_MS = 24 * 3_600_000
# (unit, milliseconds, written only where nothing remains)
_UNITS = (
    ("y", 365 * _DAY_MS, True),
    ("w", 7 * _DAY_MS, True),
    ("d", _DAY_MS, False),
    ("h", 3_600_000, False),
    ("m", 60_000, False),
    ("s", 1000, False),
    ("ms", 1, False),
)
_ORDER = {unit: position for position, (unit, _, _) in enumerate(_UNITS)}
_LIMIT_MS = (1 << 63) // 1_000_000
_MAX_DIGITS = 19


def parse_duration(text: str) -> int:
    """Milliseconds of a duration, by the rules of Prometheus's `model.ParseDuration`.

    Raises:
        ValueError: with upstream's message.
    """
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    total, last, at = 0, -1, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        unit = part.group(2)
        if unit not in _ORDER:
            raise ValueError(f"unknown unit {quote(unit)} in duration {quote(text)}")
        if _ORDER[unit] <= last:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        last, at = _ORDER[unit], part.end()
        number = part.group(1).lstrip("0")
        total += int(number[: _MAX_DIGITS + 1] or "0") * _UNITS[last][1]
        if total > _LIMIT_MS or len(number) > _MAX_DIGITS:
            raise ValueError("duration out of range")
    return total


def format_duration(milliseconds: int) -> str:
    """The shortest form of a duration that is not negative, as `model.Duration` prints it."""
    if milliseconds == 0:
        return "0s"
    parts = []
    for unit, size, exact in _UNITS:
        if exact and milliseconds % size:
            continue
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_signed_duration(milliseconds: int) -> str:
    """As `format_duration`, with a minus before it where the duration is negative."""
    sign = "-" if milliseconds < 0 else ""
    return sign + format_duration(abs(milliseconds))
