"""What follows an operand: `offset`, `@`, `[…]`, `anchored` and `smoothed`."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from belvedere.query.go_format import format_f
from belvedere.query.promql.ast import (
    DurationExpression,
    Expression,
    MatrixSelector,
    Subquery,
    TimeShift,
    VectorSelector,
)
from belvedere.query.promql.duration_syntax import (
    milliseconds,
    offset_duration,
    positive_duration,
)
from belvedere.query.promql.numbers_syntax import signed_number
from belvedere.query.promql.position import Position
from belvedere.query.promql.token_stream import TokenStream

_Selector: TypeAlias = VectorSelector | MatrixSelector | Subquery
_STEP_EXPECTED: Final = 'number, duration, step(), range(), or "]"'
_MAX_INT64: Final = 1 << 63
_MAX_MS: Final = 1 << 62


def modified(tokens: TokenStream, operand: Expression) -> Expression:
    """The operand with all modifiers that follow it."""
    while (rule := _RULES.get(tokens.ahead.kind)) is not None:
        operand = rule(tokens, operand)
    return operand


def _shifted(operand: _Selector, shift: TimeShift, end: int) -> _Selector:
    position = Position(operand.position.start, end)
    if isinstance(operand, MatrixSelector):
        selector = replace(operand.selector, shift=shift)
        return replace(operand, selector=selector, position=position)
    return replace(operand, shift=shift, position=position)


def _shift_of(operand: _Selector) -> TimeShift:
    return operand.selector.shift if isinstance(operand, MatrixSelector) else operand.shift


def _offset(tokens: TokenStream, operand: Expression) -> Expression:
    tokens.take()
    duration = offset_duration(tokens)
    if not isinstance(operand, _Selector):
        tokens.fault(
            operand.position,
            "offset modifier must be preceded by an instant vector selector or range vector "
            "selector or a subquery",
        )
        return operand
    shift = _shift_of(operand)
    if shift.has_offset:
        tokens.fault(operand.position, "offset may not be set multiple times")
        return operand
    if isinstance(duration, DurationExpression):
        shift = replace(shift, offset_expression=duration)
    else:
        shift = replace(shift, offset_ms=milliseconds(duration))
    return _shifted(operand, shift, duration.position.end)


def _at(tokens: TokenStream, operand: Expression) -> Expression:
    tokens.take()
    at_ms, bound = None, None
    if (token := tokens.take_if("start", "end")) is not None:
        bound = token.kind
        tokens.expect("(", "@", "timestamp")
        end = tokens.expect(")", "@", "timestamp").end
    else:
        number = signed_number(tokens, "@", "timestamp")
        end = number.position.end
        if not abs(number.value) < _MAX_INT64:
            shown = format_f(number.value) if math.isnan(number.value) else f"{number.value:f}"
            shown = {"inf": "+Inf", "-inf": "-Inf"}.get(shown, shown)
            tokens.fault(operand.position, f"timestamp out of bounds for @ modifier: {shown}")
        else:
            # No sample is that far away; offsets are added later, within 64 bits.
            at_ms = max(-_MAX_MS, min(round_half_away(number.value * 1000), _MAX_MS))
    if not isinstance(operand, _Selector):
        tokens.fault(
            operand.position,
            "@ modifier must be preceded by an instant vector selector or range vector selector "
            "or a subquery",
        )
        return operand
    shift = _shift_of(operand)
    if shift.has_at:
        tokens.fault(operand.position, "@ <timestamp> may not be set multiple times")
        return operand
    return _shifted(operand, replace(shift, at_ms=at_ms, at_bound=bound), end)


def round_half_away(value: float) -> int:
    """Go's `math.Round`."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _range(tokens: TokenStream, operand: Expression) -> Expression:
    opening = tokens.take()
    range_ = positive_duration(tokens, "subquery or range selector")
    range_expression = range_ if isinstance(range_, DurationExpression) else None
    if tokens.take_if(":") is None:
        closing = tokens.expect("]", "subquery or range", '":" or "]"')
        fault = _range_fault(operand)
        if fault:
            tokens.fault(Position(opening.start, closing.end), fault)
        if not isinstance(operand, VectorSelector):
            return operand
        position = Position(operand.position.start, closing.end)
        return MatrixSelector(operand, milliseconds(range_), range_expression, position)
    step_ms, step_expression = 0, None
    if (end := tokens.take_if("]")) is None:
        step = positive_duration(tokens, "subquery selector", _STEP_EXPECTED)
        end = tokens.expect("]", "subquery selector", '"]"')
        step_ms = milliseconds(step)
        step_expression = step if isinstance(step, DurationExpression) else None
    return Subquery(
        operand,
        milliseconds(range_),
        step_ms,
        range_expression,
        step_expression,
        position=Position(operand.position.start, end.end),
    )


def _range_fault(operand: Expression) -> str:
    if not isinstance(operand, VectorSelector):
        return "ranges only allowed for vector selectors"
    if operand.shift.has_offset:
        return "no offset modifiers allowed before range"
    if operand.shift.has_at:
        return "no @ modifiers allowed before range"
    return ""


def _boundary(tokens: TokenStream, operand: Expression) -> Expression:
    boundary = tokens.take().kind
    selector = operand.selector if isinstance(operand, MatrixSelector) else operand
    if not tokens.options.extended_ranges:
        fault = f"{boundary} modifier is experimental and not enabled"
    elif isinstance(operand, Subquery):
        fault = f"{boundary} modifier is not supported for subqueries"
    elif not isinstance(selector, VectorSelector):
        fault = f"{boundary} modifier not implemented"
    elif selector.boundary not in {"", boundary}:
        fault = "anchored and smoothed modifiers cannot be used together"
    elif isinstance(operand, MatrixSelector):
        return replace(operand, selector=replace(selector, boundary=boundary))
    else:
        return replace(selector, boundary=boundary)
    tokens.fault(operand.position, fault)
    return operand


_RULES: Final[dict[str, Callable[[TokenStream, Expression], Expression]]] = {
    "offset": _offset,
    "@": _at,
    "[": _range,
    "anchored": _boundary,
    "smoothed": _boundary,
}
