"""`belvedere logs`: log lines, and those to come."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
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
)

if TYPE_CHECKING:
    from belvedere.cli.client import Client

_EVERY_S: Final = 1.0
_LATE_NS: Final = 30 * 10**9
"""How late a line may come and still be shown by --follow: SDKs send in batches."""
_FOLLOW_LIMIT: Final = 5_000

LEVELS: Final[Mapping[str, int]] = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "warn": 13,
    "error": 17,
    "fatal": 21,
}
"""Level → the lowest of its severity numbers (OpenTelemetry logs data model, SeverityNumber)."""
_ALIASES: Final = {"warning": "warn", "err": "error", "critical": "fatal"}

LINES: Final = """
SELECT toUnixTimestamp64Nano(Timestamp) AS time_ns, SeverityText AS severity,
    SeverityNumber AS severity_number, ServiceName AS service, Body AS body,
    LogAttributes AS attributes, TraceId AS trace_id, SpanId AS span_id, EventName AS event_name
FROM otel_logs
WHERE TimestampTime >= toDateTime(intDiv({from_ns:Int64}, 1000000000))
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND (SeverityNumber >= {level:UInt8}
        OR SeverityNumber = 0 AND upper(SeverityText) IN {levels:Array(String)})
    AND ({trace:String} = '' OR startsWith(TraceId, {trace:String}))
    AND positionCaseInsensitiveUTF8(Body, {text:String}) > 0
ORDER BY Timestamp DESC
LIMIT {limit:UInt32}
"""


def parse_level(text: str) -> str:
    """The level that `text` names.

    Raises:
        typer.BadParameter: there is none.
    """
    level = _ALIASES.get(text.lower(), text.lower())
    if level not in LEVELS:
        raise typer.BadParameter(f"{text!r} is no level; there are {', '.join(LEVELS)}")
    return level


def logs(
    *,
    service: Annotated[str, typer.Option("--service", "-s", help="Of this service.")] = "",
    level: Annotated[
        str,
        typer.Option(
            "--level",
            "-l",
            parser=parse_level,
            metavar="LEVEL",
            help="This severe or more: trace, debug, info, warn, error, fatal.",
        ),
    ] = "trace",
    trace: Annotated[
        str, typer.Option("--trace", "-t", help="Of this trace; the beginning of its id will do.")
    ] = "",
    text: Annotated[
        str, typer.Option("--grep", "-g", help="With this text in the body, in any case.")
    ] = "",
    since: Since = HOUR_NS,
    limit: Limit = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with the lines to come, until Ctrl-C.")
    ] = False,
    attributes: Annotated[
        bool, typer.Option("--attributes/--no-attributes", "-a/-A", help="Show attributes.")
    ] = True,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Log lines, oldest first; with --follow also those to come.

    The newest --limit lines of --since are shown.
    """
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.log_lines import LogPrinter  # noqa: PLC0415 - see above

    params = {
        "service": service,
        # Without a level, lines pass whose level is not known.
        "level": 0 if level == "trace" else LEVELS[level],
        "levels": _names(level),
        "trace": trace.lower(),
        "text": text,
        "limit": limit,
    }
    printer = LogPrinter(as_json=as_json, attributes=attributes)
    with Client(server, project, token) as client:
        from_ns = max(0, time.time_ns() - since)
        lines = client.rows(LINES, {**params, "from_ns": from_ns})[::-1]
        printer.print(lines)
        if follow:
            oldest_ns = lines[0]["time_ns"] if len(lines) >= limit else 0
            for new in _follow(client, params, lines, oldest_ns):
                printer.print(new)
        elif not lines and not as_json:
            print(
                f"No such log line in the last {format_duration(since)}."
                " Try --since 7d, or: belvedere demo"
            )


def _names(level: str) -> list[str]:
    """The texts of a level and of all above, as they stand in lines without a number."""
    known = list(LEVELS)
    levels = known[known.index(level) :]
    return [text.upper() for text in (*levels, *(a for a, b in _ALIASES.items() if b in levels))]


def _follow(
    client: "Client", params: Mapping[str, Any], shown: list[dict[str, Any]], oldest_ns: int
) -> Iterator[list[dict[str, Any]]]:
    """New lines, once a second, none from before `oldest_ns`; equal lines as often as they came."""
    from belvedere.cli.errors import NoAnswer  # noqa: PLC0415 - --help is quick

    seen = Counter(map(_key, shown))
    answers = True
    while True:
        time.sleep(_EVERY_S)
        from_ns = max(time.time_ns() - _LATE_NS, oldest_ns)
        try:
            lines = client.rows(LINES, {**params, "limit": _FOLLOW_LIMIT, "from_ns": from_ns})[::-1]
        except NoAnswer as error:
            if answers:
                print(f"belvedere: {error}; waiting for it to come back", file=sys.stderr)
            answers = False
            continue
        answers = True
        rest, seen = seen, Counter(map(_key, lines))
        new = []
        for line in lines:
            if rest[_key(line)] > 0:
                rest[_key(line)] -= 1
            else:
                new.append(line)
        yield new


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        line["time_ns"],
        line["service"],
        line["trace_id"],
        line["span_id"],
        line["severity_number"],
        line["body"],
        str(line["attributes"]),
    )
