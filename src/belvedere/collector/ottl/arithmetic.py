"""`+ - * /` by OTTL's rules: 64-bit integers that wrap, doubles, times and durations."""

from typing import Any

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.values import Duration, Time, type_name, wrapped


def calculate(operation: str, left: Any, right: Any) -> Any:
    """`left operation right`.

    Integers divide towards zero. An int with a double is a double. A time minus a time is a
    duration; a duration can be added to a time or duration and taken from one.

    Raises:
        EvaluationError: the types do not go together, or the divisor is zero.
    """
    match left, right:
        case (bool(), _) | (_, bool()):
            pass
        case int(), int():
            return _integers(operation, left, right)
        case int() | float(), int() | float():
            return _doubles(operation, float(left), float(right))
        case _ if operation in {"+", "-"}:
            if (result := _times(operation, left, right)) is not None:
                return result
    raise EvaluationError(f"{type_name(left)} {operation} {type_name(right)} cannot be calculated")


def negated(value: Any) -> int | float:
    """`-value`; the least integer stays as it is, as 64 bits wrap.

    Raises:
        EvaluationError: if the value is not a number.
    """
    if type(value) is int:
        return wrapped(-value)
    if type(value) is float:
        return -value
    raise EvaluationError(
        f"invalid operand of the sign -: expected a number, not {type_name(value)}"
    )


def _integers(operation: str, left: int, right: int) -> int:
    if operation == "+":
        return wrapped(left + right)
    if operation == "-":
        return wrapped(left - right)
    if operation == "*":
        return wrapped(left * right)
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return wrapped(quotient if (left < 0) == (right < 0) else -quotient)


def _doubles(operation: str, left: float, right: float) -> float:
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    if operation == "*":
        return left * right
    if right == 0:
        raise EvaluationError("division by zero")
    return left / right


def _times(operation: str, left: Any, right: Any) -> Time | Duration | None:
    sign = 1 if operation == "+" else -1
    match left, right:
        case Time(), Time() if sign < 0:
            return Duration(wrapped(left.ns - right.ns))
        case Time(), Duration():
            return Time(left.ns + sign * right.ns, left.zone)
        case Duration(), Time() if sign > 0:
            return Time(left.ns + right.ns, right.zone)
        case Duration(), Duration():
            return Duration(wrapped(left.ns + sign * right.ns))
    return None
