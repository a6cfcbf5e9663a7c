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


def any_value(value: object, depth: int = _MAX_DEPTH) -> AnyValue:
    """The nearest `AnyValue`; objects become their `str`. Never raises."""
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return int(value) if value in _INT64 else text(value)
    if depth > 0 and isinstance(value, Mapping):
        return attributes(value, depth)
    if depth > 0 and isinstance(value, list | tuple | AbstractSet):
        return [any_value(item, depth - 1) for item in value]
    return text(value)


def attributes(values: Mapping[Any, object], depth: int = _MAX_DEPTH) -> dict[str, AnyValue]:
    """The values by their keys as text; OpenTelemetry has no empty keys."""
    return {text(key) or "_": any_value(item, depth - 1) for key, item in values.items()}


def text(value: object) -> str:
    """`str(value)` that is valid UTF-8, also of an object that cannot be printed."""
    try:
        result = str(value)
    except Exception:  # noqa: BLE001 - whatever an object's __str__ raises
        result = f"<{type(value).__qualname__} that cannot be printed>"
    if result.isascii():
        return result
    return result.encode("utf-8", "backslashreplace").decode("utf-8")
