"""A query over several lines, as upstream's promql/parser/prettier.go writes it.

A node whose text is longer than `MAX_LINE` bytes is split: each of its parts has lines of its own,
one level deeper. A level of 0 means that the node goes on with a line that its parent began.
"""

from functools import singledispatch
from typing import Final

from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Parentheses,
    Subquery,
    Unary,
)

MAX_LINE: Final = 100
"""Bytes."""
_INDENT: Final = "  "


def pretty(expression: Expression) -> str:
    """Return the text of `expression`, which parses to an equal tree."""
    return _pretty(expression, 0)


@singledispatch
def _split(node: Expression, level: int) -> str:
    """The text of a node that is too long for a line; a selector or literal stays on one."""
    return _INDENT * level + str(node)


def _pretty(node: Expression, level: int) -> str:
    if isinstance(node, Unary):
        return f"{_INDENT * level}{node.op}{_pretty(node.expression, level).strip()}"
    text = str(node)
    if len(text.encode()) > MAX_LINE:
        return _split(node, level)
    # upstream does not indent a short subquery
    return text if isinstance(node, Subquery) else _INDENT * level + text


@_split.register
def _aggregate(node: Aggregate, level: int) -> str:
    indent = _INDENT * level
    parameter = "" if node.parameter is None else f"{_pretty(node.parameter, level + 1)},\n"
    expression = _pretty(node.expression, level + 1)
    return f"{indent}{node.op}{node.grouping_text}(\n{parameter}{expression}\n{indent})"


@_split.register
def _binary(node: Binary, level: int) -> str:
    left, right = _pretty(node.left, level + 1), _pretty(node.right, level + 1)
    return f"{left}\n{_INDENT * level}{node.operator_text}\n{right}"


@_split.register
def _call(node: Call, level: int) -> str:
    indent = _INDENT * level
    arguments = ",\n".join(_pretty(argument, level + 1) for argument in node.arguments)
    return f"{indent}{node.signature.name}(\n{arguments}\n{indent})"


@_split.register
def _parentheses(node: Parentheses, level: int) -> str:
    indent = _INDENT * level
    return f"{indent}(\n{_pretty(node.expression, level + 1)}\n{indent})"


@_split.register
def _subquery(node: Subquery, level: int) -> str:
    return f"{_pretty(node.expression, level)}{node.range_text}"
