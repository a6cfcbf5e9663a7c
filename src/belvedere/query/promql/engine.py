"""Queries in, results out: parse, plan, execute."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from belvedere.query.labels import EMPTY
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.ast import Expression
from belvedere.query.promql.bounds import Bounds, SharedBound
from belvedere.query.promql.errors import ExecutionError, QueryTypeError
from belvedere.query.promql.execute import Execution
from belvedere.query.promql.options import DEFAULT, ParserOptions
from belvedere.query.promql.parse import parse
from belvedere.query.promql.plan import Node, Range, SubqueryRange, explain, plan
from belvedere.query.promql.query_times import QueryTimes
from belvedere.query.promql.result import Result
from belvedere.query.promql.same_labels import merged
from belvedere.query.promql.signatures import ValueType
from belvedere.query.promql.source import Source
from belvedere.query.samples import Samples
from belvedere.query.stop import stoppable

_MAX_SAMPLES_OF_ALL: Final = 100_000_000
"""What queries hold that run at once: at most 5 GB."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of the engine; the values are upstream's defaults.

    Attributes:
        parser: What of the language is switched on.
        lookback_ms: How old a sample may be to stand for now.
        default_step_ms: The step of subqueries that say none: upstream's evaluation interval.
        max_samples: How many samples a query may hold at once.
        delayed_name_removal: Upstream's feature `promql-delayed-name-removal`.
        start_timestamps: Upstream's feature `use-start-timestamps`: `rate`, `increase`, `irate`,
            `resets` and `start_timestamp` use the start times that a source gives.
    """

    parser: ParserOptions = DEFAULT
    lookback_ms: int = 300_000
    default_step_ms: int = 60_000
    max_samples: int = 50_000_000
    delayed_name_removal: bool = False
    start_timestamps: bool = False


def _go_on() -> None:
    """The check of a query that nobody cancels."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Evaluates queries. Any number of threads may use one engine; their samples are counted."""

    options: EngineOptions = EngineOptions()
    _shared: SharedBound = field(
        default_factory=lambda: SharedBound(_MAX_SAMPLES_OF_ALL),
        init=False,
        repr=False,
        compare=False,
    )

    def instant(
        self,
        query: str,
        source: Source,
        at_ms: int,
        *,
        lookback_ms: int | None = None,
        check: Callable[[], None] = _go_on,
    ) -> Result:
        """The value of a query at one time.

        Args:
            query: PromQL.
            source: Where samples come from.
            at_ms: Unix milliseconds.
            lookback_ms: In the place of the option.
            check: Called often, from the loops of functions as well (`query.stop`); raises
                `QueryCanceledError` or `QueryTimeoutError` to end the query.

        Raises:
            PromQLError: the query is wrong, or passes a bound, or was stopped.
        """
        grid = Grid.instant(at_ms)
        tree = parse(query, self.options.parser)
        node = plan(tree, self._times(grid, 0))
        execution = self._execution(source, lookback_ms, is_range_query=False)
        with stoppable(check), execution.bounds:
            if isinstance(node, Range | SubqueryRange):
                samples = _range_samples(execution, node, grid)
                return Result(ValueType.MATRIX, samples, grid, execution.annotations)
            value = execution.value(node, grid)
            if isinstance(value, SeriesMatrix):
                value = self._named(value).without_missing()
            return Result(tree.type, value, grid, execution.annotations)

    def range(
        self,
        query: str,
        source: Source,
        grid: Grid,
        *,
        lookback_ms: int | None = None,
        check: Callable[[], None] = _go_on,
    ) -> Result:
        """The values of a query at the steps of a grid; arguments and errors as of `instant`."""
        tree = parse(query, self.options.parser)
        if tree.type not in {ValueType.VECTOR, ValueType.SCALAR}:
            raise QueryTypeError(
                f'invalid expression type "{tree.type.documented}" for range query, '
                "must be Scalar or instant Vector"
            )
        node = plan(tree, self._times(grid, grid.step_ms))
        execution = self._execution(source, lookback_ms, is_range_query=True)
        with stoppable(check), execution.bounds:
            value = execution.value(node, grid)
            if isinstance(value, np.ndarray):
                value = SeriesMatrix.of([EMPTY], value.reshape(1, -1))
            if isinstance(value, str):
                raise TypeError(query)
            matrix = _sorted(self._named(value).without_missing())
        return Result(ValueType.MATRIX, matrix, grid, execution.annotations)

    def parse(self, query: str) -> Expression:
        """The tree of a query."""
        return parse(query, self.options.parser)

    def explain(self, query: str, grid: Grid) -> str:
        """What `range` would do, as text."""
        return explain(plan(self.parse(query), self._times(grid, grid.step_ms)))

    def _times(self, grid: Grid, step_ms: int) -> QueryTimes:
        return QueryTimes(grid.start_ms, grid.end_ms, step_ms, self.options.default_step_ms)

    def _execution(
        self,
        source: Source,
        lookback_ms: int | None,
        *,
        is_range_query: bool,
    ) -> Execution:
        return Execution(
            source,
            self.options.lookback_ms if lookback_ms is None else lookback_ms,
            self.options.delayed_name_removal,
            is_range_query,
            Bounds(self.options.max_samples, self._shared),
            Annotations(),
            self.options.start_timestamps,
        )

    def _named(self, matrix: SeriesMatrix) -> SeriesMatrix:
        """The matrix with the names gone whose removal was delayed."""
        if not self.options.delayed_name_removal or not matrix.drop_name.any():
            return matrix
        labels = [
            found.without_metadata() if drop else found
            for found, drop in zip(matrix.labels, matrix.drop_name.tolist(), strict=True)
        ]
        return merged(replace(matrix, labels=labels, drop_name=np.zeros_like(matrix.drop_name)))


def _sorted(matrix: SeriesMatrix) -> SeriesMatrix:
    order = sorted(range(len(matrix.labels)), key=lambda row: tuple(matrix.labels[row].items()))
    return matrix.take(np.array(order, np.int64))


def _range_samples(execution: Execution, node: Node, grid: Grid) -> Samples:
    """The samples of a range vector that is the whole query."""
    if not isinstance(node, Range | SubqueryRange):
        raise TypeError(f"no range vector: {node}")
    if isinstance(node, Range) and node.boundary:
        raise ExecutionError(
            f"{node.boundary} range vectors are supported in functions only", node.position
        )
    windows, drop_name = execution.windows(node, grid)
    samples = windows.samples
    order = [row for row in range(len(samples.labels)) if windows.hi[row, 0] > windows.lo[row, 0]]
    labels = {
        row: samples.labels[row].without_metadata() if drop_name[row] else samples.labels[row]
        for row in order
    }
    order.sort(key=lambda row: tuple(labels[row].items()))
    if len(set(labels.values())) < len(order):
        raise ExecutionError("vector cannot contain metrics with the same labelset")
    picked = [np.arange(windows.lo[row, 0], windows.hi[row, 0]) for row in order]
    indexes = np.concatenate([np.zeros(0, np.int64), *picked])
    return Samples(
        [labels[row] for row in order],
        np.concatenate(([0], np.cumsum([part.size for part in picked]))).astype(np.int64),
        samples.timestamps_ms[indexes],
        samples.values[indexes],
        None if samples.histograms is None else samples.histograms[indexes],
    )
