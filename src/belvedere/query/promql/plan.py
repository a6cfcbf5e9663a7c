"""The tree as it is executed: what the query's times decide is decided, and it prints itself.

`start()`, `end()`, `step()` and arithmetic of durations are numbers here, parentheses are gone,
and whatever has the same value at all steps stands below a `StepInvariant`, to be computed once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from belvedere.query.go_format import format_f, quote
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Duration,
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
from belvedere.query.promql.duration import format_duration, format_signed_duration
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.position import Position
from belvedere.query.promql.query_times import QueryTimes
from belvedere.query.promql.signatures import Signature
from belvedere.query.promql.tokens import TRIM_OPERATORS
from belvedere.query.promql.totals import BUCKETS, TOTALS

# Their value changes with the time of the step although their arguments do not.
TIME_DEPENDENT: Final = frozenset(
    (
        *("days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute"),
        *("month", "year", "predict_linear", "time", "timestamp"),
    )
)
_QUERY_TIMES: Final = frozenset(("start", "end", "range", "step"))


@dataclass(frozen=True, slots=True)
class Constant:
    """A scalar that is the same at all steps."""

    value: float
    position: Position

    def __str__(self) -> str:
        return f"number {format_f(self.value)}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str
    position: Position

    def __str__(self) -> str:
        return f"string {quote(self.value)}"


@dataclass(frozen=True, slots=True)
class When:
    """The times at which something is looked at, for the steps of a grid.

    Attributes:
        offset_ms: How long before the step.
        at_ms: Unix milliseconds that stand in the place of the step.
    """

    offset_ms: int = 0
    at_ms: int | None = None

    def __str__(self) -> str:
        at = "" if self.at_ms is None else f" @ {self.at_ms / 1000:.3f}"
        offset = f" offset {format_signed_duration(self.offset_ms)}" if self.offset_ms else ""
        return at + offset


@dataclass(frozen=True, slots=True)
class Instant:
    """The newest samples of series; `totals` as of `Range`."""

    matchers: tuple[Matcher, ...]
    when: When
    boundary: str
    position: Position
    totals: bool = False

    def __str__(self) -> str:
        boundary = f" {self.boundary}" if self.boundary else ""
        totals = " (count and sum)" if self.totals else ""
        return f"select {_series(self.matchers)}{boundary}{self.when}{totals}"


@dataclass(frozen=True, slots=True)
class Range:
    """The samples of series in a window before each step.

    Attributes:
        totals: Of histograms count and sum are enough.
    """

    matchers: tuple[Matcher, ...]
    range_ms: int
    when: When
    boundary: str
    position: Position
    totals: bool = False

    def __str__(self) -> str:
        boundary = f" {self.boundary}" if self.boundary else ""
        window = f"[{format_duration(self.range_ms)}]"
        totals = " (count and sum)" if self.totals else ""
        return f"select {_series(self.matchers)}{window}{boundary}{self.when}{totals}"


@dataclass(frozen=True, slots=True)
class SubqueryRange:
    """A window over the values that an expression has at steps of its own."""

    below: "Node"
    range_ms: int
    step_ms: int
    when: When
    position: Position

    def __str__(self) -> str:
        window = f"{format_duration(self.range_ms)}:{format_duration(self.step_ms)}"
        return f"subquery [{window}]{self.when}"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """An aggregation of series."""

    op: str
    below: "Node"
    parameter: "Node | None"
    grouping: tuple[str, ...]
    without: bool
    position: Position

    def __str__(self) -> str:
        if not self.grouping and not self.without:
            return f"aggregate {self.op}"
        word = "without" if self.without else "by"
        return f"aggregate {self.op} {word} ({', '.join(self.grouping)})"


@dataclass(frozen=True, slots=True)
class Function:
    """A call. `selector` is the selector that `absent` names its result by."""

    signature: Signature
    arguments: tuple["Node", ...]
    selector: VectorSelector | None
    position: Position

    def __str__(self) -> str:
        return f"call {self.signature.name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator. `matching` is None unless both sides are vectors."""

    op: str
    left: "Node"
    right: "Node"
    matching: VectorMatching | None
    return_bool: bool
    position: Position

    def __str__(self) -> str:
        matching = "" if self.matching is None else str(self.matching)
        return f"operator {self.op}{' bool' if self.return_bool else ''}{matching}"


@dataclass(frozen=True, slots=True)
class Negation:
    """A minus before a vector or a scalar."""

    below: "Node"
    position: Position

    def __str__(self) -> str:
        return "negate"


@dataclass(frozen=True, slots=True)
class StepInvariant:
    """What is computed at the first step and stands for all."""

    below: "Node"
    position: Position

    def __str__(self) -> str:
        return "once for all steps"


Node: TypeAlias = (
    Constant
    | Text
    | Instant
    | Range
    | SubqueryRange
    | Aggregation
    | Function
    | Operation
    | Negation
    | StepInvariant
)


def plan(tree: Expression, times: QueryTimes) -> Node:
    """The plan of a checked tree.

    Raises:
        ExecutionError: a duration expression gives no valid duration.
    """
    node, invariant = _Planner(times).plan(tree)
    return _once(node) if invariant else node


def explain(node: Node, indent: str = "") -> str:
    """The plan as text, a node a line, what it works on below it and further in."""
    lines = [f"{indent}{node}"]
    lines += [explain(below, f"{indent}  ") for below in inputs(node)]
    return "\n".join(lines)


def inputs(node: Node) -> Iterator[Node]:
    """The nodes directly below."""
    match node:
        case Aggregation(below=below, parameter=parameter):
            if parameter is not None:
                yield parameter
            yield below
        case SubqueryRange(below=below) | Negation(below=below) | StepInvariant(below=below):
            yield below
        case Function(arguments=arguments):
            yield from arguments
        case Operation(left=left, right=right):
            yield from (left, right)
        case _:
            return


def _series(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ", ".join(map(str, matchers)) + "}"


def _once(node: Node) -> Node:
    """The node below a `StepInvariant`, unless that would save nothing."""
    if isinstance(node, Constant | Text | Range | SubqueryRange | StepInvariant):
        return node
    return StepInvariant(node, node.position)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Gives nodes, and whether they are the same at all steps.

    Attributes:
        in_totals: Below a call that needs no buckets of histograms.
        in_buckets: Below a call or operator that needs buckets, or below a subquery, where
            resets are found by buckets.
    """

    times: QueryTimes
    in_totals: bool = False
    in_buckets: bool = False

    @property
    def totals(self) -> bool:
        return self.in_totals and not self.in_buckets

    def plan(self, tree: Expression) -> tuple[Node, bool]:  # noqa: C901, PLR0911 # one a kind
        match tree:
            case NumberLiteral(value=value):
                return Constant(value, tree.position), True
            case StringLiteral(value=text):
                return Text(text, tree.position), True
            case VectorSelector():
                when = self._when(tree.shift)
                place = tree.position
                selected = Instant(tree.matchers, when, tree.boundary, place, self.totals)
                return selected, when.at_ms is not None
            case MatrixSelector():
                return self._matrix_selector(tree)
            case Subquery():
                return self._subquery(tree)
            case Parentheses(expression=below):
                return self.plan(below)
            case Unary(op=op, expression=below):
                node, invariant = self.plan(below)
                return (node if op == "+" else Negation(node, tree.position)), invariant
            case Aggregate():
                return self._aggregate(tree)
            case Binary():
                return self._binary(tree)
            case Call():
                return self._call(tree)

    def _when(self, shift: TimeShift) -> When:
        offset_ms = shift.offset_ms
        if shift.offset_expression is not None:
            offset_ms = self.times.milliseconds(shift.offset_expression, positive=False)
        bounds = {"start": self.times.start_ms, "end": self.times.end_ms}
        return When(offset_ms, bounds[shift.at_bound] if shift.at_bound else shift.at_ms)

    def _duration(self, literal_ms: int, expression: Duration | None) -> int:
        if expression is None:
            return literal_ms
        return self.times.milliseconds(expression, positive=True)

    def _matrix_selector(self, tree: MatrixSelector) -> tuple[Node, bool]:
        selector = tree.selector
        when = self._when(selector.shift)
        range_ms = self._duration(tree.range_ms, tree.range_expression)
        matchers, boundary = selector.matchers, selector.boundary
        node = Range(matchers, range_ms, when, boundary, tree.position, self.totals)
        return node, when.at_ms is not None

    def _subquery(self, tree: Subquery) -> tuple[Node, bool]:
        below, invariant = replace(self, in_buckets=True).plan(tree.expression)
        when = self._when(tree.shift)
        step_ms = self._duration(tree.step_ms, tree.step_expression)
        node = SubqueryRange(
            _once(below) if invariant else below,
            self._duration(tree.range_ms, tree.range_expression),
            step_ms or self.times.default_step_ms,
            when,
            tree.position,
        )
        return node, when.at_ms is not None

    def _aggregate(self, tree: Aggregate) -> tuple[Node, bool]:
        # The parameter does not count, as upstream has it: `topk(scalar(a), b @ 0)` takes the
        # first step's parameter for all.
        below, invariant = self.plan(tree.expression)
        parameter = None if tree.parameter is None else self.plan(tree.parameter)[0]
        grouping = tuple(dict.fromkeys(tree.grouping))
        node = Aggregation(tree.op, below, parameter, grouping, tree.without, tree.position)
        return node, invariant

    def _binary(self, tree: Binary) -> tuple[Node, bool]:
        planner = replace(self, in_buckets=self.in_buckets or tree.op in TRIM_OPERATORS)
        left, left_invariant = planner.plan(tree.left)
        right, right_invariant = planner.plan(tree.right)
        both = left_invariant and right_invariant
        if not both:
            left = _once(left) if left_invariant else left
            right = _once(right) if right_invariant else right
        node = Operation(tree.op, left, right, tree.matching, tree.return_bool, tree.position)
        return node, both

    def _call(self, tree: Call) -> tuple[Node, bool]:
        name = tree.signature.name
        if name in _QUERY_TIMES:
            return Constant(self.times.seconds(name), tree.position), True
        planner = replace(
            self,
            in_totals=self.in_totals or name in TOTALS,
            in_buckets=self.in_buckets or name in BUCKETS,
        )
        planned = [planner.plan(argument) for argument in tree.arguments]
        invariant = name not in TIME_DEPENDENT and all(same for _, same in planned)
        arguments = [node if invariant or not same else _once(node) for node, same in planned]
        selector = _selector(tree.arguments[0]) if tree.arguments else None
        node = Function(tree.signature, tuple(arguments), selector, tree.position)
        return node, invariant


def _selector(tree: Expression) -> VectorSelector | None:
    """The selector that an argument consists of."""
    while isinstance(tree, Parentheses):
        tree = tree.expression
    if isinstance(tree, MatrixSelector):
        return tree.selector
    return tree if isinstance(tree, VectorSelector) else None
