"""What a parameter of a function takes, and how an argument is checked.

A `Kind` with a `check` gets a value of the argument, for each record: it returns what the
function gets. Kinds without one are taken apart by the compiler: `TARGET`, `MAP_TARGET`,
`FUNCTION`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.values import Duration, Time, as_text, type_name


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of parameter."""

    name: str
    check: Callable[[Any], Any] | None = None
    """From a value to what the function gets; raises EvaluationError. None: any value."""


def _of(kind: type, name: str) -> Kind:
    def check(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise EvaluationError(f"{name} is expected, not {type_name(value)}")

    return Kind(name, check)


ANY = Kind("a value")
STRING = _of(str, "a string")
INT = _of(int, "an int")
BOOL = _of(bool, "a bool")
MAP = _of(dict, "a map")
LIST = _of(list, "a slice")
TIME = _of(Time, "a time")
DURATION = _of(Duration, "a duration")
STRING_LIKE = Kind("a string or what becomes one", as_text)


def _strings(value: Any) -> list[str]:
    if isinstance(value, list) and all(type(each) is str for each in value):
        return value
    raise EvaluationError(f"a list of strings is expected, not {type_name(value)}")


STRINGS = Kind("a list of strings", _strings)


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) in {int, bool}:
        return float(value)
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            raise EvaluationError(f"{value!r} is no number") from None
    raise EvaluationError(f"a number is expected, not {type_name(value)}")


DOUBLE_LIKE = Kind("a number or what becomes one", _double)


def _number(value: Any) -> float | int:
    if type(value) in {int, float}:
        number: float | int = value
        return number
    raise EvaluationError(f"a number is expected, not {type_name(value)}")


NUMBER = Kind("a number", _number)


def _size(value: Any) -> int:
    if type(value) is int and value >= 0:
        return value
    raise EvaluationError(f"a number that is not negative is expected, not {value!r}")


SIZE = Kind("a number that is not negative", _size)


@lru_cache(maxsize=256)
def regex(pattern: str) -> Any:
    """A compiled regular expression of RE2.

    Raises:
        EvaluationError: it is none.
    """
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        raise EvaluationError(f"regular expression {pattern!r}: {_said(error)}") from None


@lru_cache(maxsize=256)
def byte_regex(pattern: str) -> Any:
    """The same for bytes of UTF-8, which is faster where no offsets are asked for."""
    try:
        return re2.compile(pattern.encode(), _options())
    except re2.error as error:
        raise EvaluationError(f"regular expression {pattern!r}: {_said(error)}") from None


def _said(error: re2.error) -> str:
    (message,) = error.args
    return message.decode() if isinstance(message, bytes) else str(message)


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _regex(value: Any) -> Any:
    if type(value) is not str:
        raise EvaluationError(f"a regular expression is expected, not {type_name(value)}")
    return regex(value)


def _byte_regex(value: Any) -> Any:
    if type(value) is not str:
        raise EvaluationError(f"a regular expression is expected, not {type_name(value)}")
    return byte_regex(value)


REGEX = Kind("a regular expression", _regex)
BYTE_REGEX = Kind("a regular expression", _byte_regex)


TARGET = Kind("a path")
MAP_TARGET = Kind("a path to a map")
FUNCTION = Kind("the name of a converter")


def one_of(*values: str) -> Kind:
    """A string that is one of `values`."""

    def check(value: Any) -> str:
        if value in values and isinstance(value, str):
            return value
        raise EvaluationError(f"one of {', '.join(values)} is expected, not {value!r}")

    return Kind(f"one of {', '.join(values)}", check)
