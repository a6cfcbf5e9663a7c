"""Text → syntax tree."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from belvedere.collector.ottl import tree
from belvedere.collector.ottl.errors import OttlError

MAX_LENGTH = 65_536
"""Characters of a statement."""
MAX_DEPTH = 32
"""Parentheses, brackets, braces and negations within each other: trees are walked recursively."""

_INT64 = range(-(1 << 63), 1 << 63)


def parse_statement(text: str) -> tree.Statement:
    """The tree of `editor(...) where condition`.

    Raises:
        OttlError: it is none; the message has line and column, and what was expected.
    """
    statement: tree.Statement = _parse(text, "statement")
    return statement


def parse_condition(text: str) -> tree.Expression:
    """The tree of a condition.

    Raises:
        OttlError: it is none; the message has line and column, and what was expected.
    """
    condition: tree.Expression = _parse(text, "condition")
    return condition


def _parse(text: str, start: str) -> Any:
    if len(text) > MAX_LENGTH:
        raise OttlError(f"longer than {MAX_LENGTH} characters")
    if not text.strip():
        raise OttlError(f"a {start} is expected, not an empty text")
    try:
        _check_depth(text)
        return _Builder(text).transform(_parser().parse(text, start=start))
    except UnexpectedInput as error:
        raise _explained(error, text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, OttlError):
            raise error.orig_exc from None
        raise


@cache
def _parser() -> Lark:
    grammar = File(__file__).with_name("ottl.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=["statement", "condition"],
        maybe_placeholders=False,
    )


def _check_depth(text: str) -> None:
    depth = negations = 0
    for token in _parser().lex(text):
        if token.type in {"LPAR", "LSQB", "LBRACE"}:
            depth += 1
        elif token.type in {"RPAR", "RSQB", "RBRACE"}:
            depth -= 1
        negations = negations + 1 if token.type == "NOT" else 0
        if depth > MAX_DEPTH or negations > MAX_DEPTH:
            raise OttlError(f"nested deeper than {MAX_DEPTH}", text, token.start_pos or 0)


_NAMES = {
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "COMMA": ",",
    "DOT": ".",
    "COLON": ":",
    "EQUAL": "=",
    "LOWER": "a path or editor",
    "UPPER": "a converter or enum",
    "STRING": "a string",
    "INT": "a number",
    "FLOAT": "a number",
    "BYTES": "bytes",
    "SIGN": "+ or -",
    "MULTIPLY": "* or /",
    "COMPARISON": "a comparison",
    "TRUE": "true",
    "FALSE": "false",
    "NIL": "nil",
    "NOT": "not",
    "AND": "and",
    "OR": "or",
    "WHERE": "where",
    "$END": "the end",
}
_A_VALUE = {"LOWER", "UPPER", "STRING", "INT", "FLOAT", "BYTES", "TRUE", "FALSE", "NIL", "LBRACE"}


def _explained(error: UnexpectedInput, text: str) -> OttlError:
    at = (
        len(text) if error.pos_in_stream is None or error.pos_in_stream < 0 else error.pos_in_stream
    )
    if isinstance(error, UnexpectedCharacters):
        if text[at] == '"':
            return OttlError("this string has no closing quote", text, at)
        if text[at] == "=":
            return OttlError("a single = does not compare; write ==", text, at)
        return OttlError(f"{text[at]!r} means nothing here", text, at)
    if not isinstance(error, UnexpectedToken):
        return OttlError("unexpected end", text, len(text))
    token = error.token
    at = len(text) if token.type == "$END" else (token.start_pos or 0)
    wanted = set(error.accepts or error.expected)
    if token.type == "EQUAL" and "COMPARISON" in wanted:
        return OttlError("a single = does not compare; write ==", text, at)
    names = {_NAMES.get(each, each) for each in (wanted - _GOES_ON) or wanted}
    if wanted >= _A_VALUE:
        names = {"a value"} | {_NAMES.get(each, each) for each in wanted - _A_VALUE - _WITH_VALUES}
    seen = "the end" if token.type == "$END" else f"`{token}`"
    return OttlError(f"expected {_or(sorted(names))}, not {seen}", text, at)


_WITH_VALUES = {"LPAR", "LSQB", "SIGN", "NOT"}
_GOES_ON = {"LPAR", "LSQB", "DOT", "SIGN", "MULTIPLY", "COMPARISON", "EQUAL"}
"""What may follow almost any value, and helps nobody in an error."""


def _or(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


class _Builder(Transformer_NonRecursive[Token, Any]):
    """Makes the nodes of `tree`. Methods are named as the rules of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(visit_tokens=False)
        self._text = text

    def statement(self, parts: list[Any]) -> tree.Statement:
        call, *rest = parts
        if not call.name[0].islower():
            raise self._error(
                f"`{call.name}` is a converter; a statement begins with an editor, such as set",
                call.at,
            )
        if call.keys:
            raise self._error("what an editor returns has no keys", call.keys[0].at)
        return tree.Statement(call, rest[1] if rest else None, at=call.at)

    def condition(self, parts: list[Any]) -> tree.Expression:
        expression: tree.Expression = parts[0]
        return expression

    def disjunction(self, parts: list[Any]) -> tree.Expression:
        return _joined(tree.Or, parts)

    def conjunction(self, parts: list[Any]) -> tree.Expression:
        return _joined(tree.And, parts)

    def negation(self, parts: list[Any]) -> tree.Not:
        return tree.Not(parts[1], at=parts[0].start_pos or 0)

    def comparison(self, parts: list[Any]) -> tree.Comparison:
        left, operator, right = parts
        return tree.Comparison(left, str(operator), right, at=left.at)

    def addition(self, parts: list[Any]) -> tree.Expression:
        first, *rest = parts
        if not rest:
            expression: tree.Expression = first
            return expression
        return tree.Arithmetic(first, tuple(_pairs(rest)), at=first.at)

    multiplication = addition

    def signed(self, parts: list[Any]) -> tree.Expression:
        sign, operand = parts
        expression: tree.Expression = operand
        return tree.Negative(expression, at=sign.start_pos or 0) if sign == "-" else expression

    def number(self, parts: list[Token]) -> tree.Literal:
        text = "".join(parts)
        at = parts[0].start_pos or 0
        if parts[-1].type == "FLOAT":
            return tree.Literal(float(text), at=at)
        if len(text) > _LONGEST_INT or int(text) not in _INT64:
            raise self._error(f"{text[:24]} does not fit in 64 bits", at)
        return tree.Literal(int(text), at=at)

    def text(self, parts: list[Token]) -> tree.Literal:
        return tree.Literal(self._unquoted(parts[0]), at=parts[0].start_pos or 0)

    def octets(self, parts: list[Token]) -> tree.Literal:
        digits = parts[0][2:]
        at = parts[0].start_pos or 0
        if len(digits) % 2:
            raise self._error("bytes need two hexadecimal digits each", at)
        return tree.Literal(bytes.fromhex(digits), at=at)

    def yes(self, parts: list[Token]) -> tree.Literal:
        return tree.Literal(True, at=parts[0].start_pos or 0)

    def no(self, parts: list[Token]) -> tree.Literal:
        return tree.Literal(False, at=parts[0].start_pos or 0)

    def nil(self, parts: list[Token]) -> tree.Literal:
        return tree.Literal(None, at=parts[0].start_pos or 0)

    def call(self, parts: list[Any]) -> tree.Call:
        name, *rest = parts
        arguments = tuple(part for part in rest if isinstance(part, tree.Argument))
        keys = tuple(part.key for part in rest if isinstance(part, _Key))
        return tree.Call(str(name), arguments, keys, at=name.start_pos or 0)

    def argument(self, parts: list[Any]) -> tree.Argument:
        *name, value = parts
        return tree.Argument(value, str(name[0]) if name else None, at=value.at)

    def symbol(self, parts: list[Token]) -> tree.Symbol:
        return tree.Symbol(str(parts[0]), at=parts[0].start_pos or 0)

    def path(self, parts: list[tree.Field]) -> tree.Path:
        return tree.Path(tuple(parts), at=parts[0].at)

    def field(self, parts: list[Any]) -> tree.Field:
        name, *keys = parts
        return tree.Field(str(name), tuple(key.key for key in keys), at=name.start_pos or 0)

    def key(self, parts: list[Any]) -> "_Key":
        return _Key(parts[0])

    def sequence(self, parts: list[Any]) -> tree.List:
        return tree.List(tuple(parts), at=parts[0].at if parts else 0)

    def mapping(self, parts: list[Any]) -> tree.Map:
        return tree.Map(tuple(parts), at=parts[0][1].at if parts else 0)

    def item(self, parts: list[Any]) -> tuple[str, tree.Expression]:
        return self._unquoted(parts[0]), parts[1]

    def _unquoted(self, token: Token) -> str:
        start = token.start_pos or 0

        def character(found: re.Match[str]) -> str:
            escape = found[1]
            if len(escape) == 1 and (plain := _ESCAPES.get(escape)):
                return plain
            number = _number(escape)
            if number is None:
                raise self._error(
                    f"\\{escape} is no escape; write \\\\ for a backslash",
                    start + 1 + found.start(),
                )
            return number

        return _ESCAPE.sub(character, token[1:-1])

    def _error(self, message: str, at: int) -> OttlError:
        return OttlError(message, self._text, at)


class _Key:
    """A key in brackets, until the field or call that it belongs to is made."""

    def __init__(self, key: tree.Expression) -> None:
        self.key = key


_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
}
_LONGEST_INT = 20
"""Digits and sign of -(2 ** 63)."""


def _number(escape: str) -> str | None:
    """The character of `x41`, `u0041`, `U00000041` or `101`; None: it is no escape."""
    if len(escape) < 3:
        return None
    code = int(escape, 8) if escape[0].isdigit() else int(escape[1:], 16)
    surrogate = 0xD800 <= code < 0xE000
    return None if code > 0x10FFFF or surrogate else chr(code)


def _joined(kind: type[tree.And | tree.Or], parts: list[Any]) -> tree.Expression:
    operands = tuple(part for part in parts if not isinstance(part, Token))
    only: tree.Expression = operands[0]
    return only if len(operands) == 1 else kind(operands, at=only.at)


def _pairs(rest: list[Any]) -> Iterator[tuple[str, tree.Expression]]:
    for index in range(0, len(rest), 2):
        yield str(rest[index]), rest[index + 1]
