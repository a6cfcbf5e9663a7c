"""The functions over instant vectors, scalars and strings: name → implementation."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import FloatArray

# An instant vector is a SeriesMatrix on T steps, a scalar float64[T], a string str.
Argument: TypeAlias = SeriesMatrix | FloatArray | str

# Called with all arguments in their order (optional ones may be left out) and the context.
# Gives an instant vector, or a scalar where the signature says so. Names are removed as the
# context says. Series that have no sample at any step may be among the results; two results may
# have the same labels, which is the engine's to refuse or (label_replace, label_join: at
# different steps) to merge. `timestamp` gives the steps; of a plain selector the engine takes
# `kernels.latest.latest_timestamps` in its place. Raises ExecutionError with upstream's text.
InstantFunction: TypeAlias = Callable[[Sequence[Argument], CallContext], SeriesMatrix | FloatArray]

INSTANT_FUNCTIONS: Mapping[str, InstantFunction] = {}
