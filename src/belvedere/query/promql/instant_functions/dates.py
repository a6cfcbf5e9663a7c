"""The functions of times: `hour`, `day_of_week`, `year` and so on, all in UTC."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from belvedere.query.labels import EMPTY
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.instant_functions.function import (
    Argument,
    InstantFunction,
    vector,
)
from belvedere.query.promql.instant_functions.of_floats import map_floats
from belvedere.query.samples import FloatArray

Times: TypeAlias = npt.NDArray[np.datetime64]
Parts: TypeAlias = npt.NDArray[Any]

# What is no 64 bit integer (NaN, infinities) is the least of them to Go, and so to Prometheus:
# half past three on a Sunday, the 4th of December of the year 292277026596.
_MAX_S = 2.0**63
_NEVER: Mapping[str, float] = {
    "year": 292277026596.0,
    "month": 12.0,
    "day_of_month": 4.0,
    "day_of_year": 339.0,
    "day_of_week": 0.0,
    "days_in_month": 31.0,
    "hour": 15.0,
    "minute": 30.0,
}


def _days(times: Times) -> Parts:
    return times.astype("datetime64[D]").astype(np.int64)


def _months(times: Times) -> Parts:
    return times.astype("datetime64[M]").astype(np.int64)


def _start_of_month(months: Parts) -> Parts:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _start_of_year(times: Times) -> Parts:
    return times.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)


_PARTS: Mapping[str, Callable[[Times], Parts]] = {
    "year": lambda times: times.astype("datetime64[Y]").astype(np.int64) + 1970,
    "month": lambda times: _months(times) % 12 + 1,
    "day_of_month": lambda times: _days(times) - _start_of_month(_months(times)) + 1,
    "day_of_year": lambda times: _days(times) - _start_of_year(times) + 1,
    "day_of_week": lambda times: (_days(times) + 4) % 7,
    "days_in_month": lambda times: (
        _start_of_month(_months(times) + 1) - _start_of_month(_months(times))
    ),
    "hour": lambda times: times.astype(np.int64) % 86_400 // 3_600,
    "minute": lambda times: times.astype(np.int64) % 3_600 // 60,
}


def _of(part: Callable[[Times], Parts], never: float) -> InstantFunction:
    def of_seconds(values: FloatArray) -> FloatArray:
        sound = np.abs(values) < _MAX_S
        seconds = np.where(sound, np.trunc(values), 0.0).astype(np.int64)
        found = part(seconds.astype("datetime64[s]")).astype(np.float64)
        return np.where(sound, found, never)

    def apply(arguments: Sequence[Argument], context: CallContext) -> SeriesMatrix:
        """Of the values, in seconds; without an argument, of the steps."""
        if arguments:
            return map_floats(vector(arguments[0]), of_seconds, context)
        steps = np.trunc(context.times_ms / 1000.0)
        return SeriesMatrix.of([EMPTY], of_seconds(steps[None, :]))

    return apply


DATE_FUNCTIONS: Mapping[str, InstantFunction] = {
    name: _of(part, _NEVER[name]) for name, part in _PARTS.items()
}
