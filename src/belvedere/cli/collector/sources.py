"""Configurations as the command line names them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from belvedere.cli.errors import CliError

if TYPE_CHECKING:
    from belvedere.collector.config import CollectorConfig
    from belvedere.collector.source import Source

Config: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Configuration: a file, yaml:TEXT or env:NAME. Several are merged, later ones win.",
        metavar="FILE",
    ),
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="One value over the files: --set processors::batch::timeout=2s (repeatable).",
        metavar="KEY::PATH=VALUE",
    ),
]

_USAGE: Final = "Name one: belvedere collector --config FILE"


def load(configs: Sequence[str] | None, settings: Sequence[str] | None) -> "CollectorConfig":
    """The configuration that the options name.

    Raises:
        ConfigError: it cannot run.
        CliError: the options name none.
    """
    from belvedere.collector.config import load_config  # noqa: PLC0415 - --help is quick

    if not configs:
        raise CliError("a Collector needs a configuration", _USAGE)
    return load_config(*map(_source, configs), *map(_setting, settings or ()))


def _source(config: str) -> "Source":
    """One `--config`, in the official forms."""
    from belvedere.collector.source import Source  # noqa: PLC0415 - see above

    scheme, colon, rest = config.partition(":")
    if colon and scheme == "yaml":
        # The short form of the Collector: yaml:processors::batch::timeout: 2s
        path, _, value = rest.partition(": ")
        return Source(config, _nested(path, value) if "::" in path else rest)
    if colon and scheme == "env":
        if rest not in os.environ:
            raise CliError(f"the variable {rest} is not set", f"It is named by --config {config}")
        return Source(config, os.environ[rest])
    if colon and scheme in {"http", "https"}:
        raise CliError("configurations are not fetched over HTTP", f"Fetch it first: curl {config}")
    return Source.file(rest if colon and scheme == "file" else config)


def _setting(setting: str) -> "Source":
    from belvedere.collector.source import Source  # noqa: PLC0415 - see above

    path, equals, value = setting.partition("=")
    if not equals or not all(path.split("::")):
        raise CliError(
            f"--set {setting} names no key and value", "Write --set processors::batch::timeout=2s"
        )
    return Source(f"--set {setting}", _nested(path, value))


def _nested(path: str, value: str) -> str:
    """YAML with one value at a path, whose keys may hold any characters."""
    keys = path.split("::")
    opened = "".join(f"{{'{key.replace(chr(39), chr(39) * 2)}': " for key in keys)
    return f"{opened}{value}{'}' * len(keys)}"
