"""The Python functions that trees become. Each is made once and called for each record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from belvedere.collector.ottl.arithmetic import calculate, negated
from belvedere.collector.ottl.compare import equals
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import Get
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import type_name

Condition: TypeAlias = Callable[[Record], bool]
Edit: TypeAlias = Callable[[Record], bool]
"""Runs a statement; returns whether it may have changed the record."""

_VARIES: Final = object()


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled expression."""

    get: Get
    constant: Any = _VARIES

    @property
    def is_constant(self) -> bool:
        """Whether it has the same value for each record."""
        return self.constant is not _VARIES


def constant(value: Any) -> Value:
    """An expression that is always `value`."""
    return Value(lambda _: value, value)


def all_of(conditions: list[Condition]) -> Condition:
    """Whether each condition holds; after one that does not, none is asked."""
    if len(conditions) == 2:
        first, second = conditions
        return lambda record: first(record) and second(record)
    return lambda record: all(condition(record) for condition in conditions)


def any_of(conditions: list[Condition]) -> Condition:
    """Whether a condition holds; after one that does, none is asked."""
    if len(conditions) == 1:
        return conditions[0]
    if len(conditions) == 2:
        first, second = conditions
        return lambda record: first(record) or second(record)
    return lambda record: any(condition(record) for condition in conditions)


def truth(get: Get, name: str) -> Condition:
    """What a converter returns, as a condition."""

    def holds(record: Record) -> bool:
        value = get(record)
        if type(value) is bool:
            return value
        raise EvaluationError(f"{name} gives {type_name(value)}, which is not true or false")

    return holds


def equality(get: Get, constant: Any, *, equal: bool) -> Condition:
    """A comparison with a constant."""
    if constant is None:
        if equal:
            return lambda record: get(record) is None
        return lambda record: get(record) is not None
    if isinstance(constant, str | bytes):
        if equal:
            return lambda record: bool(get(record) == constant)
        return lambda record: bool(get(record) != constant)
    holds = equals(constant)
    return lambda record: holds(get(record)) is equal


def calculated(operation: str, left: Value, right: Value) -> Value:
    """An arithmetic expression."""
    first, second = left.get, right.get
    value = Value(lambda record: calculate(operation, first(record), second(record)))
    return folded(value) if left.is_constant and right.is_constant else value


def negative(operand: Value) -> Value:
    """An operand with the sign `-`."""
    get = operand.get
    value = Value(lambda record: negated(get(record)))
    return folded(value) if operand.is_constant else value


def called(call: Callable[..., Any], getters: list[Get]) -> Get:
    """A call of `call` with what the getters give."""
    if not getters:
        return lambda _: call()
    if len(getters) == 1:
        (only,) = getters
        return lambda record: call(only(record))
    if len(getters) == 2:
        first, second = getters
        return lambda record: call(first(record), second(record))
    return lambda record: call(*[get(record) for get in getters])


def folded(value: Value) -> Value:
    """The constant that `value` always is. An error stays one for each record."""
    try:
        return constant(value.get(Record()))
    except EvaluationError:
        return value


def checked(value: Value, check: Callable[[Any], Any]) -> Value:
    """The value as a parameter takes it.

    Raises:
        EvaluationError: it is a constant that the parameter does not take.
    """
    if value.is_constant:
        return constant(check(value.constant))
    get = value.get
    return Value(lambda record: check(get(record)))


def indexed(value: Value, key: Value) -> Value:
    """An element of a map or slice; of a map that has none, nil."""
    get, get_key = value.get, key.get

    def element(record: Record) -> Any:
        holder, key = get(record), get_key(record)
        if isinstance(holder, dict) and type(key) is str:
            return holder.get(key)
        if isinstance(holder, list) and type(key) is int:
            if 0 <= key < len(holder):
                return holder[key]
            raise EvaluationError(f"index {key} is outside of a slice of {len(holder)}")
        raise EvaluationError(f"{type_name(holder)} has no key {key!r}")

    return Value(element)


def list_of(items: list[Value]) -> Value:
    """A slice."""
    if all(item.is_constant for item in items):
        return constant([item.constant for item in items])
    getters = [item.get for item in items]
    return Value(lambda record: [get(record) for get in getters])


def map_of(items: dict[str, Value]) -> Value:
    """A map."""
    if all(item.is_constant for item in items.values()):
        return constant({key: item.constant for key, item in items.items()})
    getters = {key: item.get for key, item in items.items()}
    return Value(lambda record: {key: get(record) for key, get in getters.items()})
