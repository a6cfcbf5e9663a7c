"""Go's `fmt`, for the values that templates have."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from belvedere.query.go_format import format_g, quote
from belvedere.rules.template.values import (
    AlertData,
    Duration,
    Sample,
    StringMap,
    Time,
    text_of,
    type_name,
)

_VERB: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d{1,4}|\*)?(?:\.(?P<precision>\d{0,4}|\*))?(?P<verb>.|\Z)",
    re.DOTALL,
)
_MAX_WIDTH: Final = 10_000
_NEVER_ZEROS: Final = frozenset(("+Inf", "-Inf", "NaN"))


def sprint(values: Sequence[Any]) -> str:
    """`fmt.Sprint`: a space between two operands of which neither is a string."""
    parts: list[str] = []
    for at, value in enumerate(values):
        if at and not isinstance(value, str) and not isinstance(values[at - 1], str):
            parts.append(" ")
        parts.append(_plain(value))
    return "".join(parts)


def sprintln(values: Sequence[Any]) -> str:
    """`fmt.Sprintln`: spaces between operands, a line's end after them."""
    return " ".join(map(_plain, values)) + "\n"


def sprintf(form: str, values: Sequence[Any]) -> str:
    """`fmt.Sprintf`. What does not fit becomes, as in Go, `%!d(string=x)`."""
    rest = list(values)

    def number(text: str | None) -> int | None:
        if text != "*":
            return None if text is None else int(text or 0)
        value = rest.pop(0) if rest else None
        return min(value, _MAX_WIDTH) if type(value) is int else None

    def written(found: re.Match[str]) -> str:
        width, precision = number(found["width"]), number(found["precision"])
        verb, flags = found["verb"], found["flags"]
        if verb == "%":
            return "%"
        if not verb:
            return "%!(NOVERB)"
        if not rest:
            return f"%!{verb}(MISSING)"
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        return _padded(_formatted(verb, flags, precision, rest.pop(0)), flags, width or 0)

    text = _VERB.sub(written, form)
    if rest:
        extra = ", ".join(f"{type_name(value)}={_plain(value)}" for value in rest)
        text += f"%!(EXTRA {extra})"
    return text


def _plain(value: Any) -> str:
    return "<nil>" if value is None else text_of(value)


def _formatted(verb: str, flags: str, precision: int | None, value: Any) -> str:
    if verb == "T":
        return type_name(value)
    for verbs, types, write in _VERBS:
        if verb in verbs and (types is None or type(value) in types):
            return write(value, _Form(verb, flags, precision))
    if value is None:
        return f"%!{verb}(<nil>)"
    return f"%!{verb}({type_name(value)}={_plain(value)})"


class _Form(NamedTuple):
    """How a value is to be written."""

    verb: str
    flags: str
    precision: int | None

    @property
    def sign(self) -> str:
        """What is before a number that is not negative."""
        return "+" if "+" in self.flags else " " if " " in self.flags else ""


def _signed(value: float, form: _Form) -> str:
    text = _plain(value)
    return text if text[0] in "+-" else form.sign + text


def _quoted(value: str, form: _Form) -> str:
    raw = "#" in form.flags and "`" not in value
    return f"`{value}`" if raw else quote(value[: form.precision])


def _hexadecimal(value: str, form: _Form) -> str:
    digits = value.encode(errors="surrogateescape").hex()
    return digits.upper() if form.verb == "X" else digits


def _integer(value: int, form: _Form) -> str:
    verb = form.verb
    if verb in "cqU" and not 0 <= value < 0x110000:
        value = 0xFFFD
    match verb:
        case "c":
            return chr(value)
        case "q":
            return "'" + quote(chr(value))[1:-1].replace("'", "\\'").replace('\\"', '"') + "'"
        case "U":
            return f"U+{value:04X}"
    return form.sign * (value >= 0) + f"{value:{verb}}"


def _float(value: float, form: _Form) -> str:
    verb, precision = form.verb, form.precision
    if not math.isfinite(value):
        return format_g(value)
    if verb in "gG":
        text = format_g(value, precision)
        return form.sign * (not text.startswith("-")) + (text.upper() if verb == "G" else text)
    text = f"{value:.{6 if precision is None else precision}{verb}}"
    return form.sign * (not text.startswith("-")) + text


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and not text.startswith("%!") and text not in _NEVER_ZEROS:
        return text.zfill(width)
    return text.rjust(width)


_OTHERS: Final = frozenset((list, dict, StringMap, Sample, AlertData, Time, Duration))
_VERBS: Final[tuple[tuple[str, frozenset[type] | None, Callable[[Any, _Form], str]], ...]] = (
    ("v", frozenset((int, float)), _signed),
    ("v", None, lambda value, _: _plain(value)),
    ("t", frozenset((bool,)), lambda value, _: _plain(value)),
    ("dxXobcqU", frozenset((int,)), _integer),
    ("eEfFgG", frozenset((float,)), _float),
    ("s", frozenset((str,)), lambda value, form: value[: form.precision]),
    ("q", frozenset((str,)), _quoted),
    ("xX", frozenset((str,)), _hexadecimal),
    ("s", _OTHERS, lambda value, _: _plain(value)),
)
"""Verbs, the types that they write, and how."""
