"""Binary operators on samples: floats as arrays, histograms one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from belvedere.query.histogram.arithmetic import Combined, add, subtract
from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.trim import trim
from belvedere.query.promql.annotations import (
    Annotations,
    counter_reset_collision,
    incompatible_bucket_layout,
    incompatible_types,
    mismatched_custom_buckets,
)
from belvedere.query.promql.position import Position
from belvedere.query.promql.tokens import TRIM_OPERATORS
from belvedere.query.samples import BoolArray, FloatArray, HistogramArray
from belvedere.query.stop import each

_ARITHMETIC: Final[dict[str, np.ufunc]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
_COMPARISONS: Final[dict[str, np.ufunc]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


class Side(NamedTuple):
    """One side of an operator; all arrays of one shape, or such that they broadcast.

    Attributes:
        values: float64; without meaning where there is no float.
        present: bool, whether there is a sample.
        histograms: object, or None where no sample is a histogram.
    """

    values: FloatArray
    present: BoolArray
    histograms: HistogramArray | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """A binary operator at its place in the query.

    Attributes:
        keep_right: The right side's samples are what a comparison lets through: it is the
            vector, and the left side a scalar.
        removes_names: Names that go are removed from the labels; else only marked.
    """

    op: str
    return_bool: bool
    position: Position
    annotations: Annotations
    keep_right: bool = False
    removes_names: bool = True


def scalar_result(op: str, left: FloatArray, right: FloatArray) -> FloatArray:
    """The operator on two scalars; a comparison gives 0 or 1."""
    with np.errstate(all="ignore"):
        if op in _COMPARISONS:
            compared: FloatArray = _COMPARISONS[op](left, right).astype(np.float64)
            return compared
        computed: FloatArray = _ARITHMETIC[op](left, right)
        return computed


def combine(operator: Operator, left: Side, right: Side) -> Side:
    """The operator on two sides. Sample types that do not fit give nothing and an info."""
    present = left.present & right.present
    if left.histograms is None and right.histograms is None:
        return _floats(operator, left, right, present)
    left_is, right_is = _is_histogram(left, present), _is_histogram(right, present)
    some = left_is | right_is
    result = _floats(operator, left, right, present & ~some)
    return _with_histograms(operator, left, right, result, some)


def _is_histogram(side: Side, present: BoolArray) -> BoolArray:
    if side.histograms is None:
        return np.zeros(present.shape, np.bool_)
    found: BoolArray = present & side.histograms.astype(np.bool_)
    return found


def _floats(operator: Operator, left: Side, right: Side, present: BoolArray) -> Side:
    op = operator.op
    if op in TRIM_OPERATORS:
        if present.any():
            _info(operator, "float", "float")
        return Side(np.zeros(present.shape), np.zeros(present.shape, np.bool_))
    with np.errstate(all="ignore"):
        if op in _ARITHMETIC:
            return Side(_ARITHMETIC[op](left.values, right.values), present)
        holds: BoolArray = _COMPARISONS[op](left.values, right.values)
    if operator.return_bool:
        return Side(np.broadcast_to(holds.astype(np.float64), present.shape), present)
    kept = right.values if operator.keep_right else left.values
    return Side(np.broadcast_to(kept, present.shape), present & holds)


def _with_histograms(
    operator: Operator, left: Side, right: Side, floats: Side, some: BoolArray
) -> Side:
    """`floats` with the samples added at which either side is a histogram."""
    values, present = floats.values.copy(), floats.present.copy()
    histograms = np.full(some.shape, None, np.object_)
    left_values = np.broadcast_to(left.values, some.shape)
    right_values = np.broadcast_to(right.values, some.shape)
    for place in each(zip(*np.nonzero(some), strict=True)):
        left_sample = _sample(left.histograms, left_values, place)
        right_sample = _sample(right.histograms, right_values, place)
        result, holds = _one(operator, left_sample, right_sample)
        if result is None:
            continue
        if operator.return_bool:
            values[place], present[place] = float(holds), True
            continue
        if operator.keep_right and operator.op in _COMPARISONS:
            result = right_sample
        present[place] = holds
        if isinstance(result, NativeHistogram):
            histograms[place] = result if holds else None
        else:
            values[place] = result
    return Side(values, present, histograms if histograms.astype(np.bool_).any() else None)


def _sample(
    histograms: HistogramArray | None, values: FloatArray, place: tuple[np.intp, ...]
) -> float | NativeHistogram:
    if histograms is not None and isinstance(found := histograms[place], NativeHistogram):
        return found
    return float(values[place])


def _one(  # a table of types by types, flattened
    operator: Operator, left: float | NativeHistogram, right: float | NativeHistogram
) -> tuple[float | NativeHistogram | None, bool]:
    """The result of one sample with one, None where there is none, and whether it is kept."""
    op = operator.op
    if isinstance(left, NativeHistogram) and isinstance(right, NativeHistogram):
        if op in {"==", "!="}:
            return left, left.equals(right) is (op == "==")
        if op in _HISTOGRAMS:
            computed = _sum_or_difference(operator, left, right)
            return computed, computed is not None
    elif isinstance(left, NativeHistogram) and not isinstance(right, NativeHistogram):
        if op in _BY_FLOAT:
            return _BY_FLOAT[op](left, right), True
    elif isinstance(right, NativeHistogram) and isinstance(left, float) and op == "*":
        return right.times(left).compact(), True
    _info(operator, _kind(left), _kind(right))
    return None, False


def _kind(sample: float | NativeHistogram) -> str:
    return "histogram" if isinstance(sample, NativeHistogram) else "float"


def _info(operator: Operator, left: str, right: str) -> None:
    operator.annotations.info(incompatible_types(left, operator.op, right), operator.position)


_HISTOGRAMS: Final[dict[str, tuple[Callable[..., Combined], str]]] = {
    "+": (add, "addition"),
    "-": (subtract, "subtraction"),
}
_BY_FLOAT: Final[dict[str, Callable[[NativeHistogram, float], NativeHistogram]]] = {
    "*": lambda histogram, value: histogram.times(value).compact(),
    "/": lambda histogram, value: histogram.over(value).compact(),
    "</": lambda histogram, value: trim(histogram, value, below=True),
    ">/": lambda histogram, value: trim(histogram, value, below=False),
}


def _sum_or_difference(
    operator: Operator, left: NativeHistogram, right: NativeHistogram
) -> NativeHistogram | None:
    compute, name = _HISTOGRAMS[operator.op]
    annotations, position = operator.annotations, operator.position
    try:
        combined = compute(left, right)
    except IncompatibleSchemasError:
        annotations.warn(incompatible_bucket_layout(operator.op), position)
        return None
    if combined.reset_collision:
        # Upstream loses the sample here: its warning goes the way of errors.
        annotations.warn(counter_reset_collision(name), position)
        return None
    if combined.bounds_reconciled:
        annotations.info(mismatched_custom_buckets(name), position)
    result = combined.histogram.compact()
    return result.with_hint(CounterReset.GAUGE) if operator.op == "-" else result
