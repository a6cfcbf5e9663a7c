"""The functions of single floats: `abs`, `ln`, `clamp`, `round` and so on."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.go_extremes import go_max, go_min
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    scalar,
    vector,
)
from belvedere.query.samples import FloatArray

# float64[S, T] to float64[S, T]
FloatFunction = Callable[[FloatArray], FloatArray]


def _sign(values: FloatArray) -> FloatArray:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


_FUNCTIONS: Mapping[str, FloatFunction] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "rad": lambda values: values * np.pi / 180,
    "deg": lambda values: values * 180 / np.pi,
    "sgn": _sign,
}


def map_floats(matrix: SeriesMatrix, function: FloatFunction, context: CallContext) -> SeriesMatrix:
    """The function of each float; histograms are left out; names removed."""
    with np.errstate(all="ignore"):
        values = function(matrix.values)
    result = SeriesMatrix(matrix.labels, values, matrix.is_float, None, matrix.drop_name)
    return result.without_names(delayed=context.delayed_name_removal)


def _of(function: FloatFunction) -> InstantFunction:
    def apply(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
        return map_floats(vector(arguments[0]), function, context)

    return apply


def _clamp(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    return _clamped(vector(arguments[0]), scalar(arguments[1]), scalar(arguments[2]), context)


def _clamp_max(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    most = scalar(arguments[1])
    return _clamped(vector(arguments[0]), np.full_like(most, -np.inf), most, context)


def _clamp_min(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    least = scalar(arguments[1])
    return _clamped(vector(arguments[0]), least, np.full_like(least, np.inf), context)


def _clamped(
    matrix: SeriesMatrix, least: FloatArray, most: FloatArray, context: CallContext
) -> SeriesMatrix:
    """No result at steps at which the bounds leave nothing between them."""
    result = map_floats(matrix, lambda values: go_max(least, go_min(most, values)), context)
    empty = most < least
    if not empty.any():
        return result
    present = result.present & ~empty
    return SeriesMatrix(result.labels, result.values, present, None, result.drop_name)


def _round(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    """Ties go up. The inverse is upstream's way to err less."""
    nearest = scalar(arguments[1]) if len(arguments) > 1 else np.ones(context.steps)
    with np.errstate(divide="ignore"):
        inverse = 1.0 / nearest
    return map_floats(
        vector(arguments[0]), lambda values: np.floor(values * inverse + 0.5) / inverse, context
    )


FLOAT_FUNCTIONS: Mapping[str, InstantFunction] = {
    **{name: _of(function) for name, function in _FUNCTIONS.items()},
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "round": _round,
}
