"""`label_replace` and `label_join`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    text,
    vector,
)
from belvedere.query.promql.labels_syntax import is_label_name
from belvedere.query.promql.regex import BadRegexError, compile_anchored
from belvedere.query.stop import each

# `$name`, `${name}` and `$$` of a replacement; any other `$` stands for itself.
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")
# What one call may make of labels. In each other, such calls could make texts of any length.
_MAX_CHARACTERS = 256 << 20


def _label_replace(arguments: Sequence[Argument], _: CallContext) -> SeriesMatrix:
    """Sets a label from what a regular expression finds in another, where it matches all of it.

    Raises:
        ExecutionError: the regular expression or the label's name is none, or the labels become
            too long.
    """
    matrix = vector(arguments[0])
    target, replacement, source, expression = map(text, arguments[1:])
    pattern = _pattern(expression)
    if not is_label_name(target):
        raise ExecutionError(f"invalid destination label name in label_replace(): {target}")

    size = _Size("label_replace")

    @cache
    def replaced(value: str) -> str | None:
        found = pattern.search(value)
        return None if found is None else _expanded(replacement, found, size)

    labels, changed = [], np.zeros(len(matrix.labels), np.bool_)
    for s, of_series in enumerate(each(matrix.labels)):
        value = replaced(of_series.get(source))
        changed[s] = value is not None
        size.add(len(value or ""))
        labels.append(of_series if value is None else of_series.with_(target, value))
    return _relabelled(matrix, labels, changed & (target == METRIC_NAME))


def _pattern(expression: str) -> Any:
    try:
        return compile_anchored(expression, groups=True)
    except BadRegexError:
        raise ExecutionError(
            f"invalid regular expression in label_replace(): {expression}"
        ) from None


class _Size:
    """Counts the characters of a call's labels, and refuses too many."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._characters = 0

    def add(self, characters: int) -> None:
        self._characters += characters
        if self._characters > _MAX_CHARACTERS:
            raise ExecutionError(
                f"{self._function}() would make more than {_MAX_CHARACTERS} characters of labels"
            )


def _expanded(replacement: str, found: Any, size: _Size) -> str:
    """The replacement with what its references found; nothing for those to no group."""

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            text = found.group(int(name[:9]) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""
        size.add(len(text))
        return text

    return _REFERENCE.sub(group, replacement)


def _label_join(arguments: Sequence[Argument], _: CallContext) -> SeriesMatrix:
    """Sets a label to the values of others, joined.

    Raises:
        ExecutionError: a label's name is none, or the labels become too long.
    """
    matrix = vector(arguments[0])
    target, separator, *sources = map(text, arguments[1:])
    for source in sources:
        if not is_label_name(source):
            raise ExecutionError(f"invalid source label name in label_join(): {source}")
    if not is_label_name(target):
        raise ExecutionError(f"invalid destination label name in label_join(): {target}")
    size = _Size("label_join")
    labels = []
    for of_series in each(matrix.labels):
        values = [of_series.get(source) for source in sources]
        size.add(sum(map(len, values)) + len(separator) * len(values))
        labels.append(of_series.with_(target, separator.join(values)))
    named = np.full(len(labels), target == METRIC_NAME)
    return _relabelled(matrix, labels, named)


def _relabelled(
    matrix: SeriesMatrix, labels: Sequence[Labels], named: np.ndarray[Any, np.dtype[np.bool_]]
) -> SeriesMatrix:
    """The matrix with other labels; a name that was given (bool[S]) is not dropped."""
    return replace(matrix, labels=labels, drop_name=matrix.drop_name & ~named)


LABEL_FUNCTIONS: Mapping[str, InstantFunction] = {
    "label_replace": _label_replace,
    "label_join": _label_join,
}
