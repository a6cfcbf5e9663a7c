"""The text of a template → tokens. Text outside of `{{ }}` is one token."""

import re
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from belvedere.query.go_format import quote
from belvedere.rules.template.errors import TemplateSyntaxError

KEYWORDS: Final = frozenset(
    (
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "nil",
        "range",
        "template",
        "with",
    )
)
_LEFT: Final = "{{"
_WHITE: Final = " \t\r\n"
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_RIGHT: Final = re.compile(r"(?P<trim>[ \t\r\n]-)?\}\}")
_NUMBER: Final = (
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9_]+)?)"
)
_TOKEN: Final = re.compile(
    rf"""(?P<space>[ \t\r\n]+)
    |(?P<number>{_NUMBER})
    |(?P<field>\.[^\W\d]\w*)
    |(?P<variable>\$\w*)
    |(?P<identifier>[^\W\d]\w*)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<char>'(?:[^'\\\n]|\\[^\n])+')
    |(?P<sign>:=|[=|(),.])""",
    re.VERBOSE,
)
_ENDS_OPERAND: Final = frozenset(" \t\r\n.,|:=)(")


class Token(NamedTuple):
    """A piece of a template.

    Attributes:
        kind: `text`, `left`, `right`, `number`, `field`, `variable`, `identifier`, `keyword`,
            `string`, `raw`, `char`, `end` of the text, or the sign itself.
        text: As it is written; of `text` without what trim markers take away.
        start: Where it begins in the template.
        end: Where it ends.
        spaced: White space is before it.
    """

    kind: str
    text: str
    start: int
    end: int
    spaced: bool


def line_of(text: str, at: int) -> int:
    """The line of a place in a text; the first is 1."""
    return text.count("\n", 0, at) + 1


def tokens(name: str, text: str) -> Iterator[Token]:
    """The tokens of a template, `end` last.

    Raises:
        TemplateSyntaxError: a part of the text begins no token.
    """
    at, trim_left = 0, False
    while True:
        start = text.find(_LEFT, at)
        literal = text[at : start if start >= 0 else len(text)]
        begin = at
        if trim_left:
            begin += len(literal) - len(literal.lstrip(_WHITE))
            literal = literal.lstrip(_WHITE)
        if start < 0:
            if literal:
                yield Token("text", literal, begin, len(text), False)
            yield Token("end", "", len(text), len(text), False)
            return
        inner = start + len(_LEFT)
        if text.startswith("-", inner) and text[inner + 1 : inner + 2] in tuple(_WHITE):
            literal = literal.rstrip(_WHITE)
            inner += 2
        if literal:
            yield Token("text", literal, begin, start, False)
        comment = _COMMENT.match(text, inner)
        if comment or text.startswith("/*", inner):
            at, trim_left = _after_comment(name, text, comment, inner)
            continue
        yield Token("left", _LEFT, start, inner, False)
        at, trim_left = yield from _action(name, text, inner)


def _after_comment(
    name: str, text: str, comment: re.Match[str] | None, inner: int
) -> tuple[int, bool]:
    if comment is None:
        raise syntax_error(name, text, inner, "unclosed comment")
    right = _RIGHT.match(text, comment.end())
    if right is None:
        raise syntax_error(name, text, inner, "comment ends before closing delimiter")
    return right.end(), right["trim"] is not None


def _action(name: str, text: str, at: int) -> Generator[Token, None, tuple[int, bool]]:
    """The tokens up to `}}`; returns where it ends, and whether the text after it is trimmed."""
    spaced, depth = False, 0
    while True:
        right = _RIGHT.match(text, at)
        if right:
            if depth:
                raise syntax_error(name, text, at, "unclosed left paren")
            yield Token("right", right.group(), at, right.end(), spaced)
            return right.end(), right["trim"] is not None
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(name, text, at)
        kind, value = match.lastgroup or "", match.group()
        start, at = at, match.end()
        if kind == "space":
            spaced = True
            continue
        if kind == "sign":
            kind = value
            depth += {"(": 1, ")": -1}.get(value, 0)
            if depth < 0:
                raise syntax_error(name, text, start, "unexpected right paren")
        else:
            _check_ending(name, text, kind, start, at)
        if kind == "identifier" and value in KEYWORDS:
            kind = "keyword"
        yield Token(kind, value, start, at, spaced)
        spaced = False


def _check_ending(name: str, text: str, kind: str, start: int, at: int) -> None:
    """Refuses what is stuck to the end of a word or a number."""
    if at == len(text) or text[at] in _ENDS_OPERAND or text.startswith("}}", at):
        return
    if kind == "number":
        raise syntax_error(name, text, start, f"bad number syntax: {quote(text[start : at + 1])}")
    if kind in {"identifier", "field", "variable"}:
        raise syntax_error(name, text, start, f"bad character {_code(text[at])}")


def _code(character: str) -> str:
    return f"U+{ord(character):04X} {character!r}"


def _unreadable(name: str, text: str, at: int) -> TemplateSyntaxError:
    if at == len(text):
        return syntax_error(name, text, at, "unclosed action")
    unterminated = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}
    unterminated["'"] = "unterminated character constant"
    problem = unterminated.get(text[at])
    if problem is None:
        problem = f"unrecognized character in action: {_code(text[at])}"
    return syntax_error(name, text, at, problem)


def syntax_error(name: str, text: str, at: int, problem: str) -> TemplateSyntaxError:
    """An error at a place of a template, as Go writes it."""
    return TemplateSyntaxError(f"template: {name}:{line_of(text, at)}: {problem}")
