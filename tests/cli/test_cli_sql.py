"""`belvedere sql`: formats, parameters, stdin, errors."""

import io
import sys

import pytest
from cli_server import Run

QUERY = """select 1 as n, 'a\tb' as text, [1, 2] as list, NULL as nothing, true as yes,
    toDateTime(0) as at"""


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        (
            "table",
            (
                "n  text  list   nothing  yes   at\n"
                "1  a\\tb  [1,2]  NULL     true  1970-01-01T00:00:00Z\n"
            ),
        ),
        (
            "json",
            (
                '{"n":1,"text":"a\\tb","list":[1,2],"nothing":null,"yes":true,'
                '"at":"1970-01-01T00:00:00Z"}\n'
            ),
        ),
        (
            "csv",
            'n,text,list,nothing,yes,at\r\n1,a\tb,"[1,2]",,true,1970-01-01T00:00:00Z\r\n',
        ),
    ],
)
def test_formats(run: Run, server: str, format_: str, expected: str) -> None:
    result = run("sql", QUERY, "--format", format_)
    assert (result.code, result.out) == (0, expected)


def test_a_single_column_of_texts_is_printed_as_it_is(run: Run, server: str) -> None:
    assert run("sql", "select 'a\nb\x1bc' as text").out == "a\nb\\x1bc\n"


def test_a_terminal_shows_wide_rows_upright(run: Run, server: str) -> None:
    out = run("sql", "select 1 as a, 'x' as bcd, 3 as e", width=30).out
    assert out == "── row 1 of 1 ──\na    1\nbcd  x\ne    3\n"


def test_a_terminal_counts_the_rows(run: Run, server: str) -> None:
    out = run("sql", "select number as n from numbers(2)", width=80).out
    assert out.splitlines()[-1] == "2 rows"


def test_parameters(run: Run, server: str) -> None:
    out = run("sql", "select {a:String} as a, {n:UInt8} as n", "-p", "a=x=y", "-p", "n=5").out
    assert out == "a    n\nx=y  5\n"


def test_stdin(run: Run, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 1 as a,\n 2 as b;\n"))
    assert run("sql", "-").out == "a  b\n1  2\n"


def test_a_terminal_is_no_place_for_arrow(run: Run, server: str) -> None:
    result = run("sql", "select 1", "--format", "arrow", width=80)
    assert result.code == 1
    assert result.err == (
        "belvedere: an Arrow stream is no text\nSend it to a file: --format arrow > FILE\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["select 1; select 2"],
            "belvedere: line 1, column 11: one statement at a time; send the next one by itself\n",
        ),
        (
            ["select 'a"],
            "belvedere: line 1, column 8: this text is not closed; close it with '\n",
        ),
        (
            ["select * from nowhere"],
            (
                "belvedere: Unknown table expression identifier 'nowhere'."
                " In scope SELECT * FROM nowhere.\n"
            ),
        ),
        (
            ["select 1", "--param", "a"],
            "belvedere: --param 'a' is not NAME=VALUE\nFor example: --param service=api\n",
        ),
        ([""], "belvedere: there is no query; try /api/sql?query=SHOW%20TABLES\n"),
    ],
    ids=["two", "open", "unknown", "param", "empty"],
)
def test_errors(run: Run, server: str, arguments: list[str], error: str) -> None:
    result = run("sql", *arguments)
    assert (result.code, result.out, result.err) == (1, "", error)
