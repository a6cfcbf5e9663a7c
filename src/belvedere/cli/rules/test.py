"""`belvedere rules test`: output and exit codes are those of `promtool test rules`."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belvedere.cli.errors import CliError
from belvedere.cli.rules.command import EnableFeature, engine_options

if TYPE_CHECKING:
    from belvedere.query.promql.engine import EngineOptions


def test(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Test files.", exists=True, dir_okay=False),
    ],
    run: Annotated[
        str, typer.Option(help="Only tests with a name that this regular expression matches.")
    ] = "",  # noqa: PT028 - no test of pytest
    enable_feature: EnableFeature = None,  # noqa: PT028 - as above
) -> None:
    """Run unit tests of rules, in the format of `promtool test rules`."""
    from belvedere.collector.regex import compile_regex  # noqa: PLC0415 - --help is quick
    from belvedere.server.log import configure_log  # noqa: PLC0415 - as above

    try:
        compile_regex(run)
    except ValueError as error:
        raise CliError(str(error), hint="see --run") from None
    configure_log(level="critical")  # what fails is said by the tests
    options = engine_options(enable_feature)
    failed = False
    for path in files:
        print(f"Unit Testing:  {path}", flush=True)
        problems = _problems(path, options, run)
        if problems:
            failed = True
            print("  FAILED:", *problems, sep="\n", file=sys.stderr, flush=True)
        else:
            print("  SUCCESS")
        print(flush=True)
    if failed:
        raise typer.Exit(1)


test.__test__ = False  # type: ignore[attr-defined] # pytest takes functions of this name for its own


def _problems(path: Path, options: "EngineOptions", wanted: str) -> list[str]:
    from belvedere.collector.errors import ConfigError  # noqa: PLC0415 - --help is quick
    from belvedere.rules.unit_tests.run import UnitTests  # noqa: PLC0415 - as above

    try:
        tests = UnitTests(path, options)
    except ConfigError as error:
        return [str(error)]
    found, missing = tests.rule_files()
    for pattern in missing:
        print(f"  WARNING: no file match pattern {pattern}", file=sys.stderr)
    return asyncio.run(tests.run(found, wanted=wanted))
