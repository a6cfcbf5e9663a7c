"""`belvedere metrics`: metrics and their last values."""

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from belvedere.cli.duration import format_duration
from belvedere.cli.errors import CliError
from belvedere.cli.options import (
    DEFAULT_SERVER,
    HOUR_NS,
    AsJson,
    Limit,
    Project,
    Server,
    Since,
    Token,
)

if TYPE_CHECKING:
    from belvedere.cli.client import Client


_WIDE: Final = 140
"""Terminals of so many characters show what a metric is."""

# A classic histogram or summary is several series a label set: `part` is what a series is of it.
_SERIES: Final = """
WITH series AS (
    SELECT fingerprint, any(name) AS series_name, anyLast(labels) AS labels,
        anyLast(type) AS kind, anyLast(unit) AS unit, anyLast(help) AS help,
        if(kind IN ('histogram', 'summary'),
            extract(series_name, '_(bucket|sum|count)$'), '') AS part,
        if(part = '', series_name, replaceRegexpOne(series_name, '_[a-z]+$', '')) AS metric
    FROM metric_series
    WHERE last_seen >= toStartOfHour(fromUnixTimestamp64Nano({from_ns:Int64}))
    GROUP BY fingerprint
), samples AS (
    SELECT fingerprint, '' AS native, argMaxIf(value, timestamp, NOT isNaN(value)) AS last,
        max(timestamp) AS at
    FROM metric_samples
    WHERE timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    GROUP BY fingerprint
    UNION ALL
    SELECT fingerprint, native_part.1, native_part.2, at FROM (
        SELECT fingerprint, max(timestamp) AS at,
            [('count', argMax(count, timestamp)), ('sum', argMax(sum, timestamp))] AS parts
        FROM metric_histograms
        WHERE timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        GROUP BY fingerprint
    ) ARRAY JOIN parts AS native_part
), values AS (
    SELECT metric, series_name, labels, kind, unit, help, last, at,
        if(native = '', part, native) AS part
    FROM samples INNER JOIN series USING (fingerprint)
)
"""
_LIST: Final = (
    _SERIES
    + """
SELECT metric AS name, any(kind) AS type, any(unit) AS unit, any(help) AS help,
    countIf(part IN ('', 'count')) AS series,
    sumIf(last, part = '') AS total, minIf(last, part = '') AS lowest,
    maxIf(last, part = '') AS highest, sumIf(last, part = 'count') AS observations,
    sumIf(last, part = 'sum') AS observed_sum, toUnixTimestamp64Milli(max(at)) AS time_ms
FROM values
WHERE positionCaseInsensitive(metric, {text:String}) > 0
GROUP BY metric ORDER BY metric LIMIT {limit:UInt32}
"""
)
_ONE: Final = (
    _SERIES
    + """
SELECT series_name AS name, mapFilter((k, v) -> k != 'le', labels) AS labels,
    any(kind) AS type, any(unit) AS unit, any(help) AS help,
    sumIf(last, part = '') AS total, minIf(last, part = '') AS lowest,
    maxIf(last, part = '') AS highest, sumIf(last, part = 'count') AS observations,
    sumIf(last, part = 'sum') AS observed_sum, toUnixTimestamp64Milli(max(at)) AS time_ms
FROM (SELECT * REPLACE (metric AS series_name) FROM values WHERE metric = {text:String})
GROUP BY name, labels ORDER BY labels LIMIT {limit:UInt32}
"""
)


def metrics(
    name: Annotated[
        str,
        typer.Argument(help="Show the series of this metric.", show_default=False),
    ] = "",
    *,
    text: Annotated[
        str, typer.Option("--grep", "-g", help="With this in the name, in any case.")
    ] = "",
    since: Since = HOUR_NS,
    limit: Limit = 1000,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Metrics and their last values; with a NAME, its series.

    Names are Prometheus's: `http.requests` in seconds is `http_requests_seconds`. A counter's value
    is the total of its series, a histogram's the number of observations and their mean.
    """
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - see above

    now_ns = time.time_ns()
    params = {"from_ns": max(0, now_ns - since), "text": name or text, "limit": limit}
    with Client(server, project, token) as client:
        rows = client.rows(_ONE if name else _LIST, params)
        if name and not rows:
            raise _unknown(client, name, params, since)
    if as_json:
        print_json_lines(rows)
    elif not rows:
        past = format_duration(since)
        print(f"No such metric in the last {past}. Try --since 7d, or: belvedere demo")
    elif name:
        _print_series(rows, now_ns)
    else:
        _print_list(rows, now_ns)


def value(row: dict[str, Any]) -> str:
    """The last value of a metric or series, by what its type means.

    >>> value({"type": "gauge", "total": 7, "lowest": 3, "highest": 4})
    '3 … 4'
    """
    if row["type"] in ("histogram", "summary"):
        count = row["observations"]
        mean = f", mean {row['observed_sum'] / count:.4g}" if count else ""
        return f"{_number(count)} observed{mean}"
    if row["type"] == "counter" or row["lowest"] == row["highest"]:
        return _number(row["total"] if row["type"] == "counter" else row["lowest"])
    return f"{_number(row['lowest'])} … {_number(row['highest'])}"


def _number(number: float | None) -> str:
    if number is None:
        return "-"
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else f"{number:.6g}"


def _print_list(rows: list[dict[str, Any]], now_ns: int) -> None:
    from belvedere.cli.output import (  # noqa: PLC0415 - --help is quick
        Column,
        console,
        one_line,
        print_table,
    )

    columns = [
        Column("metric", style="cyan"),
        Column("type", whole=True),
        Column("unit", whole=True),
        Column("series", right=True, whole=True),
        Column("last value", right=True, whole=True),
        Column("seen", right=True, whole=True),
        Column("help"),
    ]
    cells: list[tuple[str, ...]] = [
        (
            one_line(row["name"]),
            row["type"],
            one_line(row["unit"]),
            str(row["series"]),
            value(row),
            _ago(row, now_ns),
            one_line(row["help"]),
        )
        for row in rows
    ]
    out = console()
    if out.is_terminal and out.width < _WIDE:
        columns, cells = columns[:-1], [row[:-1] for row in cells]
    print_table(columns, cells)


def _print_series(rows: list[dict[str, Any]], now_ns: int) -> None:
    from belvedere.cli.output import Column, one_line, print_table  # noqa: PLC0415 - --help is quick

    head = rows[0]
    print(f"{one_line(head['name'])} ({head['type']}{', ' * bool(head['unit'])}{head['unit']})")
    if head["help"]:
        print(one_line(head["help"]))
    print()
    columns = (
        Column("last value", right=True, whole=True),
        Column("seen", right=True, whole=True),
        Column("labels"),
    )
    print_table(columns, ((value(row), _ago(row, now_ns), _labels(row["labels"])) for row in rows))


def _labels(labels: dict[str, str]) -> str:
    from belvedere.cli.output import one_line  # noqa: PLC0415 - --help is quick

    pairs = (f'{one_line(key)}="{one_line(text)}"' for key, text in sorted(labels.items()))
    return "{" + ", ".join(pairs) + "}"


def _ago(row: dict[str, Any], now_ns: int) -> str:
    seconds = max(0, now_ns // 10**9 - row["time_ms"] // 1000)
    return f"{seconds} s ago" if seconds < 60 else f"{format_duration(seconds * 10**9)} ago"


def _unknown(client: "Client", name: str, params: dict[str, Any], since_ns: int) -> CliError:
    from difflib import get_close_matches  # noqa: PLC0415 - for this error alone

    known = [row["name"] for row in client.rows(_LIST, {**params, "text": ""})]
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Near it: {', '.join(close)}" if close else "List them with: belvedere metrics"
    return CliError(f"no metric {name!r} in the last {format_duration(since_ns)}", hint)
