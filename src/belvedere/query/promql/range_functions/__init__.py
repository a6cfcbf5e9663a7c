"""The functions over range vectors: name → implementation."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from belvedere.query.kernels.windows import Windows
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import FloatArray

# Called with the windows of the range vector; the scalar arguments in their order, each
# float64[T]; and the context. Gives the series of the windows in their order, on T steps, names
# removed as the context says, series without any sample left in. `absent_over_time` gives at
# most one series.
RangeFunction: TypeAlias = Callable[[Windows, Sequence[FloatArray], CallContext], SeriesMatrix]

RANGE_FUNCTIONS: Mapping[str, RangeFunction] = {}
