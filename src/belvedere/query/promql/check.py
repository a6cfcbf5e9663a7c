"""Types and arity of a tree, with upstream's messages."""

from dataclasses import dataclass, replace

from belvedere.query.go_format import quote
from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expression,
    MatrixSelector,
    Parentheses,
    Subquery,
    Unary,
    VectorMatching,
    VectorSelector,
)
from belvedere.query.promql.errors import ParseFault
from belvedere.query.promql.position import Position
from belvedere.query.promql.signatures import ValueType
from belvedere.query.promql.tokens import COMPARISON_OPERATORS, SET_OPERATORS

_OPERANDS = {ValueType.SCALAR, ValueType.VECTOR}


def check(tree: Expression, text: str, faults: list[ParseFault]) -> Expression:
    """The tree as the engine takes it: `matching` of binaries is completed, or None.

    Args:
        tree: From the parser.
        text: The query, a character a byte.
        faults: Takes what is wrong, in upstream's order.
    """
    return _Checker(text, faults).check(tree)


@dataclass(slots=True)
class _Checker:
    text: str
    faults: list[ParseFault]

    def check(self, node: Expression) -> Expression:  # noqa: PLR0911 # one a kind of node
        match node:
            case Aggregate():
                return self._aggregate(node)
            case Binary():
                return self._binary(node)
            case Call():
                return self._call(node)
            case Parentheses():
                return replace(node, expression=self.check(node.expression))
            case Unary():
                return self._unary(node)
            case Subquery():
                return self._subquery(node)
            case MatrixSelector():
                self._selector(node.selector)
            case VectorSelector():
                self._selector(node)
        return node

    def _fault(self, position: Position, message: str) -> None:
        self.faults.append(ParseFault(position, message))

    def _expect(self, node: Expression, wanted: ValueType, context: str) -> Expression:
        checked = self.check(node)
        if checked.type is not wanted:
            self._fault(
                node.position,
                f"expected type {wanted.documented} in {context}, got {checked.type.documented}",
            )
        return checked

    def _aggregate(self, node: Aggregate) -> Expression:
        expression = self._expect(node.expression, ValueType.VECTOR, "aggregation expression")
        if node.parameter is None:
            return replace(node, expression=expression)
        wanted = ValueType.STRING if node.op == "count_values" else ValueType.SCALAR
        parameter = self._expect(node.parameter, wanted, "aggregation parameter")
        return replace(node, expression=expression, parameter=parameter)

    def _binary(self, node: Binary) -> Expression:
        left, right = self.check(node.left), self.check(node.right)
        matching = node.matching or VectorMatching()
        is_set = node.op in SET_OPERATORS
        self._comparison(node, left, right)
        if is_set and matching.cardinality is Cardinality.ONE_TO_ONE:
            matching = replace(matching, cardinality=Cardinality.MANY_TO_MANY)
        if matching.on:
            for label in matching.labels:
                for _ in range(matching.include.count(label)):
                    self._operator_fault(
                        node, f"label {quote(label)} must not occur in ON and GROUP clause at once"
                    )
        for side in (left, right):
            if side.type not in _OPERANDS:
                self._fault(
                    side.position,
                    "binary expression must contain only scalar and instant vector types",
                )
        both_vectors = left.type is ValueType.VECTOR and right.type is ValueType.VECTOR
        if not both_vectors:
            self._scalar_matching(node, matching)
        elif is_set:
            self._set_matching(node, matching)
        if is_set and ValueType.SCALAR in {left.type, right.type}:
            self._fault(
                node.position,
                f"set operator {quote(node.op)} not allowed in binary scalar expression",
            )
        return replace(node, left=left, right=right, matching=matching if both_vectors else None)

    def _comparison(self, node: Binary, left: Expression, right: Expression) -> None:
        is_comparison = node.op in COMPARISON_OPERATORS
        if node.return_bool and not is_comparison:
            self._operator_fault(node, "bool modifier can only be used on comparison operators")
        both_scalar = left.type is ValueType.SCALAR and right.type is ValueType.SCALAR
        if is_comparison and not node.return_bool and both_scalar:
            self._operator_fault(node, "comparisons between scalars must use BOOL modifier")

    def _operator_fault(self, node: Binary, message: str) -> None:
        start, end = node.left.position.end, node.right.position.start
        between = self.text[start:end]
        begin = start + len(between) - len(between.lstrip())
        self._fault(Position(begin, start + len(between.rstrip()) - 1), message)

    def _scalar_matching(self, node: Binary, matching: VectorMatching) -> None:
        if matching.labels:
            self._fault(node.position, "vector matching only allowed between instant vectors")
        if matching.has_fill:
            self._fault(
                node.position,
                "filling in missing series only allowed between instant vectors",
            )

    def _set_matching(self, node: Binary, matching: VectorMatching) -> None:
        if matching.cardinality is not Cardinality.MANY_TO_MANY:
            self._fault(node.position, f"no grouping allowed for {quote(node.op)} operation")
            self._fault(node.position, "set operations must always be many-to-many")
        if matching.has_fill:
            self._fault(node.position, "filling in missing series not allowed for set operators")

    def _call(self, node: Call) -> Expression:
        signature = node.signature
        name, given, known = quote(signature.name), len(node.arguments), len(signature.arguments)
        least, most = known, known
        if signature.variadic:
            least = known - 1
            most = least + signature.variadic if signature.variadic > 0 else given
        if not signature.variadic and given != known:
            self._fault(
                node.position, f"expected {known} argument(s) in call to {name}, got {given}"
            )
        elif given < least:
            self._fault(
                node.position,
                f"expected at least {least} argument(s) in call to {name}, got {given}",
            )
        elif given > max(most, least):
            self._fault(
                node.position,
                f"expected at most {most} argument(s) in call to {name}, got {given}",
            )
        arguments = list(node.arguments)
        skip_empty = signature.name == "info" and given > 1
        if skip_empty:
            self._info_selector(node)
        for index, argument in enumerate(node.arguments):
            if index >= known and not signature.variadic:
                break
            wanted = signature.arguments[min(index, known - 1)]
            if skip_empty and index == 1 and isinstance(argument, VectorSelector):
                continue
            arguments[index] = self._expect(argument, wanted, f"call to function {name}")
        return replace(node, arguments=tuple(arguments))

    def _info_selector(self, node: Call) -> None:
        """The second argument of `info` selects labels, and may do so without any condition."""
        selector = node.arguments[1]
        if selector.type is not ValueType.VECTOR:
            self._fault(
                node.position,
                'expected type instant vector in call to function "info", '
                f"got {selector.type.documented}",
            )
        if not isinstance(selector, VectorSelector):
            self._fault(selector.position, "expected label selectors only")
        elif selector.name:
            self._fault(
                selector.position,
                "expected label selectors only, got vector selector instead",
            )

    def _unary(self, node: Unary) -> Expression:
        expression = self.check(node.expression)
        if expression.type not in _OPERANDS:
            self._fault(
                node.position,
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f"got {quote(expression.type.documented)}",
            )
        return replace(node, expression=expression)

    def _subquery(self, node: Subquery) -> Expression:
        expression = self.check(node.expression)
        if expression.type is not ValueType.VECTOR:
            self._fault(
                node.position,
                f"subquery is only allowed on instant vector, got {expression.type.value} instead",
            )
        return replace(node, expression=expression)

    def _selector(self, node: VectorSelector) -> None:
        if node.name:
            for matcher in node.matchers[:-1]:
                if matcher.name == METRIC_NAME:
                    self._fault(
                        node.position,
                        "metric name must not be set twice: "
                        f"{quote(node.name)} or {quote(matcher.value)}",
                    )
        elif all(matcher.matches("") for matcher in node.matchers):
            self._fault(
                node.position, "vector selector must contain at least one non-empty matcher"
            )
