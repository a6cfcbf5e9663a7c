"""`belvedere sql`: ask in SQL."""

import sys
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.options import DEFAULT_SERVER, Project, Server, Token


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


_MAX_CELL: Final = 200
_NARROW: Final = 12
"""Columns of a table have so much room on a terminal, else each row is printed upright."""


def sql(
    query: Annotated[str, typer.Argument(help="One statement that reads; - reads it from stdin.")],
    format_: Annotated[
        Format,
        typer.Option("--format", "-f", help="json is an object a line, arrow an IPC stream."),
    ] = Format.TABLE,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-p", metavar="NAME=VALUE", help="For {NAME:Type} in the query (repeatable)."
        ),
    ] = None,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Ask in SQL.

    It is ClickHouse's SQL, for reading only. SHOW TABLES lists the tables: otel_traces, otel_logs,
    metric_series, metric_samples; DESCRIBE otel_traces says what is in one.
    """
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - see above

    text = sys.stdin.read() if query == "-" else query
    api_format = "json" if format_ is Format.TABLE else format_.value
    if format_ is Format.ARROW and sys.stdout.isatty():
        raise CliError("an Arrow stream is no text", "Send it to a file: --format arrow > FILE")
    with Client(server, project, token) as client:
        answer = client.answer(text, _params(param or []), api_format)
    if format_ is Format.TABLE:
        body = answer.json()
        _print(body["meta"], body["data"])
    elif format_ is Format.JSON:
        print_json_lines(answer.json()["data"])
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(answer.content)
        sys.stdout.buffer.flush()


def _params(pairs: list[str]) -> dict[str, str]:
    params = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CliError(
                f"--param {pair!r} is not NAME=VALUE", "For example: --param service=api"
            )
        params[name] = value
    return params


def _print(meta: list[dict[str, str]], rows: list[dict[str, Any]]) -> None:
    import orjson  # noqa: PLC0415 - --help is quick

    from belvedere.cli.output import Column, clean, console, one_line, print_table  # noqa: PLC0415 - see above

    terminal = console().is_terminal

    def cell(value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict | list):
            return one_line(orjson.dumps(value).decode())
        return one_line(str(value))

    if len(meta) == 1 and all(isinstance(row[meta[0]["name"]], str) for row in rows):
        for row in rows:  # an EXPLAIN, a SHOW CREATE TABLE: texts with lines of their own
            print(clean(row[meta[0]["name"]]))
        return
    if terminal and len(meta) * _NARROW > console().width:
        _print_upright(meta, [[cell(row[column["name"]]) for column in meta] for row in rows])
        return
    columns = [
        Column(one_line(column["name"]), right=_is_number(column["type"])) for column in meta
    ]
    cells = ([cell(row[column["name"]]) for column in meta] for row in rows)
    print_table(columns, ([c[:_MAX_CELL] if terminal else c for c in row] for row in cells))
    if terminal:
        print(f"{len(rows)} row{'s' * (len(rows) != 1)}")


def _print_upright(meta: list[dict[str, str]], rows: list[list[str]]) -> None:
    """A line a value: for rows that are wider than the terminal."""
    width = max(len(column["name"]) for column in meta)
    for number, row in enumerate(rows, 1):
        print(f"── row {number} of {len(rows)} ──")
        for column, value in zip(meta, row, strict=True):
            print(f"{column['name']:<{width}}  {value}")


def _is_number(type_: str) -> bool:
    inner = type_.removeprefix("LowCardinality(").removeprefix("Nullable(").lower()
    return inner.startswith(("int", "uint", "float", "double", "decimal"))
