"""Layouts of times: `strptime` and `gotime` as stanza has them, and `epoch`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_FULL_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
_DAYS: Final = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS: Final = 1_000_000_000

_PARTS: Final[Mapping[str, str]] = {
    "year": r"(?P<year>\d{4})",
    "year2": r"(?P<year2>\d\d)",
    "month": r"(?P<month>\d\d)",
    "month_any": r" ?(?P<month>\d{1,2})",
    "month_short": rf"(?P<month_name>{'|'.join(_MONTHS)})",
    "month_full": rf"(?P<month_name>{_FULL_MONTHS})",
    "day": r"(?P<day>\d\d)",
    "day_any": r" ?(?P<day>\d{1,2})",
    "day_of_year": r"(?P<day_of_year>\d{3})",
    "weekday_short": rf"(?:{'|'.join(day[:3] for day in _DAYS.split('|'))})",
    "weekday_full": rf"(?:{_DAYS})",
    "hour": r"(?P<hour>\d\d)",
    "hour12": r"(?P<hour12>\d{1,2})",
    "half": r"(?P<half>am|pm)",
    "minute": r"(?P<minute>\d{1,2})",
    "second": r"(?P<second>\d{1,2})",
    "fraction": r"(?P<fraction>\d{1,18})",
    "zone": r"(?P<zone>[A-Z]{3,5}(?:[+-]\d{1,2})?|[+-]\d\d(?:\d\d)?)",
    "offset": r"(?P<offset>Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)",
}
"""Part of a time → its form."""

_OPTIONAL_FRACTION: Final = r"(?:[.,](?P<fraction>\d{1,18}))?"
"""With its point: Go reads times without one as well."""

_STRPTIME: Final[Mapping[str, str]] = {
    "Y": "year", "y": "year2", "m": "month", "o": "month_any", "q": "month_any",
    "b": "month_short", "h": "month_short", "B": "month_full", "d": "day", "e": "day_any",
    "g": "day_any", "a": "weekday_short", "A": "weekday_full", "H": "hour", "I": "hour12",
    "l": "hour12", "p": "half", "P": "half", "M": "minute", "S": "second", "L": "fraction",
    "f": "fraction", "s": "fraction", "Z": "zone", "z": "offset", "i": "offset", "j": "offset",
    "k": "offset",
}  # fmt: skip
_COMPOSED: Final[Mapping[str, str]] = {
    "D": "%m/%d/%Y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "r": "%l:%M:%S %p", "R": "%H:%M",
    "c": "%a %b %d %H:%M:%S %Y", "n": "\n", "t": "\t", "%": "%%",
}  # fmt: skip
_GOTIME: Final[Mapping[str, str]] = {
    "January": "month_full", "Jan": "month_short", "Monday": "weekday_full",
    "Mon": "weekday_short", "MST": "zone", "2006": "year", "002": "day_of_year", "_2": "day_any",
    "01": "month", "02": "day", "03": "hour12", "04": "minute", "05": "second", "06": "year2",
    "15": "hour", "PM": "half", "pm": "half", "-07:00:00": "offset", "-070000": "offset",
    "-07:00": "offset", "-0700": "offset", "-07": "offset", "Z07:00:00": "offset",
    "Z070000": "offset", "Z07:00": "offset", "Z0700": "offset", "Z07": "offset",
    "1": "month_any", "2": "day_any", "3": "hour12", "4": "minute", "5": "second",
}  # fmt: skip
_GO_TOKEN: Final = re.compile(
    r"(?P<fraction>[.,](?:0+|9+)(?!\d))|(?P<token>"
    + "|".join(map(re.escape, sorted(_GOTIME, key=len, reverse=True)))
    + ")"
)
_EPOCHS: Final[Mapping[str, int]] = {
    "s": _NS, "ms": 1_000_000, "us": 1000, "ns": 1, "s.ms": _NS, "s.us": _NS, "s.ns": _NS,
}  # fmt: skip

ToTime = Callable[[Any], int]
"""From a field's value to ns since 1970; raises ValueError."""


def strptime_parts(layout: str) -> list[str]:
    """The regular expression of a strptime layout, in pieces.

    Raises:
        ValueError: it has an unknown directive.
    """
    pieces, position = [], 0
    while position < len(layout):
        character = layout[position]
        if character != "%":
            pieces.append(_literal(character))
            position += 1
            continue
        directive = layout[position + 1 : position + 2]
        position += 2
        if _STRPTIME.get(directive) == "fraction" and pieces[-1:] == [_literal(".")]:
            pieces[-1] = _OPTIONAL_FRACTION
        elif directive in _STRPTIME:
            pieces.append(_PARTS[_STRPTIME[directive]])
        elif directive in "%nt" and directive:
            pieces.append(_literal(_COMPOSED[directive][-1]))
        elif directive in _COMPOSED:
            pieces += strptime_parts(_COMPOSED[directive])
        else:
            known = " ".join(f"%{each}" for each in (*_STRPTIME, *_COMPOSED))
            raise ValueError(f"{layout!r}: there is no %{directive}; there are {known}")
    return pieces


def gotime_parts(layout: str) -> list[str]:
    """The regular expression of a Go layout, in pieces."""
    pieces, position = [], 0
    while position < len(layout):
        token = _GO_TOKEN.match(layout, position)
        if token is None:
            pieces.append(_literal(layout[position]))
            position += 1
            continue
        if token["fraction"]:
            is_optional = token["fraction"][1] == "9"
            pieces.append(_OPTIONAL_FRACTION if is_optional else "[.,]" + _PARTS["fraction"])
        else:
            pieces.append(_PARTS[_GOTIME[token["token"]]])
        position = token.end()
    return pieces


def _literal(character: str) -> str:
    if character == " ":
        return " +"
    return "[.,]" if character in ".," else re.escape(character)


def time_reader(
    layout_type: str, layout: str, location: tzinfo | None, zones: Mapping[str, tzinfo]
) -> ToTime:
    """What reads times of a layout. `location`: where times without offset are; None: here.

    Raises:
        ValueError: it is no layout.
    """
    if layout_type == "epoch":
        if layout not in _EPOCHS:
            raise ValueError(f"{layout!r} is no epoch layout; there are {', '.join(_EPOCHS)}")
        return lambda value: _epoch_ns(value, _EPOCHS[layout])
    pieces = strptime_parts(layout) if layout_type == "strptime" else gotime_parts(layout)
    pattern = "".join(pieces)
    if "<fraction>" not in pattern:  # Go reads a fraction after seconds, asked for or not
        pattern = pattern.replace(_PARTS["second"], _PARTS["second"] + _OPTIONAL_FRACTION, 1)
    try:
        expression = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{layout!r} says a part of the time twice: {error}") from error
    if not any(
        name in expression.groupindex for name in ("year", "month", "day", "hour", "second")
    ):
        raise ValueError(f"{layout!r} has no part of a time; is layout_type right?")
    return _Layout(layout, expression, location, zones).read


@dataclass(frozen=True, slots=True)
class _Layout:
    text: str
    expression: re.Pattern[str]
    location: tzinfo | None
    zones: Mapping[str, tzinfo]

    def read(self, value: Any) -> int:
        match = self.expression.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is not of the layout {self.text!r}")
        part = {name: text for name, text in match.groupdict().items() if text}
        local = _local(part)
        if "offset" in part:
            moment = local.replace(tzinfo=_offset(part["offset"]))
        else:
            moment = self._placed(local, part.get("zone", ""))
        seconds = (moment - _EPOCH) // timedelta(seconds=1)
        return seconds * _NS + int(part.get("fraction", "0")[:9].ljust(9, "0"))

    def _placed(self, local: datetime, zone: str) -> datetime:
        if zone in self.zones:
            return local.replace(tzinfo=self.zones[zone])
        if zone in {"UTC", "GMT"}:
            return local.replace(tzinfo=UTC)
        if zone[:1] in {"+", "-"}:
            return local.replace(tzinfo=_offset(zone))
        placed = local.replace(tzinfo=self.location) if self.location else local.astimezone()
        # As Go: an abbreviation that the location does not have counts as UTC.
        if zone and zone not in {placed.replace(fold=fold).tzname() for fold in (0, 1)}:
            return local.replace(tzinfo=UTC)
        return placed


def _local(part: Mapping[str, str]) -> datetime:
    year = int(part.get("year", 0))
    if "year2" in part:
        year = int(part["year2"]) + (1900 if int(part["year2"]) >= 69 else 2000)
    month = int(part.get("month", 1))
    if "month_name" in part:
        month = _MONTHS.index(part["month_name"][:3].lower()) + 1
    hour = int(part.get("hour", 0))
    if "hour12" in part:
        hour = int(part["hour12"])
        if "half" in part:
            hour = hour % 12 + (12 if part["half"].lower() == "pm" else 0)
    date = (month, int(part.get("day", 1)))
    clock = (hour, int(part.get("minute", 0)), int(part.get("second", 0)))
    result = datetime(year, *date, *clock) if year else _this_year(date, clock)  # noqa: DTZ001 - placed later
    if "day_of_year" in part:
        result = result.replace(month=1, day=1) + timedelta(days=int(part["day_of_year"]) - 1)
    return result


def _this_year(date: tuple[int, int], clock: tuple[int, int, int]) -> datetime:
    """Of a time without year: this year's, or last year's if that lies a week ahead."""
    now = datetime.now()  # noqa: DTZ005 - compared with a time of no zone
    moment = datetime(now.year, *date, *clock)  # noqa: DTZ001 - placed later
    return moment if moment <= now + timedelta(days=7) else moment.replace(year=now.year - 1)


def _offset(text: str) -> tzinfo:
    if text in {"Z", "z"}:
        return UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = (int(digits[i : i + 2]) for i in (0, 2, 4))
    delta = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-delta if text[0] == "-" else delta)


def _epoch_ns(value: Any, ns_per_unit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no number")  # noqa: TRY004 - one error for whoever reads it
    try:
        return int(Decimal(str(value)) * ns_per_unit)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"{value!r} is no number") from error
