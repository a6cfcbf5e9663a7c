"""A test file's tests, one after another."""

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from belvedere.collector.errors import ConfigError
from belvedere.collector.regex import search
from belvedere.collector.source import Source, read_tree
from belvedere.collector.validate import validated
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.rules.evaluation.build import Defaults, build_groups
from belvedere.rules.evaluation.group import Group
from belvedere.rules.files.read import LoadedFile, load_rule_file
from belvedere.rules.unit_tests.group import run_group
from belvedere.rules.unit_tests.model import TestFile, TestGroup

_EXPECTED = "a test file is a mapping with the keys rule_files and tests"


class UnitTests:
    """The tests of one file."""

    def __init__(self, path: Path, options: EngineOptions) -> None:
        """Read a test file.

        Args:
            path: Of the file.
            options: Of the language.

        Raises:
            ConfigError: it cannot be used.
        """
        source = Source.file(path)
        tree = read_tree(source, None, expected=_EXPECTED)
        self.file = validated(TestFile, tree, ())
        repeated = [
            name
            for at, name in enumerate(self.file.group_eval_order)
            if name in self.file.group_eval_order[:at]
        ]
        if repeated:
            message = f"group name repeated in evaluation order: {repeated[0]}"
            raise tree.error(("group_eval_order",), message)
        self._path = path
        self._engine = Engine(
            replace(options, default_step_ms=self.file.evaluation_interval or 60_000)
        )

    def rule_files(self) -> tuple[list[str], list[str]]:
        """The rule files that are there, and names and globs without one."""
        found, missing = [], []
        for name in self.file.rule_files:
            paths = sorted(glob.glob(str(self._path.parent / name)))  # noqa: PTH207 - Path has no globs that are absolute
            found += paths
            if not paths:
                missing.append(str(self._path.parent / name))
        return found, missing

    async def run(self, paths: Sequence[str], *, wanted: str = "") -> list[str]:
        """What is other than expected, by all tests; empty where all is well.

        Args:
            paths: The rule files.
            wanted: An expression of RE2; only tests with a name that it matches run.
        """
        problems: list[str] = []
        matches = search(wanted)
        try:
            files = [
                load_rule_file(Source.file(path), self._engine.options.parser) for path in paths
            ]
        except ConfigError as error:
            return [str(error)]
        interval_ms = self.file.evaluation_interval or 60_000
        for tests in self.file.tests:
            if not matches(tests.name):
                continue
            problems += await run_group(
                tests,
                self._groups(files, tests, interval_ms),
                self._engine,
                interval_ms=interval_ms,
                fuzzy=self.file.fuzzy_compare,
            )
        return problems

    def _groups(
        self, files: Sequence[LoadedFile], tests: TestGroup, interval_ms: int
    ) -> list[Group]:
        defaults = Defaults(
            interval_ms=tests.interval or interval_ms,
            external_labels=tests.external_labels,
            external_url=tests.external_url,
            parser=self._engine.options.parser,
        )
        order = {name: at for at, name in enumerate(self.file.group_eval_order)}
        groups = build_groups("", files, defaults, restored=True)
        return sorted(groups, key=lambda group: order.get(group.name, 0))
