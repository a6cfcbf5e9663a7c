"""String literals → text."""

import re

_ESCAPE = re.compile(r"\\([abfnrtv\\'\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_SIMPLE = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


def unquote(literal: str) -> str:
    r"""The text of a string that the lexer has checked.

    Args:
        literal: With its quotes, a character a byte. Raw strings have no escapes.

    Returns:
        The text. Bytes that are no UTF-8 (from `\xff`) are surrogates, as Python has them.
    """
    content = literal[1:-1]
    if literal[0] != "`" and "\\" in content:
        content = _ESCAPE.sub(_unescape, content)
    return content.encode("latin-1").decode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    """Whether the text is one; `unquote` may give bytes that are none, which no label holds."""
    return text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text)


def _unescape(match: re.Match[str]) -> str:
    escape = match.group(1)
    if escape in _SIMPLE:
        return _SIMPLE[escape]
    if escape[0] in "uU":
        return chr(int(escape[1:], 16)).encode().decode("latin-1")
    return chr(int(escape[1:], 16) if escape[0] == "x" else int(escape, 8))
