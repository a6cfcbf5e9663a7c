"""Text → tokens, one at a time, so that errors come in the order of the text.

The query is read as its UTF-8 bytes, each byte one character (Latin-1): positions are bytes, as
upstream counts them, and all that the language itself consists of is ASCII. Text of strings is
decoded by the parser.
"""

import re
from typing import Final

from belvedere.query.go_format import quote
from belvedere.query.promql.errors import ParseFault
from belvedere.query.promql.position import Position
from belvedere.query.promql.tokens import (
    DURATION,
    EOF,
    FILL_KEYWORDS,
    IDENTIFIER,
    METRIC_IDENTIFIER,
    NUMBER,
    PREPROCESSORS,
    STRING,
    WORDS,
    Token,
)

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_WORD: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SIGN: Final = re.compile(r"==|!=|<=|</|>=|>/|[-+*/%^=<>(),@]")
_BRACE_SIGN: Final = re.compile(r"=~|!~|!=|[=,]")
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`', re.DOTALL)
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_NUMBER: Final = re.compile(
    r"0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?"
)
_UNITS: Final = re.compile(r"[smhdwy]s?(?:[0-9]+[smhdw]s?)*")
_BAD_NUMBER: Final = re.compile(r"[0-9_]*(?:\.[0-9]*[._]?)?(?:[eE][-+]?[._eE]?)?")
_ALPHANUMERIC: Final = re.compile(r"[a-zA-Z0-9_]")
_ESCAPE: Final = re.compile(
    r"\\(?:[abfnrtv\\'\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
)


class LexicalError(Exception):
    """Carries the fault; the lexer gives nothing after it."""

    def __init__(self, fault: ParseFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Lexer:
    """Gives tokens by `next`, with EOF at the end, again and again.

    Raises:
        LexicalError: from `next`, for text that is no token.
    """

    def __init__(self, query: str) -> None:
        self._text = query.encode("utf-8", "surrogateescape").decode("latin-1")
        self._at = 0
        self._parentheses = 0
        self._in_braces = False
        self._in_brackets = False
        self._colon_seen = False
        self._bracket_start = False

    @property
    def text(self) -> str:
        """The query, a character a byte."""
        return self._text

    def next(self) -> Token:  # noqa: PLR0911 # one a kind of token
        self._at = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr] # matches the empty text
        if self._at >= len(self._text):
            return self._end()
        if self._in_braces:
            return self._brace_token()
        character = self._text[self._at]
        if character in "\"'`" and not self._bracket_start:
            return self._string()
        if character.isascii() and character.isdigit():
            return self._number()
        if character == "." and self._text[self._at + 1 : self._at + 2].isdecimal():
            return self._number()
        if self._in_brackets:
            return self._bracket_token(character)
        if (word := _WORD.match(self._text, self._at)) is not None:
            return self._word(word.group())
        return self._sign(character)

    def _end(self) -> Token:
        if self._in_braces:
            raise self._error("unexpected end of input inside braces")
        if self._bracket_start:
            raise self._error("unexpected end of input in duration expression")
        if self._parentheses:
            raise self._error("unclosed left parenthesis")
        if self._in_brackets:
            raise self._error("unclosed left bracket")
        return Token(EOF, "", len(self._text))

    def _token(self, kind: str, text: str) -> Token:
        token = Token(kind, text, self._at)
        self._at = token.end
        self._bracket_start = False
        return token

    def _error(self, message: str, start: int | None = None) -> LexicalError:
        begin = self._at if start is None else start
        return LexicalError(ParseFault(Position(begin, len(self._text)), message))

    def _rune(self, at: int | None = None) -> str:
        """The character at a byte, quoted as Go quotes runes; of none, the replacement for it."""
        begin = self._at if at is None else at
        data = self._text[begin : begin + 4].encode("latin-1")
        for size in range(1, len(data) + 1):
            try:
                rune = data[:size].decode()
            except UnicodeDecodeError:
                continue
            return "'\\''" if rune == "'" else f"'{quote(rune)[1:-1]}'".replace('\\"', '"')
        return "'\ufffd'"

    def _brace_token(self) -> Token:
        character = self._text[self._at]
        if (word := _LABEL_WORD.match(self._text, self._at)) is not None:
            return self._token(IDENTIFIER, word.group())
        if character in "\"'`":
            return self._string()
        if (sign := _BRACE_SIGN.match(self._text, self._at)) is not None:
            return self._token(sign.group(), sign.group())
        if character == "}":
            self._in_braces = False
            return self._token("}", "}")
        if character == "!":
            shown = self._rune(self._at + 1)
            raise self._error(f"unexpected character after '!' inside braces: {shown}")
        if character == "{":
            raise self._error("unexpected left brace '{'")
        raise self._error(f"unexpected character inside braces: {self._rune()}")

    def _bracket_token(self, character: str) -> Token:
        if character == ":":
            if self._bracket_start:
                raise self._error("unexpected colon before duration in duration expression")
            if self._colon_seen:
                raise self._error("unexpected colon ':'")
            self._colon_seen = True
            return self._token(":", ":")
        if character == "[":
            raise self._error("unexpected left bracket '['")
        word = _LABEL_WORD.match(self._text, self._at)
        if word is not None and word.group().lower() in PREPROCESSORS - {"start", "end"}:
            return self._token(word.group().lower(), word.group())
        if word is not None and not self._bracket_start:
            raise self._error(f"unexpected character: {self._rune()}, expected ':'")
        if self._bracket_start and character not in "-+*/%^(),]":
            raise self._error(f"unexpected character in duration expression: {self._rune()}")
        return self._sign(character)

    def _word(self, text: str) -> Token:
        kind = text.lower()
        if kind in {"inf", "nan"}:
            return self._token(NUMBER, text)
        if kind in FILL_KEYWORDS:
            after = _BLANK.match(self._text, self._at + len(text))
            if after is None or self._text[after.end() : after.end() + 1] != "(":
                kind = IDENTIFIER
        if kind in WORDS or kind == IDENTIFIER:
            return self._token(kind, text)
        return self._token(METRIC_IDENTIFIER if ":" in text else IDENTIFIER, text)

    def _sign(self, character: str) -> Token:
        if character in "([{":
            return self._open(character)
        if character in ")]":
            return self._close(character)
        match = _SIGN.match(self._text, self._at)
        if match is None:
            if character == "!":
                shown = self._rune(self._at + 1)
                raise self._error(f"unexpected character after '!': {shown}")
            raise self._error(f"unexpected character: {self._rune()}")
        if match.group() == "=" and self._text[self._at + 1 : self._at + 2] == "~":
            raise self._error("unexpected character after '=': '~'")
        return self._token(match.group(), match.group())

    def _open(self, character: str) -> Token:
        token = self._token(character, character)
        if character == "(":
            self._parentheses += 1
        elif character == "{":
            self._in_braces = True
        else:
            self._in_brackets = True
            self._bracket_start = True
            self._colon_seen = False
        return token

    def _close(self, character: str) -> Token:
        if character == ")":
            self._parentheses -= 1
            if self._parentheses < 0:
                raise self._error("unexpected right parenthesis ')'", self._at + 1)
        elif not self._in_brackets:
            raise self._error("unexpected right bracket ']'")
        else:
            self._in_brackets = False
        return self._token(character, character)

    def _number(self) -> Token:
        number = _NUMBER.match(self._text, self._at)
        end = number.end() if number is not None else self._at
        if number is not None and not self._continues(end):
            return self._token(NUMBER, number.group())
        units = _UNITS.match(self._text, end)
        if units is not None:
            text = self._text[self._at : units.end()]
            if not self._continues(units.end()):
                return self._token(DURATION, text)
            shown = self._text[self._at : units.end() + 1]
        else:
            bad = _BAD_NUMBER.match(self._text, self._at)
            shown = self._text[self._at : max(end, bad.end() if bad else end)]
        raise self._error(f"bad number or duration syntax: {quote(shown)}")

    def _continues(self, at: int) -> bool:
        """Whether the number cannot end here."""
        following = self._text[at : at + 1]
        return following == "." or _ALPHANUMERIC.match(following) is not None

    def _string(self) -> Token:
        match = _STRING.match(self._text, self._at)
        opening = self._text[self._at]
        if match is None:
            if opening != "`":
                self._check_escapes(self._text[self._at :].split("\n", 1)[0])
            kind = "raw" if opening == "`" else "quoted"
            raise self._error(f"unterminated {kind} string")
        if opening != "`":
            self._check_escapes(match.group())
        try:
            match.group().encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise self._error("invalid UTF-8 rune") from None
        return self._token(STRING, match.group())

    def _check_escapes(self, text: str) -> None:
        other = "'" if text[0] == '"' else '"'
        at = text.find("\\")
        while at >= 0:
            escape = _ESCAPE.match(text, at)
            following = text[at + 1 : at + 2]
            if escape is None or following == other:
                self._bad_escape(text, at)
                raise self._error("escape sequence not terminated")
            if following in "uU":
                code = int(escape.group().removeprefix(f"\\{following}"), 16)
                if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                    raise self._error("escape sequence is an invalid Unicode code point")
            elif following.isdigit() and int(escape.group()[1:], 8) > 0xFF:
                raise self._error("escape sequence is an invalid Unicode code point")
            at = text.find("\\", escape.end() if escape else at + 2)

    def _bad_escape(self, text: str, at: int) -> None:
        """Raises what is wrong with an escape, unless the text merely ends in it."""
        following = text[at + 1 : at + 2]
        if not following:
            return
        if following not in "01234567xuU":
            raise self._error(f"unknown escape sequence {_unicode_name(following)}")
        allowed = "01234567" if following.isdigit() else "0123456789abcdefABCDEF"
        begin = at + 1 if following.isdigit() else at + 2
        size = {"x": 2, "u": 4, "U": 8}.get(following, 3)
        for character in text[begin : begin + size]:
            if character not in allowed:
                raise self._error(
                    f"illegal character {_unicode_name(character)} in escape sequence"
                )


def _unicode_name(character: str) -> str:
    """Go's `%#U`."""
    return f"U+{ord(character):04X} '{character}'"
