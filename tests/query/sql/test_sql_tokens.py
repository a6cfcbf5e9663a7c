"""Tokens: what is text, what is a name, what is a comment; the same as ClickHouse sees."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.sql.tokens import MAX_QUERY_BYTES, Kind, tokenize
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import QueryError, QueryTooLarge


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", [(Kind.WORD, "select"), (Kind.WORD, "1")]),
        ("a.b", [(Kind.WORD, "a"), (Kind.SIGN, "."), (Kind.WORD, "b")]),
        ("1st", [(Kind.WORD, "1st")]),
        ("x'4A'", [(Kind.STRING, "4A")]),
        ("b'01'", [(Kind.STRING, "01")]),
        ("'it''s'", [(Kind.STRING, "it''s")]),
        (r"'it\'s'", [(Kind.STRING, r"it\'s")]),
        (r"'\\'", [(Kind.STRING, r"\\")]),
        ("''", [(Kind.STRING, "")]),
        ("'-- no comment'", [(Kind.STRING, "-- no comment")]),
        ('"a""b"', [(Kind.NAME, 'a"b')]),
        ("`a``b`", [(Kind.NAME, "a`b")]),
        ('"a`b"', [(Kind.NAME, "a`b")]),
        ("$$a;'b$$", [(Kind.STRING, "a;'b")]),
        ("$x$ $$ $x$", [(Kind.STRING, " $$ ")]),
        ("a -- b\nc", [(Kind.WORD, "a"), (Kind.WORD, "c")]),
        ("a--b", [(Kind.WORD, "a")]),
        ("a - -b", [(Kind.WORD, "a"), (Kind.SIGN, "-"), (Kind.SIGN, "-"), (Kind.WORD, "b")]),
        ("a/* b */c", [(Kind.WORD, "a"), (Kind.WORD, "c")]),
        ("a/* /* b */ */c", [(Kind.WORD, "a"), (Kind.WORD, "c")]),
        ("a/*'*/c", [(Kind.WORD, "a"), (Kind.WORD, "c")]),
        ("", []),
        (" \t\n -- nothing", []),
    ],
)
def test_tokens(sql: str, expected: list[tuple[Kind, str]]) -> None:
    assert [(token.kind, token.text) for token in tokenize(sql)] == expected


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select 'a", "line 1, column 8: this text is not closed; close it with '"),
        ("select\n 'a\\'", "line 2, column 2: this text is not closed; close it with '"),
        ('select "a', 'line 1, column 8: this name is not closed; close it with "'),
        ("select `a", "line 1, column 8: this name is not closed; close it with `"),
        ("select `a\\x41`", "line 1, column 8: a backslash in a quoted name is not supported here"),
        ("select 1 /* a", "line 1, column 10: this /* comment is not closed; close it with */"),
        ("/* /* */", "line 1, column 1: this /* comment is not closed; close it with */"),
        ("select $a", "line 1, column 8: unexpected $; it only begins a here document, $$text$$"),
        ("a$$b$$", "line 1, column 2: unexpected $; it only begins a here document, $$text$$"),
        ("1e--1", "line 1, column 3: put a space before this comment"),
        ("# a", "line 1, column 1: write comments as -- to the end of the line, or /* so */"),
        ("1 // a", "line 1, column 3: write comments as -- to the end of the line, or /* so */"),
        (
            "select “a”",
(
            "line 1, column 8: unexpected character '“' (U+201C);"
            " texts stand in 'single quotes', names in \"double quotes\""),
        ),
        ("select 1\0", "line 1, column 9: a query cannot hold the character NUL"),
        ("select '\ud800'", "line 1, column 9: this is half of a Unicode character"),
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(sql: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        tokenize(sql)
    assert str(raised.value) == message
    assert raised.value.code == "SYNTAX_ERROR"


def test_a_long_query_is_refused() -> None:
    with pytest.raises(QueryTooLarge, match="longer than 256 KiB"):
        tokenize("x" * (MAX_QUERY_BYTES + 1))


@pytest.mark.parametrize(
    "sql", ["'" + "a" * 100_000, "''" * 50_000 + "'a", "$" * 99_999, "/*" * 50_000], ids=str.__len__
)
def test_reading_takes_linear_time(sql: str) -> None:
    """Runs for hours if the expressions backtrack."""
    with pytest.raises(QueryError):
        tokenize(sql)


@given(st.text())
def test_any_text_is_read_or_refused(sql: str) -> None:
    try:
        tokens = tokenize(sql)
    except QueryError:
        return
    offsets = [token.offset for token in tokens]
    assert offsets == sorted(set(offsets))


SIGNS = r"""' '' " ` \ \' -- /* */ // # #! $ $$ $a$ ; . 1. 0x - ( ) { } : @ a x b e 1"""
PIECES = st.sampled_from([" ", "\n", "\x0b", *SIGNS.split(" ")])
QUOTED = {"StringLiteral", "QuotedIdentifier", "HereDoc"}


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_clickhouse_sees_the_same_texts_and_names(
    two_projects: EmbeddedClickHouse, sql: str
) -> None:
    """What we take for quoted, ClickHouse does; what we take for a comment, too."""
    try:
        ours = [_quote(sql, t.offset) for t in tokenize(sql) if t.kind in (Kind.STRING, Kind.NAME)]
    except QueryError:
        return
    found = two_projects.query(
        "SELECT arrayMap(t -> (t.1, toString(t.3)), tokenizeQuery({sql:String})) AS tokens",
        {"sql": sql},
    )
    theirs = [tuple(token.values()) for token in found.column("tokens")[0].as_py()]
    if any(kind.startswith("Error") for _, kind in theirs):
        return  # ClickHouse will refuse it
    assert ours == [_quote(sql, begin) for begin, kind in theirs if kind in QUOTED]


def _quote(sql: str, offset: int) -> int:
    """Where the quote of a text stands: after the x of x'4A'."""
    return offset + (sql[offset] in "xXbB")
