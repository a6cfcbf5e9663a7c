"""The shape of a function over instant vectors, scalars and strings."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import FloatArray

# An instant vector is a SeriesMatrix on T steps, a scalar float64[T], a string str.
Argument: TypeAlias = SeriesMatrix | FloatArray | str

# Called with all arguments in their order (optional ones may be left out) and the context.
# Gives an instant vector, or a scalar where the signature says so. Names are removed as the
# context says. Series that have no sample at any step may be among the results; two results may
# have the same labels, which is the engine's to refuse or (at different steps) to merge.
# `timestamp` gives the steps; of a plain selector the engine takes
# `kernels.latest.latest_timestamps` in its place. Raises ExecutionError with upstream's text.
InstantFunction: TypeAlias = Callable[[Sequence[Argument], CallContext], SeriesMatrix | FloatArray]


def vector(argument: Argument) -> SeriesMatrix:
    """The argument, which the checks of the query say is an instant vector."""
    if isinstance(argument, SeriesMatrix):
        return argument
    raise TypeError(f"no instant vector: {type(argument).__name__}")


def scalar(argument: Argument) -> FloatArray:
    """The argument, which the checks of the query say is a scalar: float64[T]."""
    if isinstance(argument, np.ndarray):
        return argument
    raise TypeError(f"no scalar: {type(argument).__name__}")


def text(argument: Argument) -> str:
    """The argument, which the checks of the query say is a string."""
    if isinstance(argument, str):
        return argument
    raise TypeError(f"no string: {type(argument).__name__}")
