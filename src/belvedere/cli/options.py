"""Options that several commands have, as annotated types."""

from typing import Annotated, Final, TypeAlias

import typer

from belvedere.cli.duration import parse_duration_ns

DEFAULT_SERVER: Final = "http://127.0.0.1:4320"
HOUR_NS: Final = 3600 * 10**9
"""How far back the commands look if not told."""

_WHERE: Final = "Which server"


def duration(text: str | int) -> int:
    """The parser of options that are durations, in nanoseconds.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return parse_duration_ns(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Server: TypeAlias = Annotated[
    str,
    typer.Option(envvar="BELVEDERE_URL", help="Where Belvedere's API is.", rich_help_panel=_WHERE),
]
Project: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="BELVEDERE_PROJECT",
        help="Whose data; the server's default project if not given.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Token: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="BELVEDERE_TOKEN",
        help="Bearer token, where the server asks for one.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object a line, for scripts.")
]
Since: TypeAlias = Annotated[
    int,
    typer.Option(
        parser=duration,
        metavar="DURATION",
        help="How far to look back: 30s, 15m, 2h, 7d.",
        show_default="1h",
    ),
]
Limit: TypeAlias = Annotated[
    int, typer.Option("--limit", "-n", help="How many.", min=1, max=10_000)
]
