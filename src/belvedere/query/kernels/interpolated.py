"""What a `smoothed` instant selector sees: the value between two samples.

As `smoothSeries` in upstream's promql/engine.go. The functions take windows of
`(t - lookback, t + lookback]`. Without a sample after `t` the one before stands for it; without
one at or before `t` there is no value.
"""

from bisect import bisect_right

import numpy as np

from belvedere.query.histogram.interpolate import interpolate
from belvedere.query.histogram.native import CounterReset, IncompatibleSchemasError
from belvedere.query.histogram.notice import Notice
from belvedere.query.kernels.native import (
    NOTHING,
    NativeResult,
    Outcome,
    Points,
    evaluate_native,
)
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Windows, positions


def interpolated(windows: Windows) -> Result:
    """Return the float of each series at each time, on the line between two samples.

    Args:
        windows: Of floats, `SMOOTHED`, with a range of 0.
    """
    values, times, times_ms = windows.samples.values, windows.samples.timestamps_ms, windows.end_ms
    present = windows.counts > 0
    if not values.size:
        return np.zeros(present.shape), present
    after = positions(windows.samples, times_ms)
    before = after - 1
    present &= before >= windows.lo
    before = np.where(present, before, 0)
    after = np.where(present & (after < windows.hi), after, before)
    distance = np.maximum(times[after] - times[before], 1)
    share = (times_ms - times[before]) / distance
    with np.errstate(invalid="ignore", over="ignore"):
        between = values[before] + (values[after] - values[before]) * share
    exact = (after == before) | (times[before] == times_ms)
    return np.where(exact, values[before], between), present


def interpolated_native(windows: Windows) -> NativeResult:
    """Return the histogram of each series at each time, bucket by bucket as `interpolated`.

    Two histograms are counters unless both are gauges: after a reset the counter starts at zero.

    Args:
        windows: Of histograms, `SMOOTHED`, with a range of 0.
    """
    return evaluate_native(windows, _at_end)


def _at_end(points: Points) -> Outcome:
    after = bisect_right(points.times_ms, points.end_ms)
    if after == 0:
        return None, NOTHING
    start, start_ms = points.histograms[after - 1], points.times_ms[after - 1]
    if start_ms == points.end_ms:
        return start, NOTHING
    if after == len(points.times_ms):
        # A hint is about two samples that follow each other: this is not the next sample.
        return start.with_hint(CounterReset.UNKNOWN), NOTHING
    end, end_ms = points.histograms[after], points.times_ms[after]
    is_gauge = start.counter_reset is end.counter_reset is CounterReset.GAUGE
    share = (points.end_ms - start_ms) / (end_ms - start_ms)
    notices: set[Notice] = set()
    try:
        result = interpolate(start, end, share, counter=not is_gauge, notices=notices)
    except IncompatibleSchemasError:
        return None, frozenset({Notice.MIXED_SCHEMAS})
    return result, frozenset(notices)
