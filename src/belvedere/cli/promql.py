"""`belvedere promql`: ask in PromQL."""

import math
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.options import (
    DEFAULT_SERVER,
    AsJson,
    Limit,
    Project,
    Server,
    Token,
    duration,
)

_POINTS: Final = 60
"""Steps of a range when no step is given: about what fits into a line."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_NOTHING: Final = "No series. Which metrics there are: belvedere metrics"
_NOTHING_NOW: Final = """\
No series now; what ended more than 5 minutes ago is shown by: --since 1h
Which metrics there are: belvedere metrics"""
_EXPERIMENTAL: Final = "See --enable-feature in: belvedere up --help"


def promql(
    query: Annotated[str, typer.Argument(help="A query; - reads it from the standard input.")],
    *,
    since: Annotated[
        int,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="A range up to now, as a line a series: 15m, 2h, 7d. Without it: the value now.",
            show_default=False,
        ),
    ] = 0,
    step: Annotated[
        int,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Distance of two points of the range; a sixtieth of it if not given.",
            show_default=False,
        ),
    ] = 0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how it is evaluated, and do not ask it.")
    ] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Ask in PromQL, the language of Prometheus: the value now, or a line a series over time.

    For example: belvedere promql 'sum by (model) (rate(llm_calls_total[5m]))' --since 1h
    """
    if step and not since:
        raise CliError("--step is of a range", "Say how far back it goes: --since 1h")
    text = sys.stdin.read() if query == "-" else query
    end_ms = time.time_ns() // 1_000_000
    since_ms = since // 1_000_000
    step_ms = max(step // 1_000_000 or since_ms // _POINTS, 1)
    if explain:
        print(_explained(text, end_ms - since_ms, end_ms, step_ms))
        return
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - see above

    params: dict[str, Any] = {"query": text, "limit": limit}
    if since:
        path = "query_range"
        params |= {
            "start": (end_ms - since_ms) / 1000,
            "end": end_ms / 1000,
            "step": step_ms / 1000,
        }
    else:
        path, params["time"] = "query", end_ms / 1000
    with Client(server, project, token) as client:
        try:
            answer = client.prometheus(path, params)
        except CliError as error:
            if not error.hint and "not enabled" in str(error):
                error.hint = _EXPERIMENTAL
            raise
    data = answer["data"]
    for notice in (*answer.get("warnings", ()), *answer.get("infos", ())):
        print(notice, file=sys.stderr)
    if as_json:
        scalar = data["resultType"] in ("scalar", "string")
        print_json_lines([{"value": data["result"]}] if scalar else data["result"])
    elif data["resultType"] in ("scalar", "string"):
        print(data["result"][1])
    elif not data["result"]:
        print(_NOTHING if since else _NOTHING_NOW)
    else:
        _print_series(data["result"])


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between the least and the greatest; what is no number is a blank.

    >>> sparkline([0, 1, float("nan"), 7])
    '▁▂ █'
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    top = len(_BARS) - 1
    return "".join(
        (_BARS[round((value - low) / span * top)] if span else _BARS[0])
        if math.isfinite(value)
        else " "
        for value in values
    )


def _print_series(series: Sequence[dict[str, Any]]) -> None:
    from belvedere.cli.output import Column, one_line, print_table  # noqa: PLC0415 - --help is quick

    is_range = any("values" in each or "histograms" in each for each in series)
    columns = [Column("value" if not is_range else "last", right=True, whole=True)]
    if is_range:
        columns += [Column("least", right=True, whole=True), Column("most", right=True, whole=True)]
        columns.append(Column("over time", whole=True))
    columns.append(Column("series"))
    print_table(columns, ((*_cells(each), one_line(_name(each["metric"]))) for each in series))


def _cells(series: dict[str, Any]) -> tuple[str, ...]:
    if "value" in series:
        return (series["value"][1],)
    if "histogram" in series:
        return (_histogram(series["histogram"][1]),)
    if "values" not in series:
        return (_histogram(series["histograms"][-1][1]), "", "", "")
    texts = [text for _, text in series["values"]]
    values = [float(text) for text in texts]
    finite = [value for value in values if not math.isnan(value)] or [math.nan]
    return (texts[-1], f"{min(finite):g}", f"{max(finite):g}", sparkline(values))


def _histogram(form: dict[str, Any]) -> str:
    return f"{form['count']} observed, sum {form['sum']}"


def _name(labels: dict[str, str]) -> str:
    from belvedere.query.labels import Labels  # noqa: PLC0415 - --help is quick

    return Labels(labels).metric()


def _explained(query: str, start_ms: int, end_ms: int, step_ms: int) -> str:
    from belvedere.query.matrix import Grid  # noqa: PLC0415 - --help is quick
    from belvedere.query.promql.engine import Engine  # noqa: PLC0415 - see above
    from belvedere.query.promql.errors import PromQLError  # noqa: PLC0415 - see above

    try:
        return Engine().explain(query, Grid(start_ms, end_ms, step_ms))
    except PromQLError as error:
        raise CliError(str(error)) from None
