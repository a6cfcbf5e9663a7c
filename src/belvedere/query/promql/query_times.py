"""The times of a query, and what `start()`, `step()` and duration expressions are by them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from belvedere.query.promql.ast import Duration, NumberLiteral
from belvedere.query.promql.errors import ExecutionError

_LIMIT_S = float(1 << 63)


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """The times of a query.

    Attributes:
        start_ms: The first step, Unix milliseconds.
        end_ms: The end, inclusive; that of the request, not the last step.
        step_ms: The step; 0 for an instant query.
        default_step_ms: The step of subqueries that say none.
    """

    start_ms: int
    end_ms: int
    step_ms: int
    default_step_ms: int

    def seconds(self, name: str) -> float:
        """What `start`, `end`, `step` or `range` gives."""
        values = {
            "start": self.start_ms,
            "end": self.end_ms,
            "step": self.step_ms,
            "range": self.end_ms - self.start_ms,
        }
        return values[name] / 1000

    def milliseconds(self, duration: Duration, *, positive: bool) -> int:
        """The value of a duration expression, whole milliseconds towards zero.

        Raises:
            ExecutionError: it is not more than 0 where it must be, or divides by zero.
        """
        value = self._value(duration)
        if positive and value <= 0:
            raise ExecutionError("duration must be greater than 0", duration.position)
        if not abs(value) < _LIMIT_S / 1e9:
            raise ExecutionError("duration is out of range", duration.position)
        return int(value * 1000)

    def _value(self, duration: Duration) -> float:
        if isinstance(duration, NumberLiteral):
            return duration.value
        if duration.op in {"step", "range"}:
            return self.seconds(duration.op)
        left = 0.0 if duration.left is None else self._value(duration.left)
        right = 0.0 if duration.right is None else self._value(duration.right)
        if right == 0 and duration.op in {"/", "%"}:
            what = "division" if duration.op == "/" else "modulo"
            raise ExecutionError(f"{what} by zero", duration.position)
        try:
            return _OPERATORS[duration.op](left, right)
        except (OverflowError, ZeroDivisionError, ValueError):
            return math.inf


def _power(left: float, right: float) -> float:
    return math.pow(left, right)


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": math.fmod,
    "^": _power,
    "min_of": min,
    "max_of": max,
}
