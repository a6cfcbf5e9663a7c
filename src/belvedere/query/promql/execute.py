"""Plan → matrices: each node is computed for all steps at once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np

from belvedere.query.go_format import quote
from belvedere.query.kernels.interpolated import interpolated, interpolated_native
from belvedere.query.kernels.latest import latest, latest_starts, latest_timestamps
from belvedere.query.kernels.windows import Boundary, Windows
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.aggregations import AGGREGATIONS
from belvedere.query.promql.annotations import SORT_IN_RANGE_QUERY, Annotations
from belvedere.query.promql.ast import VectorSelector
from belvedere.query.promql.bounds import Bounds
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.elements import Operator, Side, combine, scalar_result
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.info import info
from belvedere.query.promql.instant_functions import INSTANT_FUNCTIONS
from belvedere.query.promql.labels_syntax import is_label_name
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.matching import vector_operation
from belvedere.query.promql.plan import (
    Aggregation,
    Constant,
    Function,
    Instant,
    Negation,
    Node,
    Operation,
    Range,
    StepInvariant,
    SubqueryRange,
    Text,
)
from belvedere.query.promql.present_names import present_names
from belvedere.query.promql.range_functions import (
    ANCHORED_FUNCTIONS,
    RANGE_FUNCTIONS,
    SMOOTHED_FUNCTIONS,
)
from belvedere.query.promql.range_functions.results import with_names
from belvedere.query.promql.same_labels import merged, refused
from belvedere.query.promql.select import Reader, looked_at, reach
from belvedere.query.promql.set_operators import set_operation
from belvedere.query.promql.signatures import ValueType
from belvedere.query.promql.source import Source
from belvedere.query.promql.subquery import as_samples, subquery_grid
from belvedere.query.promql.tokens import ARITHMETIC_OPERATORS, SET_OPERATORS, TRIM_OPERATORS
from belvedere.query.samples import BoolArray, FloatArray, Samples
from belvedere.query.stop import go_on

Value: TypeAlias = SeriesMatrix | FloatArray | str

_OF_SELECTORS: Final = {"timestamp": latest_timestamps, "start_timestamp": latest_starts}
_SORTS: Final = frozenset(("sort", "sort_desc", "sort_by_label", "sort_by_label_desc"))
_BOUNDARY_FUNCTIONS: Final = {
    Boundary.ANCHORED: ANCHORED_FUNCTIONS,
    Boundary.SMOOTHED: SMOOTHED_FUNCTIONS,
}


@dataclass(frozen=True, slots=True)
class Execution:
    """One query's execution.

    Attributes:
        source: Where samples come from.
        lookback_ms: How old a sample may be to stand for now.
        delayed_name_removal: Names are removed at the end of the query, not on the way.
        is_range_query: Whether the query has steps, be it one.
        bounds: What the query may use.
        annotations: Takes warnings and infos.
        start_timestamps: Whether start times of samples are used.
    """

    source: Source
    lookback_ms: int
    delayed_name_removal: bool
    is_range_query: bool
    bounds: Bounds
    annotations: Annotations
    start_timestamps: bool
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "reader", Reader(self.source, start_timestamps=self.start_timestamps)
        )

    def value(self, node: Node, grid: Grid) -> Value:
        """The value of a node at all steps: a matrix, a scalar a step, or a string."""
        go_on()
        held = self.bounds.held
        self.bounds.check_steps(grid.steps)
        result: Value = _NODES[type(node)](self, node, grid)
        size = np.count_nonzero(result.present) if isinstance(result, SeriesMatrix) else 0
        self.bounds.settle(held, int(size))
        return result

    def vector(self, node: Node, grid: Grid) -> SeriesMatrix:
        value = self.value(node, grid)
        if not isinstance(value, SeriesMatrix):
            raise TypeError(f"no vector: {node}")
        return value

    def scalar(self, node: Node, grid: Grid) -> FloatArray:
        value = self.value(node, grid)
        if not isinstance(value, np.ndarray):
            raise TypeError(f"no scalar: {node}")
        return value

    def windows(self, node: Range | SubqueryRange, grid: Grid) -> tuple[Windows, BoolArray]:
        """The windows of a range vector, and for each series whether its name is to go."""
        times = looked_at(node.when, grid)
        if isinstance(node, SubqueryRange):
            samples, drop_name = self.subquery_samples(node, grid)
            return Windows.of(samples, times, node.range_ms), drop_name
        boundary = Boundary(node.boundary)
        before, after = reach(boundary, self.lookback_ms)
        before += node.range_ms
        samples = self.reader.read(node.matchers, times, before, after, totals=node.totals)
        self.bounds.hold_samples(samples, grid.steps)
        windows = Windows.of(
            samples, times, node.range_ms, boundary=boundary, lookback_ms=self.lookback_ms
        )
        return windows, np.zeros(len(samples.labels), np.bool_)

    def subquery_samples(self, node: SubqueryRange, grid: Grid) -> tuple[Samples, BoolArray]:
        """What the expression of a subquery gives at its own steps."""
        below = subquery_grid(looked_at(node.when, grid), node.range_ms, node.step_ms)
        if below is None:
            return Samples.empty(), np.zeros(0, np.bool_)
        return as_samples(self.vector(node.below, below), below.timestamps_ms)

    def context(self, grid: Grid, *nodes: Node, absent: Labels | None = None) -> CallContext:
        context = CallContext(
            grid.timestamps_ms,
            [node.position for node in nodes],
            self.annotations,
            self.delayed_name_removal,
        )
        return context if absent is None else replace(context, absent_labels=absent)


def _constant(_: Execution, node: Constant, grid: Grid) -> FloatArray:
    return np.full(grid.steps, node.value)


def _text(_: Execution, node: Text, __: Grid) -> str:
    return node.value


def _instant(execution: Execution, node: Instant, grid: Grid) -> SeriesMatrix:
    times, lookback_ms = looked_at(node.when, grid), execution.lookback_ms
    boundary = Boundary(node.boundary)
    if boundary is Boundary.SMOOTHED:
        samples = execution.reader.read(node.matchers, times, lookback_ms, lookback_ms)
        execution.bounds.hold_samples(samples, grid.steps)
        windows = Windows.of(samples, times, 0, boundary=boundary, lookback_ms=lookback_ms)
        return with_names(
            windows, interpolated, interpolated_native, execution.annotations, node.position
        ).without_missing()
    samples = execution.reader.read(node.matchers, times, lookback_ms, totals=node.totals)
    execution.bounds.hold_samples(samples, grid.steps)
    return latest(samples, times, lookback_ms).without_missing()


def _step_invariant(execution: Execution, node: StepInvariant, grid: Grid) -> Value:
    first = Grid(grid.start_ms, grid.start_ms, grid.step_ms)
    value = execution.value(node.below, first)
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return np.repeat(value, grid.steps)
    execution.bounds.hold_cells(len(value.labels), grid.steps)
    return SeriesMatrix(
        value.labels,
        np.repeat(value.values, grid.steps, axis=1),
        np.repeat(value.present, grid.steps, axis=1),
        None if value.histograms is None else np.repeat(value.histograms, grid.steps, axis=1),
        value.drop_name,
    )


def _aggregation(execution: Execution, node: Aggregation, grid: Grid) -> SeriesMatrix:
    parameter = None if node.parameter is None else execution.value(node.parameter, grid)
    if isinstance(parameter, SeriesMatrix):
        raise TypeError(f"no scalar: {node.parameter}")
    if node.op == "count_values" and not is_label_name(str(parameter)):
        raise ExecutionError(f"invalid label name {quote(str(parameter))}", node.position)
    below = execution.vector(node.below, grid)
    positions = [node.below] if node.parameter is None else [node.below, node.parameter]
    aggregate = AGGREGATIONS[node.op]
    context = replace(execution.context(grid, *positions), position=node.position)
    result = aggregate(below, parameter, node.grouping, node.without, context)
    return result.without_missing()


def _operation(execution: Execution, node: Operation, grid: Grid) -> Value:
    left, right = execution.value(node.left, grid), execution.value(node.right, grid)
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError(f"no operand: {node}")
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if node.op in TRIM_OPERATORS:
            raise ExecutionError(
                f"operator {quote(node.op)} not allowed for Scalar operations", node.position
            )
        return scalar_result(node.op, left, right)
    operator = Operator(
        node.op,
        node.return_bool,
        node.position,
        execution.annotations,
        keep_right=isinstance(left, np.ndarray),
        removes_names=not execution.delayed_name_removal,
    )
    if isinstance(left, np.ndarray) and isinstance(right, SeriesMatrix):
        return _with_scalar(operator, right, left)
    if isinstance(right, np.ndarray) and isinstance(left, SeriesMatrix):
        return _with_scalar(operator, left, right)
    if not (isinstance(left, SeriesMatrix) and isinstance(right, SeriesMatrix) and node.matching):
        raise TypeError(f"no operands: {node}")
    labels = (*left.labels, *right.labels)
    matching = replace(
        node.matching,
        labels=present_names(node.matching.labels, labels),
        include=present_names(node.matching.include, labels),
    )
    if node.op in SET_OPERATORS:
        result = set_operation(node.op, left, right, matching)
    else:
        result = vector_operation(operator, left, right, matching)
    return merged(result).without_missing()


def _with_scalar(operator: Operator, vector: SeriesMatrix, scalar: FloatArray) -> SeriesMatrix:
    there = Side(vector.values, vector.present, vector.histograms)
    every = Side(scalar, np.ones(scalar.shape, np.bool_))
    left, right = (every, there) if operator.keep_right else (there, every)
    result = combine(operator, left, right)
    changed = operator.op in ARITHMETIC_OPERATORS or operator.return_bool
    matrix = SeriesMatrix(
        vector.labels, result.values, result.present, result.histograms, vector.drop_name
    )
    if changed:
        matrix = merged(matrix.without_names(delayed=not operator.removes_names))
    return matrix.without_missing()


def _negation(execution: Execution, node: Negation, grid: Grid) -> Value:
    value = execution.value(node.below, grid)
    if isinstance(value, str):
        raise TypeError(f"no operand: {node}")
    if isinstance(value, np.ndarray):
        return -value
    histograms = None
    if value.histograms is not None:
        histograms = value.histograms.copy()
        for place in zip(*np.nonzero(value.is_histogram), strict=True):
            histograms[place] = histograms[place].times(-1.0)
    negated = replace(value, values=-value.values, histograms=histograms)
    return merged(negated.without_names(delayed=execution.delayed_name_removal))


def _function(execution: Execution, node: Function, grid: Grid) -> Value:
    name = node.signature.name
    if execution.is_range_query and name in _SORTS:
        execution.annotations.warn(SORT_IN_RANGE_QUERY, node.position)
    if ValueType.MATRIX in node.signature.arguments:
        return _range_function(execution, node, grid)
    if name == "info":
        return _info(execution, node, grid)
    if name in _OF_SELECTORS and (selected := _timestamps(execution, node, grid)) is not None:
        return selected
    arguments = [execution.value(argument, grid) for argument in node.arguments]
    context = execution.context(grid, *node.arguments, absent=_absent_labels(node.selector))
    result = INSTANT_FUNCTIONS[name](arguments, context)
    return merged(result).without_missing() if isinstance(result, SeriesMatrix) else result


def _timestamps(execution: Execution, node: Function, grid: Grid) -> SeriesMatrix | None:
    """`timestamp` and `start_timestamp` of a selector: the times of its samples.

    `timestamp` of anything else gives the steps, `start_timestamp` nothing.
    """
    selector = node.arguments[0]
    if isinstance(selector, StepInvariant):
        selector = selector.below
    if not isinstance(selector, Instant):
        return None
    times = looked_at(selector.when, grid)
    samples = execution.reader.read(selector.matchers, times, execution.lookback_ms)
    execution.bounds.hold_samples(samples, grid.steps)
    of_name = _OF_SELECTORS[node.signature.name]
    if of_name is latest_starts and samples.starts_ms is None:
        return SeriesMatrix.empty(grid.steps)
    result = of_name(samples, times, execution.lookback_ms)
    return merged(result.without_names(delayed=execution.delayed_name_removal)).without_missing()


def _info(execution: Execution, node: Function, grid: Grid) -> SeriesMatrix:
    base = execution.vector(node.arguments[0], grid)
    described = node.arguments[1] if len(node.arguments) > 1 else None
    matchers = described.matchers if isinstance(described, Instant) else ()
    times, lookback_ms = grid.timestamps_ms, execution.lookback_ms

    def select(wanted: tuple[Matcher, ...]) -> Samples:
        samples = execution.reader.read(wanted, times, lookback_ms)
        execution.bounds.hold_samples(samples, grid.steps)
        return samples

    def newest(samples: Samples) -> SeriesMatrix:
        return latest_timestamps(samples, times, lookback_ms)

    return merged(info(base, matchers, select, newest)).without_missing()


def _range_function(execution: Execution, node: Function, grid: Grid) -> SeriesMatrix:
    name = node.signature.name
    window = next(a for a in node.arguments if isinstance(a, Range | SubqueryRange))
    scalars = [execution.scalar(a, grid) for a in node.arguments if a is not window]
    if isinstance(window, Range):
        _check_boundary(name, window)
    windows, drop_name = execution.windows(window, grid)
    context = execution.context(grid, *node.arguments, absent=_absent_labels(node.selector))
    result = RANGE_FUNCTIONS[name](windows, scalars, context)
    if len(result.labels) == drop_name.size:
        result = replace(result, drop_name=result.drop_name | drop_name)
    if not execution.delayed_name_removal:
        result = refused(result)
    return result.without_missing()


def _check_boundary(name: str, window: Range) -> None:
    boundary = Boundary(window.boundary)
    allowed = _BOUNDARY_FUNCTIONS.get(boundary)
    if allowed is not None and name not in allowed:
        raise ExecutionError(
            f"{boundary.value} modifier can only be used with: {', '.join(sorted(allowed))} "
            f"- not with {name}",
            window.position,
        )


def _absent_labels(selector: VectorSelector | None) -> Labels:
    """The labels that a selector asks for by one equality each: those of `absent`'s result."""
    if selector is None:
        return Labels()
    wanted: dict[str, str] = {}
    unclear: set[str] = set()
    for matcher in selector.matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in wanted:
            wanted[matcher.name] = matcher.value
        else:
            unclear.add(matcher.name)
    return Labels({name: value for name, value in wanted.items() if name not in unclear})


_NODES: Final[dict[type[Node], Callable[..., Value]]] = {
    Constant: _constant,
    Text: _text,
    Instant: _instant,
    Aggregation: _aggregation,
    Function: _function,
    Operation: _operation,
    Negation: _negation,
    StepInvariant: _step_invariant,
}
