"""Values: OTLP's `AnyValue` as Python values and back, and what only expressions have.

nil None · bool · int (64 bits) · float · string str · bytes · map dict · slice list
time.Time `Time` · time.Duration `Duration` · pcommon.TraceID, pcommon.SpanID `Identifier`
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.otlp.any_value import json_text

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time."""

    ns: int


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time. The zone is for display and for components such as the hour."""

    ns: int
    """Nanoseconds since the epoch."""
    zone: tzinfo = UTC

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.ns == other.ns

    def __lt__(self, other: "Time") -> bool:
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash(self.ns)


class Identifier(bytes):
    """A trace or span id: bytes, but an array in Go, which JSON writes as a list of numbers."""

    __slots__ = ()


def read(value: AnyValue) -> Any:
    """The Python value of an `AnyValue`; maps and slices are copies."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if kind == "array_value":
        return [read(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return read_map(value.kvlist_value.values)
    if kind == "string_value_strindex":  # of profiles only
        return None
    return getattr(value, kind)


def read_map(pairs: Any) -> dict[str, Any]:
    """The dict of a repeated `KeyValue`."""
    return {pair.key: read(pair.value) for pair in pairs}


_SCALARS: Final = {
    str: "string_value",
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
    Identifier: "bytes_value",
}


MAX_DEPTH: Final = 20
"""Maps and slices within each other that are written: protobuf's parsers stop at 100 messages."""


def write(value: AnyValue, new: Any, depth: int = 0) -> None:
    """Give `value` what `new` is, of whatever type it was.

    Raises:
        EvaluationError: telemetry has no such type (a time, a duration), or it is nested deeper
            than `MAX_DEPTH`.
    """
    if field := _SCALARS.get(type(new)):
        try:
            setattr(value, field, new)
        except ValueError:
            raise EvaluationError(f"{new!r:.40} is no value of telemetry") from None
    elif new is None:
        value.Clear()
    elif depth >= MAX_DEPTH:
        raise EvaluationError(f"maps and slices are nested deeper than {MAX_DEPTH}")
    else:
        fresh = AnyValue()  # `new` may have been read from within `value`
        if isinstance(new, list):
            fresh.array_value.SetInParent()
            for element in new:
                write(fresh.array_value.values.add(), element, depth + 1)
        elif isinstance(new, Mapping):
            fresh.kvlist_value.SetInParent()
            for key, element in new.items():
                write(fresh.kvlist_value.values.add(key=key).value, element, depth + 1)
        else:
            raise EvaluationError(f"{type_name(new)} cannot be stored; convert it, as with String")
        value.CopyFrom(fresh)


def write_map(pairs: Any, new: Mapping[str, Any]) -> None:
    """Replace the content of a repeated `KeyValue`."""
    del pairs[:]
    for key, element in new.items():
        write(pairs.add(key=key).value, element, 1)


def as_text(value: Any) -> str | None:
    """A value as the Collector's `StringLikeGetter` writes it; nil stays nil."""
    if value is None or type(value) is str:
        return value
    text = _TEXTS.get(type(value))
    if text is None:
        raise EvaluationError(f"{type_name(value)} cannot be written as a string")
    return text(value)


def _json(value: Any) -> str:
    any_value = AnyValue()
    write(any_value, value)
    return json_text(any_value)


def float_text(value: float) -> str:
    """A double as Go's `strconv.FormatFloat(value, 'f', -1, 64)`: never with an exponent."""
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - what NaN is
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    text = repr(value)
    if "e" in text:
        digits = max(0, -int(text.partition("e")[2]) + len(text.partition("e")[0]))
        text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return text.removesuffix(".0")


def duration_text(duration: Duration) -> str:
    """A duration as Go writes it: `1h2m3.5s`, `1.5ms`."""
    ns = abs(duration.ns)
    sign = "-" if duration.ns < 0 else ""
    if ns == 0:
        return "0s"
    for unit, size in (("ns", 1_000), ("µs", 1_000_000), ("ms", 1_000_000_000)):
        if ns < size:
            whole, part = divmod(ns, size // 1000)
            return f"{sign}{whole}{_fraction(part, size // 1000)}{unit}"
    seconds, part = divmod(ns, 1_000_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{seconds}{_fraction(part, 1_000_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _fraction(part: int, whole: int) -> str:
    digits = f"{part:0{len(str(whole)) - 1}d}".rstrip("0") if part else ""
    return f".{digits}" if digits else ""


_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: float_text,
    bytes: bytes.hex,
    Identifier: lambda value: _json(list(value)),
    dict: _json,
    list: _json,
    Duration: duration_text,
}


def wrapped(number: int) -> int:
    """An integer as 64 bits hold it after an overflow."""
    if INT64_MIN <= number <= INT64_MAX:
        return number
    return (number - INT64_MIN) % (1 << 64) + INT64_MIN


_TYPE_NAMES = {
    type(None): "nil",
    bool: "a bool",
    int: "an int",
    float: "a double",
    str: "a string",
    bytes: "bytes",
    Identifier: "an id",
    dict: "a map",
    list: "a slice",
    Time: "a time",
    Duration: "a duration",
}


def type_name(value: Any) -> str:
    """What a user calls the type of `value`."""
    return _TYPE_NAMES.get(type(value), type(value).__name__)
