"""The commands, and how they are found: each one is the function of its name in its module.

Only the module of the command that runs is imported: `belvedere --help` knows the others from
the table.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer

import belvedere

_RUN, _LOOK, _ASK = "Run", "Look", "Ask"

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": (
        _RUN,
        "Run Belvedere: receive OpenTelemetry data, keep it, answer questions about it.",
    ),
    "collector": (
        _RUN,
        "Run the Collector alone, with a configuration of the OpenTelemetry Collector.",
    ),
    "rules": (
        _RUN,
        "Check and test Prometheus's rule files; `belvedere up --rules FILE` runs them.",
    ),
    "demo": (_RUN, "Run AgentStack, a small platform for AI agents, and send its telemetry."),
    "run": (_RUN, "Run a Python program with telemetry: belvedere run app.py."),
    "status": (_RUN, "How the server is doing: what comes in, what is kept, what it uses."),
    "rejected": (_RUN, "List and replay what the store could not read."),
    "traces": (_LOOK, "The newest traces."),
    "trace": (_LOOK, "One trace: its spans, events and log lines, in time."),
    "logs": (_LOOK, "Log lines, oldest first; with --follow also those to come."),
    "metrics": (_LOOK, "Metrics and their last values; with a NAME, its series."),
    "promql": (
        _ASK,
        "Ask in PromQL, the language of Prometheus: the value now, or a line a series over time.",
    ),
    "sql": (_ASK, "Ask in SQL."),
}
"""Command → its place in `belvedere --help`, and the first line of its own help."""

STORY: Final = """
Belvedere receives OpenTelemetry data, keeps it, and shows it.

\b
  belvedere up                   run it; Ctrl-C stops it
  belvedere demo                 send a small load, to have something to see
  belvedere traces               what happened: the newest traces
  belvedere trace ID             why: one trace with its log lines
  belvedere logs --follow        log lines as they come
  belvedere metrics              metrics and their last values
  belvedere promql "QUERY"       ask as one asks Prometheus
  belvedere sql "SHOW TABLES"    all the rest

Each command explains itself: belvedere COMMAND --help
"""


def build(arguments: Sequence[str] = (), *, complete: bool = False) -> typer.Typer:
    """The application that `arguments` need.

    Args:
        arguments: the command line.
        complete: import all commands, not only the one in `arguments`.
    """
    app = typer.Typer(
        help=STORY,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    everything = complete or "_BELVEDERE_COMPLETE" in os.environ
    for name, (panel, summary) in COMMANDS.items():
        if (everything or name == wanted) and name != "run":  # `main` runs it, without typer
            module = import_module(f"belvedere.cli.{name}")
            _add(app, name, panel, getattr(module, name), getattr(module, "SUBCOMMANDS", ()))
        else:
            app.command(name, help=summary, rich_help_panel=panel)(_elsewhere)
    return app


def _add(
    app: typer.Typer,
    name: str,
    panel: str,
    function: Callable[..., None],
    subcommands: Sequence[Callable[..., None]],
) -> None:
    """Add a command. One with subcommands runs itself where none of them is named."""
    if not subcommands:
        app.command(name, help=_help(function), rich_help_panel=panel)(function)
        return
    group = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
    group.callback(invoke_without_command=True, help=_help(function))(function)
    for subcommand in subcommands:
        group.command(subcommand.__name__.rstrip("_"), help=_help(subcommand))(subcommand)
    app.add_typer(group, name=name, rich_help_panel=panel)


def _help(function: Callable[..., None]) -> str:
    """A docstring without its line ends: a terminal has other widths than the source."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the value
    if wanted:
        print(f"belvedere {belvedere.__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    del version  # its callback has done it


def _elsewhere() -> Any:
    """Stands in `--help` for a command that is not imported."""
