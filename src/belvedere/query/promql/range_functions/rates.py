"""`rate`, `increase`, `delta`, `irate`, `idelta`."""

from collections.abc import Sequence
from functools import partial

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
from belvedere.query.promql.range_functions.results import of_floats_or_histograms
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
    plain = windows.boundary is Boundary.PLAIN
    of_float = extrapolated if plain else extended
    of_native = extrapolated_native if plain else extended_native
    return of_floats_or_histograms(
        windows,
        partial(of_float, counter=counter, per_second=per_second),
        partial(of_native, counter=counter, per_second=per_second),
        context,
        context.positions[0],
    )


def _of_last_two(windows: Windows, context: CallContext, *, counter: bool) -> SeriesMatrix:
    return of_floats_or_histograms(
        windows.newest(2),
        partial(last_two, counter=counter, per_second=counter),
        partial(last_two_native, counter=counter, per_second=counter),
        context,
        context.positions[0],
    )


def _tell_non_counters(windows: Windows, result: SeriesMatrix, context: CallContext) -> None:
    """A float result of a metric that is not named as counters are is told."""
    names = np.array([labels.name for labels in windows.samples.labels], np.object_)
    odd = [
        name
        for name in dict.fromkeys(names.tolist())
        if name and not name.endswith(_COUNTER_SUFFIXES)
    ]
    for name in odd:  # mostly none: then the results need not be looked at
        if result.is_float[names == name].any():
            context.annotations.info(texts.possible_non_counter(name), context.positions[0])
