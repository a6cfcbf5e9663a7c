"""`rate`, `increase`, `delta`, `irate`, `idelta`."""

from collections.abc import Sequence

import numpy as np

from belvedere.query.kernels.edges import last_two
from belvedere.query.kernels.extended_rate import extended
from belvedere.query.kernels.native_extended_rate import extended_native
from belvedere.query.kernels.native_rate import extrapolated_native, last_two_native
from belvedere.query.kernels.rate import extrapolated
from belvedere.query.kernels.windows import Boundary, Windows
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.range_functions.results import apart, of_floats_or_histograms
from belvedere.query.samples import FloatArray

_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def rate(windows: Windows, _: Sequence[FloatArray], context: CallContext) -> SeriesMatrix:
    result = _extrapolated(windows, context, counter=True, per_second=True)
    _tell_non_counters(windows, result, context)
    return result


def increase(windows: Windows, _: Sequence[FloatArray], context: CallContext) -> SeriesMatrix:
    result = _extrapolated(windows, context, counter=True, per_second=False)
    _tell_non_counters(windows, result, context)
    return result


def delta(windows: Windows, _: Sequence[FloatArray], context: CallContext) -> SeriesMatrix:
    return _extrapolated(windows, context, counter=False, per_second=False)


def irate(windows: Windows, _: Sequence[FloatArray], context: CallContext) -> SeriesMatrix:
    return _of_last_two(windows, context, counter=True)


def idelta(windows: Windows, _: Sequence[FloatArray], context: CallContext) -> SeriesMatrix:
    return _of_last_two(windows, context, counter=False)


def _extrapolated(
    windows: Windows, context: CallContext, *, counter: bool, per_second: bool
) -> SeriesMatrix:
    position = context.positions[0]
    floats, native = apart(windows, context, position)
    plain = windows.boundary is Boundary.PLAIN
    of_float = extrapolated if plain else extended
    of_native = extrapolated_native if plain else extended_native
    return of_floats_or_histograms(
        windows,
        of_float(floats, counter=counter, per_second=per_second),
        of_native(native, counter=counter, per_second=per_second),
        context,
        position,
    )


def _of_last_two(windows: Windows, context: CallContext, *, counter: bool) -> SeriesMatrix:
    position = context.positions[0]
    floats, native = apart(windows.newest(2), context, position)
    return of_floats_or_histograms(
        windows,
        last_two(floats, counter=counter, per_second=counter),
        last_two_native(native, counter=counter, per_second=counter),
        context,
        position,
    )


def _tell_non_counters(windows: Windows, result: SeriesMatrix, context: CallContext) -> None:
    """A float result of a metric that is not named as counters are is told."""
    for s in np.flatnonzero(result.is_float.any(axis=1)).tolist():
        name = windows.samples.labels[s].name
        if name and not name.endswith(_COUNTER_SUFFIXES):
            context.annotations.info(texts.possible_non_counter(name), context.positions[0])
