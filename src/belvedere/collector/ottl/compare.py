"""Comparison of two values by OTTL's rules.

Numbers compare as numbers, other values with values of their own type; values of different types
are unequal, and neither is less. Maps, slices and nil are equal or not, and never less.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

from belvedere.collector.ottl.values import Duration, Identifier, Time

OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_NUMBERS = (int, float)
_ORDERED = (str, bytes, Identifier, bool, Duration)


def compare(operation: str, left: Any, right: Any) -> bool:
    """Whether `left operation right` holds."""
    kind, other = type(left), type(right)
    if kind is Time and other is Time:
        return OPERATORS[operation](left.ns, right.ns)
    if kind is other if kind not in _NUMBERS else other in _NUMBERS:
        if kind in _NUMBERS or kind in _ORDERED:
            return OPERATORS[operation](left, right)
        if operation == "==":
            return _same(left, right)
        return operation == "!=" and not _same(left, right)
    if isinstance(left, bytes) and isinstance(right, bytes):
        return OPERATORS[operation](left, right)
    return operation == "!="


def equals(constant: Any) -> Callable[[Any], bool]:
    """A faster `compare("==", value, constant)`."""
    if constant is None:
        return lambda value: value is None
    if isinstance(constant, str | bytes):
        return lambda value: bool(value == constant)
    return lambda value: compare("==", value, constant)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            _equal(value, right[key]) for key, value in left.items()
        )
    return bool(left == right)


def _equal(left: Any, right: Any) -> bool:
    return compare("==", left, right)
