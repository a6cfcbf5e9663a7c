"""Converters between types, and questions about them."""

import ipaddress
import math
import re
import struct
from functools import lru_cache
from typing import Any, Final

from belvedere.collector.ottl.compare import compare
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.kinds import ANY, DOUBLE_LIKE, LIST, STRING, STRINGS
from belvedere.collector.ottl.record import Context, Record
from belvedere.collector.ottl.values import INT64_MAX, INT64_MIN, as_text, type_name

_INT = re.compile(r"[-+]?\d+", re.ASCII)
_DOUBLE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def to_int(value: Any) -> int | None:
    """`Int`: doubles lose their fraction; nil for what is no integer."""
    if type(value) in {int, bool}:
        return int(value)
    if type(value) is float and math.isfinite(value):
        return max(INT64_MIN, min(INT64_MAX, int(value)))
    if type(value) is str and _INT.fullmatch(value):
        number = int(value) if len(value) <= len(str(INT64_MIN)) else None
        return number if number is not None and INT64_MIN <= number <= INT64_MAX else None
    return None


def to_double(value: Any) -> float | None:
    """`Double`: nil for what is no number."""
    if type(value) in {int, bool, float}:
        return float(value)
    if type(value) is str and _DOUBLE.fullmatch(value):
        return float(value)
    return None


def to_bool(value: Any) -> bool | None:
    """`Bool`: nil for what is neither."""
    if type(value) in {int, bool, float}:
        return bool(value)
    return _BOOLS.get(value) if type(value) is str else None


def to_hex(value: Any) -> str | None:
    """`Hex`: of the bytes of the value; nil for others."""
    if type(value) is float:
        return struct.pack(">d", value).hex()
    if type(value) is bool:
        return "01" if value else "00"
    if type(value) is int:
        return struct.pack(">q", value).hex()
    if type(value) is str:
        return value.encode().hex()
    return value.hex() if isinstance(value, bytes) else None


def is_empty(value: Any) -> bool:
    """`IsEmpty`: nil, zero values, and ids of zeros."""
    return not any(value) if isinstance(value, bytes) else not value


def length(target: Any) -> int:
    """`Len`: of a string in bytes, of slices, maps and lists of messages in elements."""
    if type(target) is str:
        return len(target.encode())
    if target is None or isinstance(target, bool | int | float):
        raise EvaluationError(f"{type_name(target)} has no length")
    try:
        return len(target)
    except TypeError:
        raise EvaluationError(f"{type_name(target)} has no length") from None


def log(value: float) -> float:
    """`Log`: the natural logarithm."""
    if value <= 0:
        raise EvaluationError(f"{value} has no logarithm")
    return math.log(value)


def coalesce(values: list[Any]) -> Any:
    """`Coalesce`: the first that is not nil."""
    return next((value for value in values if value is not None), None)


def contains_value(target: list[Any], item: Any) -> bool:
    """`ContainsValue`."""
    return any(compare("==", element, item) for element in target)


def index(target: Any, value: Any) -> int:
    """`Index`: of a string in bytes; -1: it is not there."""
    if type(target) is str and type(value) is str:
        return target.encode().find(value.encode())
    if isinstance(target, list):
        return next((at for at, each in enumerate(target) if compare("==", each, value)), -1)
    raise EvaluationError(f"{type_name(value)} cannot be looked for in {type_name(target)}")


def is_root_span(record: Record) -> bool:
    """`IsRootSpan`."""
    return not any(record.span.parent_span_id)


def is_in_cidr(target: str, networks: list[str]) -> bool:
    """`IsInCIDR`."""
    try:
        address = ipaddress.ip_address(target)
        return any(address in _network(network) for network in networks)
    except ValueError as error:
        raise EvaluationError(str(error)) from None


@lru_cache(maxsize=256)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def is_valid_luhn(value: Any) -> bool:
    """`IsValidLuhn`."""
    text = str(value) if type(value) is int else value
    if type(text) is not str or not text.isascii() or not text.isdigit():
        raise EvaluationError(f"{value!r} is not made of digits")
    total = 0
    for position, digit in enumerate(map(int, reversed(text))):
        doubled = digit * (1 + position % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


TYPES: dict[str, Function] = {
    "Bool": converter(to_bool, ANY),
    "Coalesce": converter(coalesce, LIST),
    "ContainsValue": converter(contains_value, LIST, ANY),
    "Double": converter(to_double, ANY),
    "Hex": converter(to_hex, ANY),
    "Index": converter(index, ANY, ANY),
    "Int": converter(to_int, ANY),
    "IsBool": converter(lambda value: type(value) is bool, ANY),
    "IsDouble": converter(lambda value: type(value) is float, ANY),
    "IsEmpty": converter(is_empty, ANY),
    "IsInCIDR": converter(is_in_cidr, STRING, STRINGS),
    "IsInt": converter(lambda value: type(value) is int, ANY),
    "IsList": converter(lambda value: isinstance(value, list), ANY),
    "IsMap": converter(lambda value: isinstance(value, dict), ANY),
    "IsRootSpan": Function(
        is_root_span,
        (),
        frozenset({Context.SPAN, Context.SPANEVENT}),
        pure=False,
        of_record=True,
    ),
    "IsString": converter(lambda value: type(value) is str, ANY),
    "IsValidLuhn": converter(is_valid_luhn, ANY),
    "Len": converter(length, ANY),
    "Log": converter(log, DOUBLE_LIKE),
    "String": converter(as_text, ANY),
}
