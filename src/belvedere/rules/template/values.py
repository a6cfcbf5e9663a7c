"""What templates work on, and the fields that it has.

Go's types here: string is `str`, int is `int`, float64 is `float`, bool is `bool`, a query's
result is a list of `Sample`, a map is a dictionary, nil is None.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from belvedere.query.go_format import format_g
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.text import print_histogram
from belvedere.rules.template.errors import FunctionError


class StringMap(dict[str, str]):
    """Go's `map[string]string`: what is not in it is the empty string."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a query's result."""

    labels: StringMap
    value: float | NativeHistogram


@dataclass(frozen=True, slots=True)
class AlertData:
    """What the template of an alerting rule is given: its `.`."""

    labels: StringMap
    external_labels: StringMap
    external_url: str
    value: float | NativeHistogram


@dataclass(frozen=True, slots=True)
class Duration:
    """Go's `time.Duration`."""

    nanoseconds: int

    def __str__(self) -> str:
        """`1h2m3.5s`, as Go writes it."""
        total = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if total < 1_000_000_000:
            for unit, size in (("ms", 1_000_000), ("µs", 1000), ("ns", 1)):
                if total >= size:
                    return f"{sign}{_decimal(total, size)}{unit}"
            return "0s"
        minutes, rest = divmod(total, 60_000_000_000)
        hours, minutes = divmod(minutes, 60)
        shown = f"{_decimal(rest, 1_000_000_000)}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{shown}"
        return f"{sign}{minutes}m{shown}" if minutes else sign + shown


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if size > 1 else ""
    return f"{whole}.{digits}" if digits else str(whole)


@dataclass(frozen=True, slots=True)
class Time:
    """Go's `time.Time`, in UTC."""

    nanoseconds: int
    """Since 1970."""

    @property
    def moment(self) -> datetime:
        """To the second.

        Raises:
            FunctionError: the year is not one of 1 to 9999.
        """
        try:
            return datetime.fromtimestamp(self.nanoseconds // 1_000_000_000, UTC)
        except (ValueError, OverflowError, OSError):
            raise FunctionError("the time is out of range") from None

    def __str__(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def format(self, layout: str) -> str:
        """The time in a layout of Go's."""
        moment, fraction = self.moment, f"{self.nanoseconds % 1_000_000_000:09d}"

        def written(match: re.Match[str]) -> str:
            text = match.group()
            if text[0] in ".," and len(text) > 1:
                digits = fraction[: len(text) - 1]
                if text[1] == "0":
                    return text[0] + digits
                digits = digits.rstrip("0")
                return text[0] + digits if digits else ""
            return _LAYOUT[text](moment)

        return _LAYOUT_TOKEN.sub(written, layout)


_LAYOUT: Final[Mapping[str, Callable[[datetime], str]]] = {
    "January": lambda t: f"{t:%B}",
    "Jan": lambda t: f"{t:%b}",
    "Monday": lambda t: f"{t:%A}",
    "Mon": lambda t: f"{t:%a}",
    "MST": lambda _: "UTC",
    "Z07:00": lambda _: "Z",
    "Z0700": lambda _: "Z",
    "-07:00": lambda _: "+00:00",
    "-0700": lambda _: "+0000",
    "-07": lambda _: "+00",
    "2006": lambda t: f"{t.year:04d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "01": lambda t: f"{t.month:02d}",
    "02": lambda t: f"{t.day:02d}",
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "04": lambda t: f"{t.minute:02d}",
    "05": lambda t: f"{t.second:02d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "15": lambda t: f"{t.hour:02d}",
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "_2": lambda t: f"{t.day:2d}",
    "1": lambda t: str(t.month),
    "2": lambda t: str(t.day),
    "3": lambda t: str(t.hour % 12 or 12),
    "4": lambda t: str(t.minute),
    "5": lambda t: str(t.second),
}
_LAYOUT_TOKEN: Final = re.compile(
    r"[.,](?:0{1,9}|9{1,9})(?!\d)|" + "|".join(map(re.escape, _LAYOUT))
)

_Method = tuple[int, Callable[..., Any]]
_METHODS: Final[Mapping[type, Mapping[str, _Method]]] = {
    # type → name → (number of arguments, what it gives)
    Time: {
        "Format": (1, Time.format),
        "String": (0, str),
        "UTC": (0, lambda time: time),
        "Unix": (0, lambda time: time.nanoseconds // 1_000_000_000),
        "UnixMilli": (0, lambda time: time.nanoseconds // 1_000_000),
        "UnixNano": (0, lambda time: time.nanoseconds),
        "Year": (0, lambda time: time.moment.year),
        "YearDay": (0, lambda time: time.moment.timetuple().tm_yday),
        "Day": (0, lambda time: time.moment.day),
        "Hour": (0, lambda time: time.moment.hour),
        "Minute": (0, lambda time: time.moment.minute),
        "Second": (0, lambda time: time.moment.second),
        "Nanosecond": (0, lambda time: time.nanoseconds % 1_000_000_000),
    },
    Duration: {
        "String": (0, str),
        "Hours": (0, lambda span: span.nanoseconds / 3.6e12),
        "Minutes": (0, lambda span: span.nanoseconds / 6e10),
        "Seconds": (0, lambda span: span.nanoseconds / 1e9),
        "Milliseconds": (0, lambda span: int(span.nanoseconds / 1e6)),
        "Microseconds": (0, lambda span: int(span.nanoseconds / 1e3)),
        "Nanoseconds": (0, lambda span: span.nanoseconds),
    },
}
_FIELDS: Final[Mapping[type, Mapping[str, str]]] = {
    Sample: {"Labels": "labels", "Value": "value"},
    AlertData: {
        "Labels": "labels",
        "ExternalLabels": "external_labels",
        "ExternalURL": "external_url",
        "Value": "value",
    },
}


def field(value: Any, name: str, arguments: list[Any]) -> Any:
    """`value.name`, or what its method of the name gives for the arguments.

    Raises:
        FunctionError: there is no such field or method, or it takes other arguments.
    """
    if method := _METHODS.get(type(value), {}).get(name):
        wanted, function = method
        if len(arguments) != wanted or not all(isinstance(each, str) for each in arguments):
            raise FunctionError(f"wrong number or type of args for {name}")
        return function(value, *arguments)
    if arguments:
        raise FunctionError(f"{name} has arguments but cannot be invoked as function")
    if attribute := _FIELDS.get(type(value), {}).get(name):
        return getattr(value, attribute)
    if isinstance(value, StringMap):
        return value.get(name, "")
    if isinstance(value, dict):
        return value.get(name)
    if value is None:
        raise FunctionError(f"nil data; no entry for key {name!r}")
    raise FunctionError(f"can't evaluate field {name} in type {type_name(value)}")


_TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "string",
    int: "int",
    float: "float64",
    bool: "bool",
    list: "template.queryResult",
    StringMap: "map[string]string",
    dict: "map[string]interface {}",
    Sample: "*template.sample",
    AlertData: "template.AlertData",
    Time: "*time.Time",
    Duration: "*time.Duration",
    NativeHistogram: "*histogram.FloatHistogram",
    type(None): "<nil>",
}


def type_name(value: Any) -> str:
    """Go's name of the type."""
    return _TYPE_NAMES[type(value)]


def is_true(value: Any) -> bool:
    """Whether `{{ if }}` goes in: not for the zero value, nor for what is empty."""
    if isinstance(value, bool | int | float | str | list | dict):
        return bool(value)
    return value is not None


def text_of(value: Any) -> str:
    """What `{{ value }}` writes: Go's `%v`."""
    return _TEXTS.get(type(value), str)(value)


def _inner(value: Any) -> str:
    return "<nil>" if value is None else text_of(value)


def _map_text(value: dict[str, Any]) -> str:
    return f"map[{' '.join(f'{key}:{_inner(value[key])}' for key in sorted(value))}]"


def _data_text(data: AlertData) -> str:
    parts = (data.labels, data.external_labels, data.external_url, data.value)
    return "{" + " ".join(map(text_of, parts)) + "}"


_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    type(None): lambda _: "<no value>",
    bool: lambda value: "true" if value else "false",
    float: format_g,
    NativeHistogram: print_histogram,
    Sample: lambda sample: f"{{{text_of(sample.labels)} {text_of(sample.value)}}}",
    AlertData: _data_text,
    dict: _map_text,
    StringMap: _map_text,
    list: lambda samples: f"[{' '.join(map(_inner, samples))}]",
}
