"""Reads objects by their fields, whichever class they are of, without running their code."""

from collections.abc import Mapping
from types import MemberDescriptorType
from typing import Any


def fields(value: object) -> Mapping[str, Any] | None:
    """The members of a mapping, or the instance attributes of an object; `None` if it has neither.

    Properties and `__getattr__` are not asked: a lazy attribute of the application stays lazy.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, str | int | float | type) or value is None:
        return None
    own = getattr(value, "__dict__", None)
    return own if isinstance(own, dict) else None


def field(value: object, name: str) -> Any:
    """One field, or `None`."""
    found = fields(value)
    if found is not None and name in found:
        return found[name]
    slot = getattr(type(value), name, None)
    return getattr(value, name, None) if isinstance(slot, MemberDescriptorType) else None


def count(value: object, *path: str) -> int | None:
    """The whole number at this path of fields, or `None`."""
    for name in path:
        value = field(value, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(value: object, name: str) -> str | None:
    """The text under this name, or `None`."""
    found = field(value, name)
    return found if isinstance(found, str) else None
