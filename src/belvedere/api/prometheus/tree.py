"""The tree of a query as JSON, in the form of upstream's `/parse_query`."""

from functools import singledispatch
from typing import Any

from belvedere.query.go_format import format_f
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expression,
    MatrixSelector,
    NumberLiteral,
    Parentheses,
    StringLiteral,
    Subquery,
    TimeShift,
    Unary,
    VectorMatching,
    VectorSelector,
)


@singledispatch
def tree(node: Expression) -> dict[str, Any]:
    """A node and all below it."""
    raise TypeError(f"no node of a query: {node!r}")


@tree.register
def _aggregate(node: Aggregate) -> dict[str, Any]:
    return {
        "type": "aggregation",
        "op": node.op,
        "expr": tree(node.expression),
        "param": None if node.parameter is None else tree(node.parameter),
        "grouping": list(node.grouping),
        "without": node.without,
    }


@tree.register
def _binary(node: Binary) -> dict[str, Any]:
    return {
        "type": "binaryExpr",
        "op": node.op,
        "lhs": tree(node.left),
        "rhs": tree(node.right),
        "matching": None if node.matching is None else _matching(node.matching),
        "bool": node.return_bool,
    }


def _matching(matching: VectorMatching) -> dict[str, Any]:
    return {
        "card": matching.cardinality.value,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


@tree.register
def _call(node: Call) -> dict[str, Any]:
    signature = node.signature
    return {
        "type": "call",
        "func": {
            "name": signature.name,
            "argTypes": [type_.value for type_ in signature.arguments],
            "variadic": signature.variadic,
            "returnType": signature.result.value,
        },
        "args": [tree(argument) for argument in node.arguments],
    }


@tree.register
def _matrix_selector(node: MatrixSelector) -> dict[str, Any]:
    return {
        **_vector_selector(node.selector),
        "type": "matrixSelector",
        "range": node.range_ms,
    }


@tree.register
def _vector_selector(node: VectorSelector) -> dict[str, Any]:
    return {
        "type": "vectorSelector",
        "name": node.name,
        "matchers": [
            {"name": each.name, "value": each.value, "type": each.op.value}
            for each in node.matchers
        ],
        "anchored": node.boundary == "anchored",
        "smoothed": node.boundary == "smoothed",
        **_shift(node.shift),
    }


@tree.register
def _subquery(node: Subquery) -> dict[str, Any]:
    return {
        "type": "subquery",
        "expr": tree(node.expression),
        "range": node.range_ms,
        "step": node.step_ms,
        **_shift(node.shift),
    }


def _shift(shift: TimeShift) -> dict[str, Any]:
    return {"offset": shift.offset_ms, "timestamp": shift.at_ms, "startOrEnd": shift.at_bound}


@tree.register
def _number(node: NumberLiteral) -> dict[str, Any]:
    return {"type": "numberLiteral", "val": format_f(node.value)}


@tree.register
def _string(node: StringLiteral) -> dict[str, Any]:
    return {"type": "stringLiteral", "val": node.value}


@tree.register
def _parentheses(node: Parentheses) -> dict[str, Any]:
    return {"type": "parenExpr", "expr": tree(node.expression)}


@tree.register
def _unary(node: Unary) -> dict[str, Any]:
    return {"type": "unaryExpr", "op": node.op, "expr": tree(node.expression)}
