"""`belvedere traces`: the newest traces."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from belvedere.cli.duration import format_duration
from belvedere.cli.options import (
    DEFAULT_SERVER,
    HOUR_NS,
    AsJson,
    Limit,
    Project,
    Server,
    Since,
    Token,
    duration,
)

if TYPE_CHECKING:
    from belvedere.cli.client import Client

_FIRST_WINDOW_NS: Final = 60 * 10**9
_WINDOW_GROWTH: Final = 16
_WIDE: Final = 120
"""Terminals of so many characters show trace ids whole."""

_CHOOSE: Final = """
SELECT TraceId
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
GROUP BY TraceId
HAVING countIf(({service:String} = '' OR ServiceName = {service:String})
        AND positionCaseInsensitiveUTF8(SpanName, {name:String}) > 0) > 0
    AND ({errors:UInt8} = 0 OR countIf(StatusCode = 'Error') > 0)
    AND max(toUnixTimestamp64Nano(Timestamp) + Duration) - min(toUnixTimestamp64Nano(Timestamp))
        BETWEEN {min_ns:UInt64} AND {max_ns:UInt64}
ORDER BY max(Timestamp) DESC
LIMIT {limit:UInt32}
"""
_SUMMARIZE: Final = """
WITH (
    SELECT (min(Start), max(End)) FROM otel_traces_trace_id_ts WHERE TraceId IN {ids:Array(String)}
) AS bounds
SELECT
    TraceId AS trace_id,
    min(toUnixTimestamp64Nano(Timestamp)) AS start_ns,
    max(toUnixTimestamp64Nano(Timestamp) + Duration) - start_ns AS duration_ns,
    argMin((ServiceName, SpanName), (ParentSpanId != '', Timestamp)) AS root,
    count() AS spans,
    countIf(StatusCode = 'Error') AS errors
FROM otel_traces
WHERE TraceId IN {ids:Array(String)}
    AND Timestamp >= toDateTime64(bounds.1, 9) AND Timestamp < toDateTime64(bounds.2 + 1, 9)
GROUP BY TraceId
ORDER BY start_ns DESC
"""
_MAX_NS: Final = (1 << 64) - 1


def traces(
    *,
    service: Annotated[
        str, typer.Option("--service", "-s", help="With a span of this service.")
    ] = "",
    name: Annotated[
        str, typer.Option("--name", help="With this in the name of a span, in any case.")
    ] = "",
    min_duration: Annotated[
        int,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="As long or longer: 200ms, 1.5s.",
            show_default=False,
        ),
    ] = 0,
    max_duration: Annotated[
        int,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="As long or shorter.",
            show_default=False,
        ),
    ] = _MAX_NS,
    errors: Annotated[bool, typer.Option("--error", "-e", help="With a span in error.")] = False,
    since: Since = HOUR_NS,
    limit: Limit = 20,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """The newest traces.

    Look at one of them with `belvedere trace ID`; the first characters of the id are enough.
    """
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - see above

    filters = {
        "service": service,
        "name": name,
        "errors": int(errors),
        "min_ns": min_duration,
        "max_ns": max_duration,
        "limit": limit,
    }
    now_ns = time.time_ns()
    with Client(server, project, token) as client:
        ids = _choose(client, filters, now_ns, since)
        found = client.rows(_SUMMARIZE, {"ids": ids}) if ids else []
    if as_json:
        print_json_lines(map(_flat, found))
    elif found:
        _print(found, now_ns)
    else:
        past = format_duration(since)
        print(f"No such trace in the last {past}. Try --since 7d, or: belvedere demo")


def _choose(client: "Client", filters: dict[str, Any], now_ns: int, since_ns: int) -> list[str]:
    """The ids of the newest traces that pass: short windows first, since most look for the last."""
    ids: list[str] = []
    for window_ns in _windows(since_ns):
        rows = client.rows(_CHOOSE, {**filters, "from_ns": max(0, now_ns - window_ns)})
        ids = [row["TraceId"] for row in rows]
        if len(ids) >= filters["limit"]:
            break
    return ids


def _windows(since_ns: int) -> Iterator[int]:
    window_ns = _FIRST_WINDOW_NS
    while window_ns < since_ns:
        yield window_ns
        window_ns *= _WINDOW_GROWTH
    yield since_ns


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    service, name = row["root"].values()
    rest = {key: value for key, value in row.items() if key != "root"}
    return {**rest, "root_service": service, "root_name": name}


def _print(found: list[dict[str, Any]], now_ns: int) -> None:
    from rich.text import Text  # noqa: PLC0415 - --help is quick

    from belvedere.cli.output import (  # noqa: PLC0415 - see above
        Column,
        console,
        local_time,
        one_line,
        print_table,
    )

    out = console()
    plain = not out.is_terminal
    digits = 32 if plain or out.width >= _WIDE else 12
    columns = (
        Column("started", whole=True),
        Column("trace", whole=True, style="cyan"),
        Column("service: root span"),
        Column("duration", right=True, whole=True),
        Column("spans", right=True, whole=True),
        Column("errors", right=True, whole=True),
    )
    rows = []
    for row in map(_flat, found):
        root = one_line(f"{row['root_service']}: {row['root_name']}")
        errors = Text(str(row["errors"] or ""), style="bold red")
        rows.append(
            (
                local_time(row["start_ns"], plain=plain, now_ns=now_ns),
                row["trace_id"][:digits],
                root if plain else Text(root),
                format_duration(row["duration_ns"]),
                str(row["spans"]),
                str(row["errors"]) if plain else errors,
            )
        )
    print_table(columns, rows)
