"""`belvedere trace ID`: one trace."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.options import DEFAULT_SERVER, Project, Server, Token

if TYPE_CHECKING:
    from belvedere.cli.client import Client

_IDS: Final = """
SELECT TraceId AS trace_id, max(End) AS seen FROM otel_traces_trace_id_ts
WHERE startsWith(TraceId, {prefix:String})
GROUP BY TraceId ORDER BY seen DESC LIMIT 6
"""
_LOGS: Final = """
SELECT toUnixTimestamp64Nano(Timestamp) AS time_ns, SeverityText AS severity,
    SeverityNumber AS severity_number, ServiceName AS service, Body AS body,
    LogAttributes AS attributes, TraceId AS trace_id, SpanId AS span_id, EventName AS event_name
FROM otel_logs
WHERE TraceId = {trace_id:String}
    AND TimestampTime BETWEEN toDateTime({from_s:UInt32}) AND toDateTime({to_s:UInt32})
ORDER BY Timestamp
LIMIT 10000
"""
_ID_DIGITS: Final = 32
_AROUND_S: Final = 60
"""How long before its trace and after it a log line may be."""
_MAX_DATE_S: Final = (1 << 32) - 1


def trace(
    trace_id: Annotated[
        str, typer.Argument(metavar="ID", help="Its id; the beginning will do if it is unique.")
    ],
    *,
    attributes: Annotated[
        bool,
        typer.Option("--attributes", "-a", help="All attributes, also of the resources."),
    ] = False,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Its log lines.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, as /api/v2/traces/{id} has it.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """One trace: its spans, events and log lines, in time.

    A line a span: when it began, how long it took, a bar for both, and its service and name.
    """
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.span_tree import build  # noqa: PLC0415 - see above
    from belvedere.cli.trace_lines import print_trace  # noqa: PLC0415 - see above

    with Client(server, project, token) as client:
        whole_id = _find(client, trace_id.strip().lower())
        found = client.trace(whole_id)
        if found is None:
            raise _unknown(trace_id)
        if as_json:
            from google.protobuf.json_format import MessageToJson  # noqa: PLC0415 - see above

            print(MessageToJson(found, indent=None))
            return
        tree = build(found)
        if logs:
            tree = build(found, _log_lines(client, whole_id, tree.start_ns, tree.end_ns))
    print_trace(whole_id, tree, all_attributes=attributes)


def _find(client: "Client", prefix: str) -> str:
    """The id that begins so, if there is one only."""
    if not prefix or set(prefix) - set("0123456789abcdef") or len(prefix) > _ID_DIGITS:
        raise CliError(
            f"{prefix!r} is no trace id: it takes 1 to 32 hexadecimal digits",
            "Find one with: belvedere traces",
        )
    if len(prefix) == _ID_DIGITS:
        return prefix
    rows = client.rows(_IDS, {"prefix": prefix})
    if not rows:
        raise _unknown(prefix)
    if len(rows) > 1:
        ids = "\n".join(f"  {row['trace_id']}" for row in rows[:5])
        more = "\n  ..." if len(rows) > 5 else ""
        raise CliError(f"several traces begin with {prefix!r}; the newest are", f"{ids}{more}")
    whole_id: str = rows[0]["trace_id"]
    return whole_id


def _unknown(trace_id: str) -> CliError:
    return CliError(
        f"there is no trace {trace_id}",
        "Spans appear a second or two after they were sent. Find one with: belvedere traces",
    )


def _log_lines(client: "Client", trace_id: str, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    params = {
        "trace_id": trace_id,
        "from_s": max(0, min(start_ns // 10**9 - _AROUND_S, _MAX_DATE_S)),
        "to_s": min(end_ns // 10**9 + _AROUND_S, _MAX_DATE_S),
    }
    return client.rows(_LOGS, params)
