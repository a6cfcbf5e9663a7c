"""`belvedere collector components`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.options import AsJson

if TYPE_CHECKING:
    from belvedere.collector.catalogue import Entry


def components(
    type_: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="One type: with all its keys.")
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """What a configuration may hold: components, with their keys, types and defaults.

    All components without TYPE; with one, such as otlp or tail_sampling, its keys, and those of
    the official component that are not supported, with the reason.
    """
    from belvedere.cli.output import print_json_lines  # noqa: PLC0415 - --help is quick
    from belvedere.collector.catalogue import catalogue, type_names  # noqa: PLC0415 - see above
    from belvedere.collector.tree import nearest  # noqa: PLC0415 - see above

    entries = catalogue(type_)
    if not entries:
        raise CliError(f"there is no component of the type {type_!r}", nearest(type_, type_names()))
    if as_json:
        print_json_lines(asdict(entry) for entry in entries)
    elif type_:
        for entry in entries:
            _print_entry(entry)
    else:
        _print_list(entries)


def _print_list(entries: "list[Entry]") -> None:
    from belvedere.cli.output import Column, print_table  # noqa: PLC0415 - see above

    columns = (
        Column("section", whole=True),
        Column("type", whole=True),
        Column("signals"),
        Column("what"),
    )
    print_table(
        columns,
        [(entry.kind, entry.type, ", ".join(entry.signals), entry.summary) for entry in entries],
    )
    print("\nEach with its keys: belvedere collector components TYPE")


def _print_entry(entry: "Entry") -> None:
    from belvedere.cli.output import Column, print_table  # noqa: PLC0415 - see above

    print(f"{entry.kind}::{entry.type}  {entry.summary}")
    if entry.older_names:
        print(f"older name: {', '.join(entry.older_names)}")
    if entry.signals:
        print(f"signals: {', '.join(entry.signals)}")
    print()
    if entry.keys:
        columns = (
            Column("key", whole=True),
            Column("type"),
            Column("default"),
            Column("what"),
        )
        print_table(
            columns,
            [
                (key.path, key.type, "required" if key.required else key.default, key.description)
                for key in entry.keys
            ],
        )
    else:
        print("There is nothing to configure.")
    for name, reason in entry.unsupported.items():
        print(f"not supported: {name}: {reason}")
    if entry.notes:
        print(f"\n{entry.notes}")
    print()
