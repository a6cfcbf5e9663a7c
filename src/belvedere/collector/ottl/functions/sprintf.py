"""`Format`: Go's `fmt.Sprintf`, for the verbs that telemetry's values have."""

import re
from collections.abc import Callable
from typing import Any, Final

from belvedere.collector.ottl.values import Duration, Identifier, Time, as_text, float_text

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d{1,4})?(?:\.(?P<precision>\d{0,4}))?(?P<verb>.)", re.DOTALL
)
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", bytes: "[]uint8"}


def sprintf(format_string: str, format_arguments: list[Any]) -> str:
    """Write the arguments into the format. What does not fit becomes, as in Go, `%!d(string=x)`."""
    remaining = iter(format_arguments)
    used = 0

    def verb(found: re.Match[str]) -> str:
        nonlocal used
        if found["verb"] == "%":
            return "%"
        try:
            value = next(remaining)
        except StopIteration:
            return f"%!{found['verb']}(MISSING)"
        used += 1
        if isinstance(value, Identifier):  # has a method String in Go, which all verbs use
            value = value.hex() if any(value) else ""
        return _padded(_written(found, value), found)

    text = _VERB.sub(verb, format_string)
    if used < len(format_arguments):
        extra = ", ".join(
            f"{_TYPES.get(type(value), 'any')}={_plain(value)}" for value in format_arguments[used:]
        )
        text += f"%!(EXTRA {extra})"
    return text


def _written(found: re.Match[str], value: Any) -> str:
    kind = found["verb"]
    for verbs, types, write in _VERBS:
        if kind in verbs and type(value) in types:
            return write(value, kind, found)
    if value is None:
        return f"%!{kind}(<nil>)"
    return f"%!{kind}({_TYPES.get(type(value), 'any')}={_plain(value)})"


def _sign(found: re.Match[str]) -> str:
    return "+" if "+" in found["flags"] else " " if " " in found["flags"] else ""


def _precision(found: re.Match[str]) -> int | None:
    return None if found["precision"] is None else int(found["precision"] or 0)


def _double(value: float, kind: str, found: re.Match[str]) -> str:
    precision = _precision(found)
    if kind in "gG" and precision is None:
        return _plain(value)
    return f"{value:{_sign(found)}.{6 if precision is None else precision}{kind}}"


def _hexadecimal(value: str | bytes, kind: str, _found: re.Match[str]) -> str:
    digits = (value.encode() if isinstance(value, str) else value).hex()
    return digits.upper() if kind == "X" else digits


def _text(value: str | bytes, _kind: str, found: re.Match[str]) -> str:
    text = value if isinstance(value, str) else value.decode(errors="replace")
    return text[: _precision(found)]


def _quoted(value: str, _kind: str, _found: re.Match[str]) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ANY: Final[frozenset[type]] = frozenset(
    {bool, int, float, str, bytes, list, dict, type(None), Time, Duration}
)
_VERBS: Final[tuple[tuple[str, frozenset[type], Callable[[Any, str, re.Match[str]], str]], ...]] = (
    ("v", _ANY, lambda value, _kind, _found: _plain(value)),
    ("T", _ANY, lambda value, _kind, _found: _TYPES.get(type(value), "any")),
    ("t", frozenset({bool}), lambda value, _kind, _found: _plain(value)),
    ("dxXob", frozenset({int}), lambda value, kind, found: f"{value:{_sign(found)}{kind}}"),
    ("eEfFgG", frozenset({float}), _double),
    ("xX", frozenset({str, bytes}), _hexadecimal),
    ("s", frozenset({str, bytes}), _text),
    ("q", frozenset({str}), _quoted),
)
"""Verbs, the types they write, and how."""


def _plain(value: Any) -> str:
    if value is None:
        return "<nil>"
    return float_text(value) if type(value) is float else as_text(value) or ""


def _padded(text: str, found: re.Match[str]) -> str:
    width = int(found["width"] or 0)
    if "-" in found["flags"]:
        return text.ljust(width)
    if "0" in found["flags"] and not text.startswith("%!"):
        return text.zfill(width)
    return text.rjust(width)
