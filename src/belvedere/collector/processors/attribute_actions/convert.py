"""Values of another type, after Go's `strconv`. What cannot be converted stays as it is."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.otlp.any_value import text_of

_INT64: Final = range(-(1 << 63), 1 << 63)
_DIGITS: Final = re.compile(r"([+-]?)0*([0-9]{1,20})")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"nan|[+-]?inf(inity)?", re.IGNORECASE)


def to_string(value: AnyValue) -> None:
    """Any value has a text."""
    if value.WhichOneof("value") != "string_value":
        value.string_value = text_of(value)


def to_int(value: AnyValue) -> None:
    """Doubles lose their fraction; texts are decimal integers of 64 bits."""
    kind = value.WhichOneof("value")
    number: int | None = None
    if kind == "bool_value":
        number = int(value.bool_value)
    elif kind == "double_value" and math.isfinite(value.double_value):
        number = int(value.double_value)
    elif kind == "string_value" and (match := _DIGITS.fullmatch(value.string_value)):
        number = int(match[1] + match[2])
    if number is not None and number in _INT64:
        value.int_value = number


def to_double(value: AnyValue) -> None:
    """Texts are decimal numbers, with or without exponent, NaN or infinity."""
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        value.double_value = float(value.bool_value)
    elif kind == "int_value":
        value.double_value = float(value.int_value)
    elif kind == "string_value":
        text = value.string_value
        if _SPECIAL.fullmatch(text) or (_DECIMAL.fullmatch(text) and math.isfinite(float(text))):
            value.double_value = float(text)


CONVERTERS: Final[Mapping[str, Callable[[AnyValue], None]]] = {
    "string": to_string,
    "int": to_int,
    "double": to_double,
}
"""By `converted_type`."""
