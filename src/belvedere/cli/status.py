"""`belvedere status`: how the server is doing."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from belvedere.cli.duration import format_duration
from belvedere.cli.options import DEFAULT_SERVER, AsJson, Project, Server, Token

_COUNTS: Final[Mapping[str, Callable[[Mapping[str, float]], str | None]]] = {
    "accepted": lambda counts: _number(counts.get("accepted")),
    "per second": lambda counts: _number(counts.get("accepted_per_s"), 1),
    "refused": lambda counts: (
        _number(counts["refused"] + counts["rejected"]) if "refused" in counts else None
    ),
    "stored": lambda counts: _number(counts.get("stored")),
}
"""Title → what a signal's counts say; None where they do not, for a token of one project."""


def _number(value: float | None, digits: int = 0) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"


def status(
    *,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """How the server is doing: what comes in, what is kept, what it uses."""
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - see above

    with Client(server, project, token) as client:
        body = client.status()
    if as_json:
        print_json_lines([body])
    else:
        _print(body)


def _print(body: dict[str, Any]) -> None:
    from belvedere.cli.output import Column, print_table, size  # noqa: PLC0415 - --help is quick

    versions = body["versions"]
    others = ", ".join(f"{name} {text}" for name, text in versions.items() if name != "belvedere")
    state = "ready" if body["ready"] else f"not ready: {body['problem']}"
    print(f"Belvedere {versions['belvedere']} is {state} ({others})")
    # A token of one project is not shown what is of the whole server.
    facts = {
        "up for": format_duration(int(body["uptime_s"] * 10**9)) if "uptime_s" in body else None,
        **body.get("listening", {}),
        "data": body.get("data_dir"),
        "rules": _rules(body.get("rules")),
        "memory": size(body["memory_bytes"]) if "memory_bytes" in body else None,
        "disk free": size(body["disk"]["free_bytes"]) if body.get("disk") else None,
        **{f"queue {name}": _queue(name, queue) for name, queue in body.get("queues", {}).items()},
    }
    for name, fact in facts.items():
        if fact is not None:
            print(f"  {name:<16} {fact}")
    print()
    columns = {
        title: text
        for title, text in _COUNTS.items()
        if all(text(counts) is not None for counts in body["signals"].values())
    }
    numbers = [Column(title, right=True) for title in columns]
    print_table(
        [Column("received"), *numbers],
        (
            (signal, *(text(counts) or "" for text in columns.values()))
            for signal, counts in body["signals"].items()
        ),
    )
    print()
    if not body["tables"]:
        print(f"project {body['project']}: nothing is kept yet. Try: belvedere demo")
        return
    print_table(
        [
            Column(f"kept of {body['project']}"),
            Column("rows", right=True),
            Column("on disk", right=True),
        ],
        ((table["table"], f"{table['rows']:,}", size(table["bytes"])) for table in body["tables"]),
    )


def _queue(exporter: str, queue: dict[str, float]) -> str:
    """How full it is; the store's queue counts bytes, others what their configuration says."""
    from belvedere.cli.output import size  # noqa: PLC0415 - --help is quick

    used, whole = queue.get("size", 0), queue.get("capacity", 0)
    if exporter.partition("/")[0] == "belvedere":
        return f"{size(used)} of {size(whole)}"
    return f"{used:,.0f} of {whole:,.0f}"


def _rules(counts: dict[str, int] | None) -> str | None:
    """Nothing where there are no rules, or the server is of before there were any."""
    if not counts or not counts["groups"]:
        return None
    rules, groups, firing = counts["rules"], counts["groups"], counts["firing"]
    where = f"{groups} group{'s' * (groups != 1)}"
    return f"{rules} in {where}, {firing} alert{'s' * (firing != 1)} firing"
