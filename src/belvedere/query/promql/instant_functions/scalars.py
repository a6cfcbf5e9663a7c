"""The functions between scalars and vectors, and of presence and time."""

from collections.abc import Mapping, Sequence

import numpy as np

from belvedere.query.labels import EMPTY
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


def _time(_: Sequence[Argument], context: CallContext) -> FloatArray:
    return context.times_ms / 1000.0


def _pi(_: Sequence[Argument], context: CallContext) -> FloatArray:
    return np.full(context.steps, np.pi)


def _max_of(arguments: Sequence[Argument], _: CallContext) -> FloatArray:
    return go_max(scalar(arguments[0]), scalar(arguments[1]))


def _min_of(arguments: Sequence[Argument], _: CallContext) -> FloatArray:
    return go_min(scalar(arguments[0]), scalar(arguments[1]))


def _scalar(arguments: Sequence[Argument], _: CallContext) -> FloatArray:
    """The only float at a step, NaN where there is none or more than one."""
    matrix = vector(arguments[0])
    floats = matrix.is_float
    only: FloatArray = np.where(floats, matrix.values, 0.0).sum(axis=0)
    return np.where(floats.sum(axis=0) == 1, only, np.nan)


def _vector(arguments: Sequence[Argument], _: CallContext) -> SeriesMatrix:
    return SeriesMatrix.of([EMPTY], scalar(arguments[0])[None, :])


def _absent(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    """1 at the steps at which the vector is empty."""
    empty = np.logical_not(vector(arguments[0]).present.any(axis=0))[None, :]
    return SeriesMatrix.of([context.absent_labels], empty.astype(np.float64), empty)


def _timestamp(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    matrix = vector(arguments[0])
    times = np.broadcast_to(context.times_ms / 1000.0, matrix.values.shape)
    result = SeriesMatrix(matrix.labels, times, matrix.present, None, matrix.drop_name)
    return result.without_names(delayed=context.delayed_name_removal)


def _start_timestamp(_: Sequence[Argument], context: CallContext) -> SeriesMatrix:
    """Nothing: only a selector has start times."""
    return SeriesMatrix.empty(context.steps)


SCALAR_FUNCTIONS: Mapping[str, InstantFunction] = {
    "time": _time,
    "pi": _pi,
    "max_of": _max_of,
    "min_of": _min_of,
    "scalar": _scalar,
    "vector": _vector,
    "absent": _absent,
    "timestamp": _timestamp,
    "start_timestamp": _start_timestamp,
}
