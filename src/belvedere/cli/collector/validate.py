"""`belvedere collector validate`."""

import typer

from belvedere.cli.collector.command import configure_log
from belvedere.cli.collector.sources import Config, Set, load


def validate(context: typer.Context, config: Config = None, set_: Set = None) -> None:
    """Check a configuration, without running it.

    An error names file, line and key, and the exit code is 1. What only a start can show is not
    looked at: whether ports are free, and certificates and folders are there.
    """
    from belvedere.collector.service import Service  # noqa: PLC0415 - --help is quick

    configure_log()
    before, set_before = context.obj or (None, None)
    loaded = load(config or before, set_ or set_before)
    Service(loaded)  # components find more when they are made
    pipelines = len(loaded.pipelines)
    print(
        f"the configuration is valid: {pipelines} {'pipeline' if pipelines == 1 else 'pipelines'}"
    )
