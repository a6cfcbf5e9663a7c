"""Go's printing of numbers and strings, which Prometheus's texts are made with."""

import math
import re
from decimal import Decimal

_ESCAPES = {
    0x07: "\\a",
    0x08: "\\b",
    0x0C: "\\f",
    0x0A: "\\n",
    0x0D: "\\r",
    0x09: "\\t",
    0x0B: "\\v",
    0x5C: "\\\\",
    0x22: '\\"',
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*\Z")


def quote(text: str) -> str:
    """`strconv.Quote`: a Go string literal. Bytes that are no UTF-8 are surrogates in `text`."""
    if _PLAIN.match(text):
        return f'"{text}"'
    return '"' + "".join(map(_quoted_character, text)) + '"'


def _quoted_character(character: str) -> str:
    code = ord(character)
    if escape := _ESCAPES.get(code):
        return escape
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable() or character == " ":
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _digits(value: float, precision: int | None) -> tuple[str, str, int]:
    """Sign, significant digits, and the decimal exponent of the first digit."""
    text = repr(value) if precision is None else f"{value:.{max(precision, 1) - 1}e}"
    sign, digits, exponent = Decimal(text).as_tuple()
    if not isinstance(exponent, int):  # the special values went another way
        raise TypeError(text)
    shown = "".join(map(str, digits)).lstrip("0")
    if not shown:
        return ("-" if sign else ""), "0", 0
    point = len(shown) + exponent - 1
    return ("-" if sign else ""), shown.rstrip("0") or "0", point


def format_g(value: float, precision: int | None = None) -> str:
    """`%g` and `%v` (or `%.{precision}g`): an exponent below 1e-4 and from 1e6, or the precision.

    Without a precision the digits are the fewest that tell the number.
    """
    special = _special(value)
    if special is not None:
        return special
    sign, digits, exponent = _digits(value, precision)
    limit = 6 if precision is None else precision
    if exponent < -4 or exponent >= limit:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + _positional(digits, exponent)


def format_e(value: float) -> str:
    """`strconv.FormatFloat(value, 'e', -1, 64)`: shortest digits, always an exponent."""
    special = _special(value)
    if special is not None:
        return special
    sign, digits, exponent = _digits(value, None)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def format_f(value: float) -> str:
    """`strconv.FormatFloat(value, 'f', -1, 64)`: shortest digits, never an exponent."""
    special = _special(value)
    if special is not None:
        return special
    sign, digits, exponent = _digits(value, None)
    return sign + _positional(digits, exponent)


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def format_sample(value: float) -> str:
    """A number in the JSON of Prometheus's API: an exponent only beyond 1e-6 and 1e21.

    >>> format_sample(1.0), format_sample(1e20), format_sample(1.5e-7)
    ('1', '100000000000000000000', '1.5e-07')
    """
    exponential = value != 0 and not 1e-6 <= abs(value) < 1e21
    return format_g(value) if exponential else format_f(value)
