"""The command `belvedere rules`, and what its subcommands share."""

from typing import TYPE_CHECKING, Annotated

import typer

from belvedere.cli.errors import CliError

if TYPE_CHECKING:
    from belvedere.query.promql.engine import EngineOptions

EnableFeature = Annotated[
    list[str] | None,
    typer.Option(
        help="Switch on what is experimental in PromQL (repeatable), as of `belvedere up`."
    ),
]


def rules(context: typer.Context) -> None:
    """Check and test Prometheus's rule files; `belvedere up --rules FILE` runs them."""
    if not context.invoked_subcommand:
        print(context.get_help())


def engine_options(features: list[str] | None) -> "EngineOptions":
    """The options of the language.

    Raises:
        CliError: there is no such feature.
    """
    from belvedere.query.promql.features import engine_options as options  # noqa: PLC0415 - --help is quick

    try:
        return options(features or ())
    except ValueError as error:
        raise CliError(str(error), hint="see --enable-feature") from None
