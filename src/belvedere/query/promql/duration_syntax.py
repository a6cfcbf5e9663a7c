"""Durations as they stand in `[…]` and after `offset`: literals and arithmetic."""

from dataclasses import replace
from typing import Final

from belvedere.query.promql.ast import Duration, DurationExpression, NumberLiteral
from belvedere.query.promql.numbers_syntax import literal, negated
from belvedere.query.promql.position import Position
from belvedere.query.promql.token_stream import TokenStream
from belvedere.query.promql.tokens import DURATION, NUMBER, Token

_EXPECTED: Final = "number, duration, step(), or range()"
_BINDING: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_SIGN_BINDING: Final = 2
_LIMIT_S: Final = (1 << 63) / 1e9
_OFFSET: Final = "offset"


def positive_duration(tokens: TokenStream, construct: str, expected: str = _EXPECTED) -> Duration:
    """The duration of a range or a step: a literal must be more than 0."""
    duration = _expression(tokens, 0, construct, expected)
    if isinstance(duration, NumberLiteral) and duration.value <= 0:
        tokens.fault(duration.position, "duration must be greater than 0")
    return duration


def offset_duration(tokens: TokenStream) -> Duration:
    """The duration of an offset.

    Arithmetic needs parentheses here: `foo offset 1m + 2` is `(foo offset 1m) + 2`.
    """
    sign = tokens.take_if("+", "-")
    operand = _operand(tokens, _OFFSET, _EXPECTED)
    return operand if sign is None else _signed(tokens, sign, operand)


def milliseconds(duration: Duration) -> int:
    """The milliseconds of a literal, 0 for an expression."""
    if isinstance(duration, DurationExpression) or abs(duration.value) > _LIMIT_S:
        return 0
    return int(round(duration.value * 1e9) / 1e6)


def _expression(tokens: TokenStream, minimum: int, construct: str, expected: str) -> Duration:
    with tokens.deeper():
        sign = tokens.take_if("+", "-")
        if sign is None:
            left = _operand(tokens, construct, expected)
        else:
            operand = _expression(tokens, _SIGN_BINDING + 1, construct, expected)
            left = _signed(tokens, sign, operand)
        while (binding := _BINDING.get(tokens.ahead.kind, 0)) > minimum - 1 and binding:
            operator = tokens.take()
            # ^ binds from the right, all others from the left.
            next_minimum = binding if operator.kind == "^" else binding + 1
            right = _expression(tokens, next_minimum, construct, expected)
            left = _binary(tokens, operator, left, right)
        return left


def _binary(tokens: TokenStream, operator: Token, left: Duration, right: Duration) -> Duration:
    if not tokens.options.duration_expressions:
        tokens.fault(left.position, "experimental duration expression is not enabled")
    if operator.kind in "/%" and isinstance(right, NumberLiteral) and right.value == 0:
        what = "division" if operator.kind == "/" else "modulo"
        tokens.fault(right.position, f"{what} by zero")
    position = Position(left.position.start, right.position.end)
    expression = DurationExpression(operator.kind, left, right, position=position)
    if expression.height > tokens.options.max_height:
        tokens.too_deep(position, tokens.options.max_height)
    return expression


def _signed(tokens: TokenStream, sign: Token, operand: Duration) -> Duration:
    position = Position(sign.start, operand.position.end)
    if isinstance(operand, NumberLiteral):
        if sign.kind == "+":
            return replace(operand, position=position)
        return _checked(tokens, negated(operand, sign.start))
    if sign.kind == "+":
        return operand
    return DurationExpression("-", None, operand, position=position)


def _operand(tokens: TokenStream, construct: str, expected: str) -> Duration:
    token = tokens.ahead
    if token.kind in {NUMBER, DURATION}:
        return _checked(tokens, literal(tokens, tokens.take()))
    if token.kind in {"step", "range"}:
        tokens.take()
        tokens.expect("(", construct)
        end = tokens.expect(")", construct).end
        return DurationExpression(token.kind, position=Position(token.start, end))
    if token.kind in {"min_of", "max_of"}:
        tokens.take()
        tokens.expect("(", construct)
        left = _expression(tokens, 0, construct, expected)
        tokens.expect(",", construct)
        right = _expression(tokens, 0, construct, expected)
        end = tokens.expect(")", construct).end
        return DurationExpression(token.kind, left, right, position=Position(token.start, end))
    if token.kind == "(":
        return _parentheses(tokens, construct, expected)
    return tokens.unexpected(construct, expected)


def _parentheses(tokens: TokenStream, construct: str, expected: str) -> Duration:
    if not tokens.options.duration_expressions:
        tokens.fault(tokens.ahead.position, "experimental duration expression is not enabled")
    start = tokens.take().start
    inner = _expression(tokens, 0, construct, expected)
    position = Position(start, tokens.expect(")", construct).end)
    if isinstance(inner, DurationExpression):
        return replace(inner, wrapped=True, position=position)
    # A number has no parentheses of its own: a plus sign, which is not printed, carries them.
    return DurationExpression("+", None, inner, wrapped=True, position=position)


def _checked(tokens: TokenStream, number: NumberLiteral) -> NumberLiteral:
    if not abs(number.value) <= _LIMIT_S:
        tokens.fault(number.position, "duration out of range")
        return replace(number, value=0.0)
    return number
