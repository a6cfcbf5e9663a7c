"""`belvedere rules check`: output and exit codes are those of `promtool check rules`."""

import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belvedere.cli.rules.command import EnableFeature, engine_options

if TYPE_CHECKING:
    from belvedere.rules.files.model import RuleFile

_FAILED, _LINT_FAILED = 1, 3


class Lint(StrEnum):
    """What is looked at beyond what is wrong."""

    ALL = "all"
    DUPLICATE_RULES = "duplicate-rules"
    NONE = "none"


def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Rule files.", exists=True, dir_okay=False),
    ],
    lint: Annotated[Lint, typer.Option(help="What to look at beyond errors.")] = Lint.ALL,
    lint_fatal: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--lint-fatal", help="Exit with 3 where that finds something.")
    ] = False,
    enable_feature: EnableFeature = None,
) -> None:
    """Check rule files: their form, names, expressions and templates."""
    from belvedere.collector.source import Source  # noqa: PLC0415 - --help is quick
    from belvedere.rules.files.read import RuleFileError, load_rule_file  # noqa: PLC0415 - as above

    options = engine_options(enable_feature).parser
    failed = found = False
    for path in files:
        print(f"Checking {path}")
        try:
            file = load_rule_file(Source.file(path), options).file
        except RuleFileError as error:
            failed = True
            _complain(*map(str, error.problems))
            continue
        duplicates = [] if lint is Lint.NONE else list(_duplicates(file))
        if duplicates:
            found = True
            _complain(_duplicates_text(duplicates))
        else:
            print(f"  SUCCESS: {sum(len(group.rules) for group in file.groups)} rules found\n")
    if failed:
        raise typer.Exit(_FAILED)
    if found and lint_fatal:
        raise typer.Exit(_LINT_FAILED)


def _complain(*problems: str) -> None:
    sys.stdout.flush()
    print("  FAILED:", *problems, sep="\n", file=sys.stderr)
    print()


_Duplicate = tuple[str, tuple[tuple[str, str], ...]]


def _duplicates(file: "RuleFile") -> Iterator[_Duplicate]:
    """Name and labels of rules that are there before, once for each repetition."""
    counts = Counter(
        (rule.name, tuple(sorted(rule.labels.items())))
        for group in file.groups
        for rule in group.rules
    )
    for rule, count in sorted(counts.items()):
        yield from [rule] * (count - 1)


def _duplicates_text(duplicates: list[_Duplicate]) -> str:
    lines = [f"lint error {len(duplicates)} duplicate rule(s) found."]
    for name, labels in duplicates:
        lines += [f"Metric: {name}", "Label(s):"]
        lines += [f"\t{label}: {value}" for label, value in labels]
    return "\n".join([*lines, "Might cause inconsistency while recording expressions"])
