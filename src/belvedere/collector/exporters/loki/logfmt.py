"""logfmt, as github.com/go-logfmt/logfmt reads and writes it."""

import re
from collections.abc import Iterable
from typing import Final

import orjson

Pair = tuple[str, str]

_PAIR: Final = re.compile(
    r"""[\x00-\x20]*
        (?P<key>[^\x00-\x20="]+)
        (?:=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\x00-\x20="]*)(?![="])))?""",
    re.VERBOSE | re.DOTALL,
)
_NO_KEY_CHARACTER: Final = re.compile(r'[\x00-\x20="�]+')
_NEEDS_QUOTES: Final = re.compile(r'[\x00-\x20="�]')


def parse(line: str) -> list[Pair] | None:
    """The pairs of one line; a key alone has an empty value. None: it is no logfmt.

    >>> parse('level=info msg="all good" done')
    [('level', 'info'), ('msg', 'all good'), ('done', '')]
    """
    pairs, position, end = [], 0, len(line.rstrip())
    while position < end:
        match = _PAIR.match(line, position)
        if match is None or (match.end() < end and line[match.end()] in '="'):
            return None
        value = match["bare"] or ""
        if match["quoted"] is not None:
            try:
                value = orjson.loads(f'"{match["quoted"]}"')
            except orjson.JSONDecodeError:
                return None
        pairs.append((match["key"], value))
        position = match.end()
    return pairs


def line_of(pairs: Iterable[Pair]) -> str:
    """Pairs as a line. Characters that a key cannot have are left out; one without any is `_`.

    >>> line_of([("a key", "x y"), ("empty", ""), ("n", "null")])
    'akey="x y" empty= n="null"'
    """
    return " ".join(
        f"{_NO_KEY_CHARACTER.sub('', key) or '_'}={_value(value)}" for key, value in pairs
    )


def _value(text: str) -> str:
    if text == "null" or _NEEDS_QUOTES.search(text):
        return orjson.dumps(text).decode()
    return text
