"""Times as text by ctime-like formats, with the Collector's own directives."""

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.values import Time

_S: Final = 1_000_000_000
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_SHORT_MONTHS: Final = [name[:3] for name in _MONTHS]
_SHORT_DAYS: Final = [name[:3] for name in _DAYS]

_COMPOSED: Final = {
    "D": "%m/%d/%y",
    "x": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "X": "%H:%M:%S",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "c": "%a %b %d %H:%M:%S %Y",
    "h": "%b",
}
_PLAIN: Final = {"n": "\n", "t": "\t", "%": "%"}
_ZONES_HOURS: Final = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "MSK": 3,
    "JST": 9,
    "KST": 9,
}
"""Abbreviations of zones. Go gives those that it does not know the offset 0, silently."""

_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_FRACTIONS: Final = frozenset("Lfs")
"""After a point or comma, these are Go's `.999`: absent on whole seconds."""


def _any_of(names: list[str]) -> str:
    return "|".join(names)


_OFFSET: Final = r"Z|[-+]\d{2}"
_PATTERNS: Final[dict[str, tuple[str, str]]] = {
    "Y": ("year", r"\d{4}"),
    "y": ("short_year", r"\d{2}"),
    "m": ("month", r"\d{2}"),
    "o": ("month", r"[ \d]?\d"),
    "q": ("month", r"\d{1,2}"),
    "b": ("short_month", _any_of(_SHORT_MONTHS)),
    "B": ("long_month", _any_of(_MONTHS)),
    "d": ("day", r"\d{2}"),
    "e": ("day", r"[ \d]?\d"),
    "g": ("day", r"\d{1,2}"),
    "a": ("_", _any_of(_SHORT_DAYS)),
    "A": ("_", _any_of(_DAYS)),
    "H": ("hour", r"\d{2}"),
    "I": ("hour", r"\d{2}"),
    "l": ("hour", r"[ \d]?\d"),
    "p": ("half", r"AM|PM"),
    "P": ("half", r"am|pm"),
    "M": ("minute", r"\d{2}"),
    "S": ("second", r"\d{2}(?:[.,]\d{1,9})?"),
    "L": ("fraction", r"\d{3}"),
    "f": ("fraction", r"\d{6}"),
    "s": ("fraction", r"\d{9}"),
    "z": ("offset", rf"(?:{_OFFSET})(?:\d{{2}})?"),
    "Z": ("zone", r"[A-Z]{1,5}"),
    "i": ("offset", _OFFSET),
    "j": ("offset", rf"(?:{_OFFSET})(?::\d{{2}})?"),
    "k": ("offset", rf"(?:{_OFFSET})(?::\d{{2}}:\d{{2}})?"),
    "w": ("offset", rf"(?:{_OFFSET})(?:\d{{4}})?"),
}
"""Directive → the part of a time, and what matches it."""


def parse_time(target: str, format: str, location: str = "", locale: str = "") -> Time:  # noqa: A002 - the parameter's name in OTTL
    """`Time`: the time that `target` is, after `format`.

    What the text does not say is the start of the year of now; `location` is its zone then.
    """
    if locale and not locale.lower().startswith("en"):
        raise EvaluationError(f"locale {locale!r} is not supported: en is")
    pattern, parts = _compiled(format)
    found = pattern.fullmatch(target)
    if found is None:
        raise EvaluationError(f"{target!r} is not written as {format!r}")
    values = {
        name: found[index] for index, name in enumerate(parts, start=1) if found[index] is not None
    }
    try:
        return _time(values, _zone(values, location))
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"{target!r} is no time: {error}") from None


@lru_cache(maxsize=256)
def _compiled(form: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    parts: list[str] = []
    texts = []
    end = 0
    form = _expanded(form)
    for found in _DIRECTIVE.finditer(form):
        before = form[end : found.start()]
        end = found.end()
        if found[1] in _FRACTIONS and before.endswith((".", ",")):
            texts.append(re.escape(before[:-1]) + r"(?:[.,](\d{1,9}))?")
            parts.append("fraction")
            continue
        texts.append(re.escape(before))
        if found[1] in _PLAIN:
            texts.append(re.escape(_PLAIN[found[1]]))
            continue
        name, pattern = _known(found[1])
        parts.append(name)
        texts.append(f"({pattern})")
    texts.append(re.escape(form[end:]))
    return re.compile("".join(texts), re.IGNORECASE | re.ASCII), tuple(parts)


def _known(directive: str) -> tuple[str, str]:
    if directive not in _PATTERNS:
        raise EvaluationError(f"%{directive} is no part of a time")
    return _PATTERNS[directive]


def _expanded(form: str) -> str:
    return _DIRECTIVE.sub(lambda found: _COMPOSED.get(found[1], found[0]), form)


def _time(values: dict[str, str], zone: dt.tzinfo) -> Time:
    second, _, fraction = values.get("second", "0").replace(",", ".").partition(".")
    fraction = values.get("fraction", fraction)
    moment = dt.datetime(
        _year(values),
        _month(values),
        int(values.get("day", "1")),
        _hour(values),
        int(values.get("minute", "0")),
        int(second),
        tzinfo=zone,
    )
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    seconds = since.days * 86_400 + since.seconds
    return Time(seconds * _S + int(f"{fraction:0<9}"), zone)


def _year(values: dict[str, str]) -> int:
    if "year" in values:
        return int(values["year"])
    if "short_year" in values:
        short = int(values["short_year"])
        return short + (1900 if short >= 69 else 2000)
    return dt.datetime.now(dt.UTC).year


def _month(values: dict[str, str]) -> int:
    for part, names in (("short_month", _SHORT_MONTHS), ("long_month", _MONTHS)):
        if part in values:
            return names.index(values[part].capitalize()) + 1
    return int(values.get("month", "1"))


def _hour(values: dict[str, str]) -> int:
    hour = int(values.get("hour", "0"))
    if "half" not in values:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"hour {hour} with {values['half']}")
    return hour % 12 + (12 if values["half"].lower() == "pm" else 0)


def _zone(values: dict[str, str], location: str) -> dt.tzinfo:
    if offset := values.get("offset"):
        return _offset(offset)
    if name := values.get("zone"):
        if (hours := _ZONES_HOURS.get(name.upper())) is None:
            raise EvaluationError(f"zone {name!r} is not known: write its offset, %z")
        return dt.timezone(dt.timedelta(hours=hours), name.upper())
    if not location:
        return dt.UTC
    return _location(location)


@lru_cache(maxsize=64)
def _location(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise EvaluationError(f"there is no location {name!r}") from None


def _offset(text: str) -> dt.tzinfo:
    if text in {"Z", "z"}:
        return dt.UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:6]))
    return dt.timezone(-offset if text[0] == "-" else offset)


def _offset_text(moment: dt.datetime, separator: str, size: int) -> str:
    """The offset from UTC in `size` numbers of two digits."""
    seconds = int((moment.utcoffset() or dt.timedelta()).total_seconds())
    minutes, second = divmod(abs(seconds), 60)
    numbers = (*divmod(minutes, 60), second)[:size]
    sign = "-" if seconds < 0 else "+"
    return sign + separator.join(f"{number:02d}" for number in numbers)


_WRITERS: Final[dict[str, Callable[[Any, int], str]]] = {
    "Y": lambda moment, _: f"{moment.year:04d}",
    "y": lambda moment, _: f"{moment.year % 100:02d}",
    "m": lambda moment, _: f"{moment.month:02d}",
    "o": lambda moment, _: f"{moment.month:2d}",
    "q": lambda moment, _: str(moment.month),
    "b": lambda moment, _: _SHORT_MONTHS[moment.month - 1],
    "B": lambda moment, _: _MONTHS[moment.month - 1],
    "d": lambda moment, _: f"{moment.day:02d}",
    "e": lambda moment, _: f"{moment.day:2d}",
    "g": lambda moment, _: str(moment.day),
    "a": lambda moment, _: _SHORT_DAYS[moment.weekday()],
    "A": lambda moment, _: _DAYS[moment.weekday()],
    "H": lambda moment, _: f"{moment.hour:02d}",
    "I": lambda moment, _: f"{(moment.hour - 1) % 12 + 1:02d}",
    "l": lambda moment, _: str((moment.hour - 1) % 12 + 1),
    "p": lambda moment, _: "AM" if moment.hour < 12 else "PM",
    "P": lambda moment, _: "am" if moment.hour < 12 else "pm",
    "M": lambda moment, _: f"{moment.minute:02d}",
    "S": lambda moment, _: f"{moment.second:02d}",
    "L": lambda _, ns: f"{ns:09d}"[:3],
    "f": lambda _, ns: f"{ns:09d}"[:6],
    "s": lambda _, ns: f"{ns:09d}",
    "z": lambda moment, _: _offset_text(moment, "", 2),
    "Z": lambda moment, _: moment.tzname() or "",
    "i": lambda moment, _: _offset_text(moment, "", 1),
    "j": lambda moment, _: _offset_text(moment, ":", 2),
    "k": lambda moment, _: _offset_text(moment, ":", 3),
    "w": lambda moment, _: _offset_text(moment, "", 3),
}


def format_time(time: Time, format: str) -> str:  # noqa: A002 - the parameter's name in OTTL
    """`FormatTime`.

    As Go's layout `.999`, a fraction after a point or comma ends at its last digit that is not
    zero, and is absent with its separator on whole seconds.
    """
    seconds, ns = divmod(time.ns, _S)
    try:
        moment = dt.datetime.fromtimestamp(seconds, time.zone)
    except (OverflowError, ValueError, OSError):
        raise EvaluationError("the time is outside of the years 1 to 9999") from None

    def directive(found: re.Match[str]) -> str:
        separator, name = found[1] or "", found[2]
        if name in _PLAIN:
            return separator + _PLAIN[name]
        write = _WRITERS.get(name)
        if write is None:
            raise EvaluationError(f"%{name} is no part of a time")
        text = write(moment, ns)
        if name in _FRACTIONS and separator:
            text = text.rstrip("0")
            separator = separator if text else ""
        return separator + text

    return _WRITTEN.sub(directive, _expanded(format))


_WRITTEN = re.compile(r"([.,])?%(.)", re.DOTALL)
