"""Globs of files: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any number of directories."""

import glob
import os
import re
from collections.abc import Iterable, Iterator

_BRACES = re.compile(r"\{([^{}]*)\}")


def matching(include: Iterable[str], exclude: Iterable[str]) -> Iterator[str]:
    """Paths of files that match, each once, in the order of `include`, of depth, and of names.

    So of a file that links to directories lead to as well, the shortest path comes first.
    """
    refused = [_expression(pattern) for each in exclude for pattern in _alternatives(each)]
    seen: set[str] = set()
    for each in include:
        for pattern in _alternatives(each):
            found = glob.iglob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207 - paths as text
            for path in sorted(found, key=lambda path: (path.count(os.sep), path)):
                if path in seen or not os.path.isfile(path):  # noqa: PTH113 - thousands of them, five times a second
                    continue
                seen.add(path)
                if not any(expression.fullmatch(path) for expression in refused):
                    yield path


def _alternatives(pattern: str) -> Iterator[str]:
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    for option in braces[1].split(","):
        yield from _alternatives(pattern[: braces.start()] + option + pattern[braces.end() :])


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    forms = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            forms.get(part)
            or (
                "[^" + part[2:]
                if part[:2] == "[!"
                else part
                if part[:1] == "["
                else re.escape(part)
            )
            for part in parts
        ),
        re.DOTALL,
    )
