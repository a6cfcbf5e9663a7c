"""`Format`: Go's `fmt.Sprintf`, for the verbs that telemetry's values have."""

import re
from typing import Any

from belvedere.collector.ottl.values import as_text, float_text

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d{1,4})?(?:\.(?P<precision>\d{0,4}))?(?P<verb>.)", re.DOTALL
)
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", bytes: "[]uint8"}


def sprintf(format_string: str, format_arguments: list[Any]) -> str:
    """Write the arguments into the format. What does not fit is written as Go does: `%!d(string=x)`."""
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
        return _padded(_written(found, value), found)

    text = _VERB.sub(verb, format_string)
    if used < len(format_arguments):
        extra = ", ".join(
            f"{_TYPES.get(type(value), 'any')}={_plain(value)}" for value in format_arguments[used:]
        )
        text += f"%!(EXTRA {extra})"
    return text


def _written(found: re.Match[str], value: Any) -> str:
    kind, flags = found["verb"], found["flags"]
    precision = int(found["precision"] or 0) if found["precision"] is not None else None
    sign = "+" if "+" in flags else " " if " " in flags else ""
    number = type(value) in {int, float}
    if kind == "v":
        return _plain(value)
    if kind == "d" and type(value) is int:
        return f"{value:{sign}d}"
    if kind in "eEfFgG" and type(value) is float:
        if kind in "gG" and precision is None:
            return _plain(value)
        return f"{value:{sign}.{6 if precision is None else precision}{kind}}"
    if kind in "xX" and number is False and isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return data.hex().upper() if kind == "X" else data.hex()
    if kind in "xXob" and type(value) is int:
        return f"{value:{sign}{kind}}"
    if kind == "s" and isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode(errors="replace")
        return text if precision is None else text[:precision]
    if kind == "q" and type(value) is str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if kind == "t" and type(value) is bool:
        return _plain(value)
    if kind == "T":
        return _TYPES.get(type(value), "any")
    if value is None:
        return f"%!{kind}(<nil>)"
    return f"%!{kind}({_TYPES.get(type(value), 'any')}={_plain(value)})"


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
