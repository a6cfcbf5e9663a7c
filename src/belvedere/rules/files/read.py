"""Rule files, by their names and globs."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from belvedere.collector.errors import ConfigError
from belvedere.collector.source import Source, read_tree
from belvedere.collector.validate import validated
from belvedere.query.promql.options import DEFAULT, ParserOptions
from belvedere.rules.files.check import problems
from belvedere.rules.files.model import RuleFile

_EXPECTED = "a rule file is a mapping with the key groups"


class RuleFileError(ConfigError):
    """A rule file cannot be used. The message has all that is wrong with it, a line for each."""

    def __init__(self, found: list[ConfigError]) -> None:
        first = found[0]
        super().__init__(first.message, key=first.key, file=first.file, line=first.line)
        self.problems = found
        self.args = ("\n".join(map(str, found)),)


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A rule file that was read."""

    path: str
    file: RuleFile


def load_rule_file(source: Source, options: ParserOptions = DEFAULT) -> LoadedFile:
    """Read one rule file.

    Raises:
        RuleFileError: it cannot be used.
    """
    try:
        tree = read_tree(source, None, expected=_EXPECTED)
        file = validated(RuleFile, tree, ())
    except ConfigError as error:
        raise RuleFileError([error]) from None
    found = list(problems(file, tree, options))
    if found:
        raise RuleFileError(found)
    return LoadedFile(source.name, file)


def load_rule_files(patterns: Iterable[str], options: ParserOptions = DEFAULT) -> list[LoadedFile]:
    """Read all files of names and globs, each once, in the order of their names.

    Raises:
        ConfigError: a file cannot be used, or is not there.
    """
    return [load_rule_file(Source.file(path), options) for path in rule_paths(patterns)]


def globs_of_nothing(patterns: Iterable[str]) -> list[str]:
    """The globs that match no file now."""
    return [each for each in patterns if glob.has_magic(each) and not glob.glob(each)]  # noqa: PTH207 - as below


def rule_paths(patterns: Iterable[str]) -> list[Path]:
    """The files of names and globs. A glob may match nothing; a name must be a file.

    Raises:
        ConfigError: a file is not there.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        paths = sorted(glob.glob(pattern))  # noqa: PTH207 - Path has no globs that are absolute
        if not paths and not glob.has_magic(pattern):
            raise ConfigError("there is no such rule file", file=pattern, hint="see --rules")
        found.update(dict.fromkeys(Path(path) for path in paths))
    return list(found)
