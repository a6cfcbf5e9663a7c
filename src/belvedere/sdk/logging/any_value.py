"""Values of the application as OTLP can carry them.

One value that protobuf refuses (half a surrogate pair, an integer of 65 bits) would fail the
whole batch it is in, so nothing that leaves here is refused.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from opentelemetry.util.types import AnyValue

_MAX_DEPTH: Final = 16
"""Deeper values, and those that contain themselves, end as text."""

_INT64: Final = range(-(2**63), 2**63)


_SCALARS: Final = (bool, float, bytes)
_SEQUENCES: Final = (list, tuple, AbstractSet)
_PLAIN: Final = frozenset({*_SCALARS, type(None)})


def any_value(value: object, depth: int = _MAX_DEPTH) -> AnyValue:
    """The nearest `AnyValue`; objects become their `str`. Never raises."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, int):
        return int(value) if value in _INT64 else text(value)
    if depth > 0 and isinstance(value, Mapping):
        return attributes(value, depth)
    if depth > 0 and isinstance(value, _SEQUENCES):
        return tuple(any_value(item, depth - 1) for item in value)
    return text(value)


def attributes(values: Mapping[Any, Any], depth: int = _MAX_DEPTH) -> dict[str, AnyValue]:
    """The values by their keys as text; OpenTelemetry has no empty keys."""
    result: dict[str, AnyValue] = {}
    for key, value in values.items():
        # Most are text or plain: they cost a look at their type.
        kind = type(value)
        name = key if type(key) is str and key and key.isascii() else text(key) or "_"
        if kind in _PLAIN or (kind is str and value.isascii()):
            result[name] = value
        else:
            result[name] = any_value(value, depth - 1)
    return result


def text(value: object) -> str:
    """`str(value)` that is valid UTF-8, also of an object that cannot be printed."""
    if type(value) is str:
        result = value
    else:
        try:
            result = str(value)
        except Exception:  # noqa: BLE001 - whatever an object's __str__ raises
            result = f"<{type(value).__qualname__} that cannot be printed>"
    if result.isascii():
        return result
    return result.encode("utf-8", "backslashreplace").decode("utf-8")
