"""The functions over range vectors: name → implementation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from belvedere.query.kernels.changes import changes, resets
from belvedere.query.kernels.windows import Windows
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.range_functions.over_time import OVER_TIME, any_kind
from belvedere.query.promql.range_functions.rates import delta, idelta, increase, irate, rate
from belvedere.query.samples import FloatArray

# Called with the windows of the range vector; the scalar arguments in their order, each
# float64[T]; and the context. Gives the series of the windows in their order, on T steps, names
# removed as the context says, series without any sample left in. `absent_over_time` gives at
# most one series. Raises ExecutionError with upstream's text.
RangeFunction: TypeAlias = Callable[[Windows, Sequence[FloatArray], CallContext], SeriesMatrix]

RANGE_FUNCTIONS: Mapping[str, RangeFunction] = {
    **OVER_TIME,
    "changes": partial(any_kind, changes),
    "resets": partial(any_kind, resets),
    "rate": rate,
    "increase": increase,
    "delta": delta,
    "irate": irate,
    "idelta": idelta,
}

# The functions that take `anchored` and `smoothed` selectors.
ANCHORED_FUNCTIONS = frozenset({"resets", "changes", "rate", "increase", "delta"})
SMOOTHED_FUNCTIONS = frozenset({"rate", "increase", "delta"})
