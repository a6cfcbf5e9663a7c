"""Tokens with one of look-ahead, and the faults found so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

from belvedere.query.promql.errors import ParseFault
from belvedere.query.promql.lexer import Lexer, LexicalError
from belvedere.query.promql.options import ParserOptions
from belvedere.query.promql.position import Position
from belvedere.query.promql.tokens import Token


class SyntaxFault(Exception):  # noqa: N818 # it ends the parsing; the faults say what is wrong
    """No tree can be made; the last of `faults` says why."""


class TokenStream:
    """What the rules of the grammar read from.

    A rule that cannot go on calls `unexpected`, which ends the parsing. A rule that can go on
    calls `fault`: all faults are reported, in their order, and the first is the one shown.
    """

    def __init__(self, query: str, options: ParserOptions) -> None:
        self.options = options
        self.faults: list[ParseFault] = []
        self._lexer = Lexer(query)
        self._ahead: Token | None = None
        self._constructs: list[str] = []
        self._depth = 0
        self._taken = 0

    @property
    def text(self) -> str:
        """The query, a character a byte."""
        return self._lexer.text

    @property
    def ahead(self) -> Token:
        """The next token, which stays."""
        if self._ahead is None:
            try:
                self._ahead = self._lexer.next()
            except LexicalError as error:
                self.faults.append(error.fault)
                raise SyntaxFault from None
        return self._ahead

    def take(self) -> Token:
        """The next token, which goes."""
        token = self.ahead
        self._ahead = None
        self._taken += 1
        if self._taken > self.options.max_tokens:
            self.fault(token.position, f"query has more than {self.options.max_tokens} tokens")
            raise SyntaxFault
        return token

    def take_if(self, *kinds: str) -> Token | None:
        """The next token if it is of these kinds."""
        return self.take() if self.ahead.kind in kinds else None

    def expect(self, kind: str, construct: str = "", expected: str = "") -> Token:
        """The next token, which must be of this kind."""
        return self.take_if(kind) or self.unexpected(construct, expected)

    def fault(self, position: Position, message: str) -> None:
        self.faults.append(ParseFault(position, message))

    def unexpected(self, construct: str = "", expected: str = "") -> Never:
        """Ends the parsing: the next token does not fit.

        Args:
            construct: Where; by default the innermost construct being read that upstream names.
            expected: What would fit.
        """
        construct = construct or (self._constructs[-1] if self._constructs else "")
        message = f"unexpected {self.ahead.describe()}"
        message += f" in {construct}" if construct else ""
        message += f", expected {expected}" if expected else ""
        self.fault(self.ahead.position, message)
        raise SyntaxFault

    def too_deep(self, position: Position, limit: int) -> Never:
        """Ends the parsing: the tree would be too high for those who walk through it."""
        self.fault(position, f"expression is nested deeper than {limit} levels")
        raise SyntaxFault

    @contextmanager
    def within(self, construct: str) -> Iterator[None]:
        """Names the construct for `unexpected` while it is being read."""
        self._constructs.append(construct)
        try:
            yield
        finally:
            self._constructs.pop()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Bounds how deep rules call themselves."""
        self._depth += 1
        if self._depth > self.options.max_nesting:
            self.too_deep(self.ahead.position, self.options.max_nesting)
        try:
            yield
        finally:
            self._depth -= 1
