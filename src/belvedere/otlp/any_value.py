"""Attribute values: their text form, and their making from plain Python values."""

import base64
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_MAX_EXACT_FLOAT: Final = float(1 << 53)
_INT64: Final = range(-(1 << 63), 1 << 63)
_MAX_LEVELS: Final = 25
"""A level of maps is 3 messages, and parsers of protobuf read 100 within each other."""


def text_of(value: AnyValue) -> str:
    """A value as text, after the Collector's `pcommon.Value.AsString`; no value is no text.

    >>> text_of(AnyValue(bool_value=True)), text_of(AnyValue(double_value=1e20))
    ('true', '100000000000000000000')
    """
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    write = _TEXTS.get(kind or "")
    return write(value) if write else ""


def double_text(number: float) -> str:
    """A double as JavaScript writes it: with an exponent below 1e-6 and from 1e21 on only.

    NaN and infinities are written as `json_text` does.

    >>> double_text(2.0), double_text(1e-7), double_text(1e-5)
    ('2', '1e-7', '0.00001')
    """
    if not math.isfinite(number):
        return str(_plain_double(number))
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    if 1e-6 <= abs(number) < 1e21:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    return repr(number).replace("e-0", "e-")


def any_value(plain: Any, levels: int = _MAX_LEVELS) -> AnyValue:
    """A value of what YAML or JSON can hold; None is no value.

    Lists and maps within `levels` others are their JSON text: what is nested deeper than parsers
    of protobuf allow could be sent, and nobody could read it.

    Raises:
        ValueError: it holds something else, or an integer of more than 64 bits.
    """
    value = AnyValue()
    if not levels and isinstance(plain, list | tuple | Mapping):
        try:
            value.string_value = orjson.dumps(plain).decode()
        except TypeError as error:
            raise ValueError(f"no value of an attribute: {error}") from error
    elif isinstance(plain, list | tuple):
        value.array_value.SetInParent()
        value.array_value.values.extend(any_value(each, levels - 1) for each in plain)
    elif isinstance(plain, Mapping):
        value.kvlist_value.SetInParent()
        for key, each in plain.items():
            value.kvlist_value.values.add(key=str(key), value=any_value(each, levels - 1))
    elif isinstance(plain, int) and plain not in _INT64:
        raise ValueError(f"{plain} cannot be the value of an attribute: it needs more than 64 bits")
    elif field := _FIELDS.get(type(plain)):
        setattr(value, field, plain)
    elif plain is not None:
        raise ValueError(f"{plain!r} cannot be the value of an attribute")
    return value


def json_text(value: AnyValue) -> str:
    """A value as JSON, after the Collector's `pcommon.Value.AsString` for maps and slices.

    Compact, keys sorted, bytes as base64, whole doubles without a fraction; of a key that is
    there twice the last value counts. Two things are better here: `<`, `>` and `&` are written
    as they are, and NaN and infinities are strings (the Collector loses the whole value).
    """
    return orjson.dumps(plain_value(value), option=orjson.OPT_SORT_KEYS).decode()


def plain_value(value: AnyValue) -> Any:
    """A value as `json_text` writes it, before it is text."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain_value(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain_value(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _plain_double(value.double_value)
    if kind is None or kind == "string_value_strindex":  # the latter has a meaning in profiles only
        return None
    return getattr(value, kind)


def _plain_double(number: float) -> float | int | str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return int(number) if number.is_integer() and abs(number) < _MAX_EXACT_FLOAT else number


_TEXTS: Final[Mapping[str, Callable[[AnyValue], str]]] = {
    "int_value": lambda value: str(value.int_value),
    "bool_value": lambda value: "true" if value.bool_value else "false",
    "double_value": lambda value: double_text(value.double_value),
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
    "array_value": json_text,
    "kvlist_value": json_text,
}
_FIELDS: Final[Mapping[type, str]] = {
    str: "string_value",
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
}
