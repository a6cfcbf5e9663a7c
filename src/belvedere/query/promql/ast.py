"""The tree of a query. `str()` prints each node as upstream's printer does.

Nodes compare by what they mean: positions do not count, so `parse(str(tree)) == tree`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from belvedere.query.go_format import format_f, quote
from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.duration import format_duration, format_signed_duration
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.position import NOWHERE, Position
from belvedere.query.promql.signatures import Signature, ValueType

_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


class Cardinality(StrEnum):
    """How many series of either side belong together."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number, or a duration in the place of one (`5m` is 300)."""

    value: float
    is_duration: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.SCALAR

    def __str__(self) -> str:
        if self.is_duration:
            return format_signed_duration(round(self.value * 1000))
        return format_f(self.value)


@dataclass(frozen=True, slots=True)
class StringLiteral:
    value: str
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.STRING

    def __str__(self) -> str:
        return quote(self.value)


@dataclass(frozen=True, slots=True)
class DurationExpression:
    """Arithmetic in the place of a duration: `5m * 2`, `step()`, `min_of(range(), 1h)`.

    Attributes:
        op: `step`, `range`, `min_of`, `max_of`, or an arithmetic operator.
        left: The left side; None for `step`, `range` and signs.
        right: The right side; None for `step` and `range`.
        wrapped: Stood in parentheses.
    """

    op: str
    left: "Duration | None" = None
    right: "Duration | None" = None
    wrapped: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def height(self) -> int:
        """How many expressions stand in each other."""
        below = (side for side in (self.left, self.right) if isinstance(side, DurationExpression))
        return 1 + max((side.height for side in below), default=0)

    def __str__(self) -> str:
        text = self._bare()
        return f"({text})" if self.wrapped else text

    def _bare(self) -> str:
        if self.op in {"step", "range"}:
            return f"{self.op}()"
        if self.op in {"min_of", "max_of"}:
            return f"{self.op}({self.left}, {self.right})"
        if self.left is None:
            return f"-{self.right}" if self.op == "-" else str(self.right)
        return f"{self.left} {self.op} {self.right}"


# What stands as a duration. A literal is in seconds.
Duration: TypeAlias = NumberLiteral | DurationExpression


@dataclass(frozen=True, slots=True)
class TimeShift:
    """`offset` and `@` of a selector or a subquery.

    Attributes:
        offset_ms: Milliseconds into the past; 0 where `offset_expression` says it.
        at_ms: Unix milliseconds of `@ <number>`.
        at_bound: `start` or `end` of `@ start()` and `@ end()`.
    """

    offset_ms: int = 0
    offset_expression: DurationExpression | None = None
    at_ms: int | None = None
    at_bound: str | None = None

    @property
    def has_offset(self) -> bool:
        return self.offset_ms != 0 or self.offset_expression is not None

    @property
    def has_at(self) -> bool:
        return self.at_ms is not None or self.at_bound is not None

    @property
    def at_text(self) -> str:
        if self.at_ms is not None:
            return f" @ {self.at_ms / 1000:.3f}"
        return f" @ {self.at_bound}()" if self.at_bound else ""

    @property
    def offset_text(self) -> str:
        if self.offset_expression is not None:
            return f" offset {self.offset_expression}"
        return f" offset {format_signed_duration(self.offset_ms)}" if self.offset_ms else ""


NO_SHIFT = TimeShift()


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """`name{matchers}`; the matcher of a name outside of the braces is the last one.

    Attributes:
        boundary: `anchored`, `smoothed` or nothing.
    """

    name: str
    matchers: tuple[Matcher, ...]
    shift: TimeShift = NO_SHIFT
    boundary: str = ""
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.VECTOR

    def __str__(self) -> str:
        boundary = f" {self.boundary}" if self.boundary else ""
        return f"{self._series()}{self.shift.at_text}{boundary}{self.shift.offset_text}"

    def _series(self) -> str:
        shown = sorted(
            str(matcher)
            for matcher in self.matchers
            if not (
                matcher.name == METRIC_NAME
                and matcher.op is MatchOp.EQUAL
                and matcher.value == self.name != ""
            )
        )
        return f"{self.name}{{{','.join(shown)}}}" if shown else self.name or "{}"


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """`selector[range]`; offset, @ and boundary are those of its selector."""

    selector: VectorSelector
    range_ms: int
    range_expression: DurationExpression | None = None
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.MATRIX

    def __str__(self) -> str:
        shift = self.selector.shift
        series = replace(self.selector, shift=NO_SHIFT, boundary="")
        boundary = f" {self.selector.boundary}" if self.selector.boundary else ""
        shown = self.range_expression or format_duration(self.range_ms)
        return f"{series}[{shown}]{boundary}{shift.at_text}{shift.offset_text}"


@dataclass(frozen=True, slots=True)
class Subquery:
    """`expression[range:step]`; a step of 0 is the default one."""

    expression: "Expression"
    range_ms: int
    step_ms: int = 0
    range_expression: DurationExpression | None = None
    step_expression: DurationExpression | None = None
    shift: TimeShift = NO_SHIFT
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.MATRIX

    def __str__(self) -> str:
        return f"{self.expression}{self.range_text}"

    @property
    def range_text(self) -> str:
        """What stands after the expression: `[range:step]`, `@` and `offset`."""
        range_ = self.range_expression or format_duration(self.range_ms)
        step = self.step_expression or (format_duration(self.step_ms) if self.step_ms else "")
        return f"[{range_}:{step}]{self.shift.at_text}{self.shift.offset_text}"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`op by (grouping) (parameter, expression)`."""

    op: str
    expression: "Expression"
    parameter: "Expression | None" = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return ValueType.VECTOR

    def __str__(self) -> str:
        parameter = f"{self.parameter}, " if self.parameter is not None else ""
        return f"{self.op}{self.grouping_text}({parameter}{self.expression})"

    @property
    def grouping_text(self) -> str:
        """` by (…) ` or ` without (…) `; empty where there is none."""
        if self.without:
            return f" without ({_labels(self.grouping)}) "
        return f" by ({_labels(self.grouping)}) " if self.grouping else ""


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How series of two vectors find each other.

    Attributes:
        labels: Those of `on` or `ignoring`.
        on: Whether they are those of `on`.
        include: The labels that `group_left` or `group_right` take from the "one" side.
        fill_left: Stands in for series that the left side has not.
        fill_right: Stands in for series that the right side has not.
    """

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None

    @property
    def has_fill(self) -> bool:
        return self.fill_left is not None or self.fill_right is not None

    def __str__(self) -> str:
        grouped = self.cardinality in {Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY}
        text = ""
        if self.labels or self.on or grouped:
            text += f" {'on' if self.on else 'ignoring'} ({_labels(self.labels)})"
        if grouped:
            side = "left" if self.cardinality is Cardinality.MANY_TO_ONE else "right"
            text += f" group_{side} ({_labels(self.include)})"
        return text + self._fill()

    def _fill(self) -> str:
        left, right = self.fill_left, self.fill_right
        if left is not None and right is not None and format_f(left) == format_f(right):
            return f" fill ({format_f(left)})"
        text = f" fill_left ({format_f(left)})" if left is not None else ""
        return text + (f" fill_right ({format_f(right)})" if right is not None else "")


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op matching right`; `matching` is None unless both are instant vectors."""

    op: str
    left: "Expression"
    right: "Expression"
    matching: VectorMatching | None = None
    return_bool: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        both_scalar = self.left.type is ValueType.SCALAR and self.right.type is ValueType.SCALAR
        return ValueType.SCALAR if both_scalar else ValueType.VECTOR

    def __str__(self) -> str:
        return f"{self.left} {self.operator_text} {self.right}"

    @property
    def operator_text(self) -> str:
        """The operator with `bool` and the matching."""
        return f"{self.op}{' bool' if self.return_bool else ''}{self.matching or ''}"


@dataclass(frozen=True, slots=True)
class Call:
    signature: Signature
    arguments: tuple["Expression", ...]
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return self.signature.result

    def __str__(self) -> str:
        return f"{self.signature.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Parentheses:
    expression: "Expression"
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return self.expression.type

    def __str__(self) -> str:
        return f"({self.expression})"


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before what is no number."""

    op: str
    expression: "Expression"
    position: Position = field(default=NOWHERE, compare=False)

    @property
    def type(self) -> ValueType:
        return self.expression.type

    def __str__(self) -> str:
        return f"{self.op}{self.expression}"


Expression: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Aggregate
    | Binary
    | Call
    | Parentheses
    | Unary
)


def children(node: Expression) -> Iterator[Expression]:
    """The expressions directly below a node, in the order of the text."""
    match node:
        case MatrixSelector(selector=selector):
            yield selector
        case Subquery(expression=below) | Parentheses(expression=below) | Unary(expression=below):
            yield below
        case Aggregate(expression=below, parameter=parameter):
            if parameter is not None:
                yield parameter
            yield below
        case Binary(left=left, right=right):
            yield from (left, right)
        case Call(arguments=arguments):
            yield from arguments
        case _:
            return


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(name if _PLAIN_LABEL.match(name) else quote(name) for name in names)
