"""Numbers and durations in the place of numbers."""

import math
import re

from belvedere.query.go_format import quote
from belvedere.query.promql.ast import NumberLiteral
from belvedere.query.promql.duration import parse_duration
from belvedere.query.promql.position import Position
from belvedere.query.promql.token_stream import TokenStream
from belvedere.query.promql.tokens import DURATION, NUMBER, Token

_OCTAL = re.compile(r"0[0-7]+\Z")
_MAX_INTEGER = (1 << 63) - 1
_MAX_HEXADECIMAL = 1 << 1023


def parse_number(text: str) -> float:
    """A number of the language: decimal, `0x1f`, `017` (octal), `1_000`, `Inf`, `NaN`."""
    plain = text.replace("_", "").lower()
    if plain.startswith("0x"):
        return float(min(int(plain, 16), _MAX_HEXADECIMAL))
    if _OCTAL.match(plain) and int(plain, 8) <= _MAX_INTEGER:
        return float(int(plain, 8))
    return math.nan if plain == "nan" else float(plain)


def literal(tokens: TokenStream, token: Token) -> NumberLiteral:
    """The literal of a token that is a number or a duration; a bad duration is a fault."""
    if token.kind == NUMBER:
        value = parse_number(token.text)
        if math.isinf(value) and token.text.lower() != "inf":
            shown = f"strconv.ParseFloat: parsing {quote(token.text)}: value out of range"
            tokens.fault(token.position, f"error parsing number: {shown}")
        return NumberLiteral(value, position=token.position)
    try:
        milliseconds = parse_duration(token.text)
    except ValueError as error:
        tokens.fault(token.position, str(error))
        milliseconds = 0
    return NumberLiteral(milliseconds / 1000, is_duration=True, position=token.position)


def negated(number: NumberLiteral, start: int) -> NumberLiteral:
    """The number with the minus before it, which stands at `start`."""
    value = math.nan if math.isnan(number.value) else -number.value
    return NumberLiteral(value, number.is_duration, Position(start, number.position.end))


def signed_number(tokens: TokenStream, construct: str, expected: str) -> NumberLiteral:
    """A number or a duration, with or without a sign."""
    sign = tokens.take_if("+", "-")
    token = tokens.take_if(NUMBER, DURATION)
    if token is None:
        tokens.unexpected(construct, expected)
    number = literal(tokens, token)
    if sign is None:
        return number
    if sign.kind == "-":
        return negated(number, sign.start)
    return NumberLiteral(
        number.value, number.is_duration, Position(sign.start, number.position.end)
    )
