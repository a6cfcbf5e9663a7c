"""`belvedere collector graph`."""

from typing import Annotated

import typer

from belvedere.cli.collector.command import configure_log
from belvedere.cli.collector.sources import Config, Set, load


def graph(
    context: typer.Context,
    config: Config = None,
    set_: Set = None,
    *,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="As a Mermaid flowchart, for documents.")
    ] = False,
) -> None:
    """Draw the pipelines of a configuration, and how connectors join them."""
    from belvedere.collector.drawing import as_mermaid, as_text  # noqa: PLC0415 - --help is quick

    configure_log()
    before, set_before = context.obj or (None, None)
    loaded = load(config or before, set_ or set_before)
    print((as_mermaid if mermaid else as_text)(loaded))
