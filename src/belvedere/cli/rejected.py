"""`belvedere rejected`: what the store could not read."""

import time
from typing import Annotated, Final

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.options import DEFAULT_SERVER, AsJson, Project, Server, Token

_NONE: Final = "Nothing was rejected."


def rejected(context: typer.Context) -> None:
    """List and replay what the store could not read.

    Requests that ClickHouse cannot read are kept in the folder `rejected` of the data directory.
    After an upgrade that can read them, or after a bad disk is repaired, `replay` puts them into
    the queue again; what still cannot be read comes back here.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def list_(
    *,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Show what was rejected, when and why, oldest first."""
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick
    from belvedere.cli.output import (  # noqa: PLC0415 - see above
        Column,
        print_json_lines,
        print_table,
        size,
    )

    with Client(server, project, token) as client:
        entries = client.rejected()
    if as_json:
        print_json_lines(entries)
        return
    if not entries:
        print(_NONE)
        return
    print_table(
        [
            Column("id"),
            Column("project"),
            Column("data"),
            Column("size", right=True),
            Column("when"),
            Column("error"),
        ],
        (
            (
                entry["id"],
                entry["project"],
                entry["data"],
                size(entry["size_bytes"]),
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["rejected_at_s"])),
                entry["error"],
            )
            for entry in entries
        ),
    )


def replay(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="What to replay; see `belvedere rejected list`."),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Replay all that was rejected.")] = False,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Put rejected requests into the queue of the store again."""
    from belvedere.cli.client import Client  # noqa: PLC0415 - --help is quick

    if bool(ids) == all_:
        raise CliError(
            "replay requires either ids or --all",
            "See what there is with: belvedere rejected list",
        )
    with Client(server, project, token) as client:
        outcome = client.replay(ids)
    print(f"{outcome['replayed']} put into the queue; see: belvedere rejected list")
    for failure in outcome["failed"]:
        print(f"{failure['id']}: {failure['error']}")
    if outcome["failed"]:
        raise typer.Exit(1)


SUBCOMMANDS = (list_, replay)
