"""Tokens of ClickHouse SQL, as far as a policy needs them.

Where ClickHouse's own lexer is lenient or has changed over time (`#` and `//` comments,
typographic quotes, escapes and `$` in names), this one refuses: what passes here can be read in
one way only.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from belvedere.store.errors import QueryError, QueryNotAllowed, QueryTooLarge

MAX_QUERY_BYTES: Final = 256 << 10
"""ClickHouse's own default, `max_query_size`."""


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    """A keyword, a bare name, or a number."""
    NAME = auto()
    """A name in double quotes or backquotes."""
    STRING = auto()
    """A text in single quotes, in hexadecimal or binary digits, or a here document."""
    SIGN = auto()
    """One character of punctuation."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` is its content: of a quoted one, what stands between the quotes."""

    kind: Kind
    text: str
    offset: int
    """Where it begins, in characters of the statement."""

    @property
    def is_name(self) -> bool:
        """Whether it can name a table, a database or a function."""
        return self.kind in (Kind.WORD, Kind.NAME)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, in any case."""
        return self.kind is Kind.WORD and self.text.upper() in words

    def is_sign(self, sign: str) -> bool:
        """Whether it is this character of punctuation."""
        return self.kind is Kind.SIGN and self.text == sign


_SPACE: Final = re.compile(r"[ \t\n\r\f\v]+")
_LINE_COMMENT: Final = re.compile(r"--[^\n]*")
_EXPONENT_OR_COMMENT: Final = re.compile(r"(?<=[eEpP])--")
"""ClickHouse reads `1e--1` as a number, a minus and a number."""
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_WORD: Final = re.compile(r"\w+", re.ASCII)
_STRING: Final = re.compile(r"'((?:[^'\\]++|\\.|'')*+)'", re.DOTALL)
_BYTES: Final = re.compile(r"[xX]'([0-9A-Fa-f]*)'|[bB]'([01]*)'")
_NAME: Final = re.compile(r'"(?:[^"]++|"")*+"|`(?:[^`]++|``)*+`')
_HERE_DOCUMENT: Final = re.compile(r"(\$\w*\$)(.*?)\1", re.DOTALL | re.ASCII)
_SIGNS: Final = frozenset("()[]{},;.+-*/%=!<>?:|@^~&")


def tokenize(sql: str) -> list[Token]:
    """The tokens of a statement, without spaces and comments.

    Raises:
        QueryError: something is left open, or can be read in more than one way.
        QueryTooLarge: it is longer than `MAX_QUERY_BYTES`.
    """
    _check_text(sql)
    tokens = []
    offset = 0
    while offset < len(sql):
        if _EXPONENT_OR_COMMENT.match(sql, offset):
            raise _unreadable(sql, offset, "put a space before this comment")
        if found := _SPACE.match(sql, offset) or _LINE_COMMENT.match(sql, offset):
            offset = found.end()
        elif sql.startswith("/*", offset):
            offset = _end_of_comment(sql, offset)
        else:
            token, offset = _token(sql, offset)
            tokens.append(token)
    return tokens


def refusal(sql: str, offset: int, message: str, *, code: str = "READONLY") -> QueryNotAllowed:
    """The error for what may not stand at `offset` of a statement."""
    return QueryNotAllowed(f"{_place(sql, offset)}: {message}", code=code)


def _unreadable(sql: str, offset: int, message: str) -> QueryError:
    return QueryError(f"{_place(sql, offset)}: {message}", code="SYNTAX_ERROR")


def _place(sql: str, offset: int) -> str:
    line = sql.count("\n", 0, offset) + 1
    column = offset - (sql.rfind("\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def _check_text(sql: str) -> None:
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise _unreadable(sql, error.start, "this is half of a Unicode character") from None
    if size > MAX_QUERY_BYTES:
        raise QueryTooLarge(
            f"the query is longer than {MAX_QUERY_BYTES >> 10} KiB", code="QUERY_IS_TOO_LARGE"
        )
    if (offset := sql.find("\0")) >= 0:
        raise _unreadable(sql, offset, "a query cannot hold the character NUL")


def _end_of_comment(sql: str, offset: int) -> int:
    """Where a comment ends. Comments nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, offset):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise _unreadable(sql, offset, "this /* comment is not closed; close it with */")


def _token(sql: str, offset: int) -> tuple[Token, int]:
    """The token at `offset`, and where it ends."""
    char = sql[offset]
    if found := _BYTES.match(sql, offset):
        return Token(Kind.STRING, found[1] or found[2] or "", offset), found.end()
    if found := _WORD.match(sql, offset):
        return Token(Kind.WORD, found[0], offset), found.end()
    if char == "'":
        if found := _STRING.match(sql, offset):
            return Token(Kind.STRING, found[1], offset), found.end()
        raise _unreadable(sql, offset, "this text is not closed; close it with '")
    if char in '"`':
        return _name(sql, offset)
    if char == "$":
        after_word = offset > 0 and _WORD.match(sql, offset - 1)
        if not after_word and (found := _HERE_DOCUMENT.match(sql, offset)):
            return Token(Kind.STRING, found[2], offset), found.end()
        raise _unreadable(sql, offset, "unexpected $; it only begins a here document, $$text$$")
    if char == "#" or sql.startswith("//", offset):
        raise _unreadable(sql, offset, "write comments as -- to the end of the line, or /* so */")
    if char in _SIGNS:
        return Token(Kind.SIGN, char, offset), offset + 1
    raise _unreadable(
        sql,
        offset,
        f"unexpected character {char!r} (U+{ord(char):04X});"
        " texts stand in 'single quotes', names in \"double quotes\"",
    )


def _name(sql: str, offset: int) -> tuple[Token, int]:
    quote = sql[offset]
    found = _NAME.match(sql, offset)
    if found is None:
        raise _unreadable(sql, offset, f"this name is not closed; close it with {quote}")
    content = sql[offset + 1 : found.end() - 1]
    if "\\" in content:
        raise _unreadable(sql, offset, "a backslash in a quoted name is not supported here")
    return Token(Kind.NAME, content.replace(quote * 2, quote), offset), found.end()
