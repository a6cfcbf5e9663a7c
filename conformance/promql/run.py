"""Runs the commands of a file against the engine, as upstream runs them.

An instant query runs again with all its selectors fixed to its time by `@`, at other times; and
each of these also as the middle step of a range query.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from belvedere.query.matrix import Grid
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expression,
    MatrixSelector,
    Parentheses,
    Subquery,
    TimeShift,
    Unary,
    VectorSelector,
)
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.query.promql.errors import PromQLError
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.plan import TIME_DEPENDENT
from belvedere.query.promql.result import Result
from belvedere.query.promql.signatures import ValueType
from compare import (
    Actual,
    Mismatch,
    check_annotations,
    check_result,
    check_scalar,
    check_sorted,
    check_vector,
    points_of,
)
from custom_buckets import with_custom_buckets
from script import Clear, Eval, Load, read_script

ENGINE = Engine(
    EngineOptions(parser=EXPERIMENTAL, delayed_name_removal=True, start_timestamps=True)
)
_CONTEXT_CALLS = re.compile(r"(start|end|range|step)\(\)")
_QUERY_TIMES = {"start", "end", "range", "step"}
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Outcome:
    """One eval. `reason` is empty where it passed."""

    line: int
    query: str
    reason: str


def run_file(path: Path) -> Iterator[Outcome]:
    """The outcomes of a file's evals, in their order."""
    source = MemorySource()
    for command in read_script(path):
        match command:
            case Clear():
                source = MemorySource()
            case Load():
                _load(source, command)
            case Eval():
                yield Outcome(command.line, command.query, _reason(source, command))


def _load(source: MemorySource, command: Load) -> None:
    for labels, points in command.series:
        source.add(
            labels,
            [
                (index * command.step_ms, point.value)
                for index, point in enumerate(points)
                if point.value is not None
            ],
        )
    for labels, offsets in command.start_times:
        times = [index * command.step_ms for index in range(len(offsets))]
        source.add_starts(
            labels,
            [
                (time, time + offset)
                for time, offset in zip(times, offsets, strict=True)
                if offset is not None
            ],
        )
    if command.with_custom_buckets:
        for labels, histograms in with_custom_buckets(command.series, command.step_ms):
            source.add(labels, histograms)


def _reason(source: MemorySource, command: Eval) -> str:
    """Why an eval does not pass."""
    try:
        if command.is_range:
            _range(source, command)
        else:
            for query, at_ms in _variants(command):
                _instant(source, command, query, at_ms)
    except Mismatch as mismatch:
        return str(mismatch)
    except PromQLError as error:
        return f"failed: {error}"
    except Exception as error:  # noqa: BLE001 - a bug in one eval must not hide the others
        return f"crashed: {type(error).__name__}: {error}"
    return ""


def _range(source: MemorySource, command: Eval) -> None:
    grid = Grid(command.start_ms, command.end_ms, command.step_ms)
    try:
        result = ENGINE.range(command.query, source, grid)
    except PromQLError as error:
        _check_failure(command, error)
        return
    _check(command, command.query, result)


def _instant(source: MemorySource, command: Eval, query: str, at_ms: int) -> None:
    try:
        result = ENGINE.instant(query, source, at_ms)
    except PromQLError as error:
        _check_failure(command, error)
        return
    try:
        _check(command, query, result)
    except Mismatch as mismatch:
        if query == command.query:
            raise
        raise Mismatch(f"as {query} at {at_ms} ms: {mismatch}") from None
    if command.text is not None or command.is_range_vector or _CONTEXT_CALLS.search(query):
        return
    if result.type not in {ValueType.VECTOR, ValueType.SCALAR}:
        return
    grid = Grid(at_ms - _MINUTE_MS, at_ms + _MINUTE_MS, _MINUTE_MS)
    try:
        actual = points_of(ENGINE.range(query, source, grid))
        check_sorted(actual)
        _check_step(command, result, actual, at_ms)
    except (Mismatch, PromQLError) as problem:
        raise Mismatch(f"as a range query {query} at {at_ms} ms: {problem}") from None


def _check_step(command: Eval, instant: Result, actual: Actual, at_ms: int) -> None:
    """The middle step of a range query."""
    if command.expects("ordered"):
        return
    there = [(labels, {at_ms: points[at_ms]}) for labels, points in actual if at_ms in points]
    if isinstance(instant.value, np.ndarray):
        check_scalar(command, float(there[0][1][at_ms]))
    else:
        check_vector(command, there)


def _check_failure(command: Eval, error: PromQLError) -> None:
    if not command.expects("fail"):
        raise error
    (expectation,) = command.expectations["fail"]
    if not expectation.matches(str(error)):
        raise Mismatch(f"expected error {expectation}, got: {error}")


def _check(command: Eval, query: str, result: Result) -> None:
    if command.expects("fail"):
        raise Mismatch("expected an error, got none")
    annotations = result.annotations
    check_annotations(command, annotations.warnings(query), annotations.infos(query))
    check_result(command, result)


def _variants(command: Eval) -> Iterator[tuple[str, int]]:
    """The query at its time, then fixed to that time, at others."""
    at_ms = command.end_ms
    yield command.query, at_ms
    try:
        tree = ENGINE.parse(command.query)
    except PromQLError:
        return
    if _varies(tree):
        return
    query = str(_fixed(tree, at_ms))
    times = [-10 * at_ms, 0, at_ms // 5, at_ms, 10 * at_ms] if at_ms else [-1000, 0, 1000]
    for time_ms in times:
        yield query, time_ms


def _varies(tree: Expression) -> bool:
    """Whether a call gives other values at other times, outside of subqueries."""
    match tree:
        case Call(signature=signature, arguments=arguments):
            varies = signature.name in TIME_DEPENDENT | _QUERY_TIMES
            return varies or any(map(_varies, arguments))
        case Aggregate(expression=below, parameter=parameter):
            return _varies(below) or (parameter is not None and _varies(parameter))
        case Binary(left=left, right=right):
            return _varies(left) or _varies(right)
        case Parentheses(expression=below) | Unary(expression=below):
            return _varies(below)
    return False


def _fixed(tree: Expression, at_ms: int) -> Expression:  # noqa: PLR0911 - one a kind of node
    """The query with `@` at every selector and subquery that has none."""
    match tree:
        case VectorSelector(shift=shift) | Subquery(shift=shift):
            return replace(tree, shift=_fixed_shift(shift, at_ms))
        case MatrixSelector(selector=selector):
            shift = _fixed_shift(selector.shift, at_ms)
            return replace(tree, selector=replace(selector, shift=shift))
        case Call(arguments=arguments):
            return replace(tree, arguments=tuple(_fixed(each, at_ms) for each in arguments))
        case Aggregate(expression=below, parameter=parameter):
            fixed = None if parameter is None else _fixed(parameter, at_ms)
            return replace(tree, expression=_fixed(below, at_ms), parameter=fixed)
        case Binary(left=left, right=right):
            return replace(tree, left=_fixed(left, at_ms), right=_fixed(right, at_ms))
        case Parentheses(expression=below) | Unary(expression=below):
            return replace(tree, expression=_fixed(below, at_ms))
    return tree


def _fixed_shift(shift: TimeShift, at_ms: int) -> TimeShift:
    return shift if shift.at_ms is not None else replace(shift, at_ms=at_ms, at_bound=None)
