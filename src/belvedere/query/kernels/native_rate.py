"""`rate`, `increase`, `delta`, `irate` and `idelta` of native histograms."""

from belvedere.query.histogram.arithmetic import subtract
from belvedere.query.histogram.interpolate import add_noting
from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.notice import Notice
from belvedere.query.kernels.native import (
    NOTHING,
    NativeResult,
    Outcome,
    Points,
    evaluate_native,
)
from belvedere.query.kernels.windows import Windows

_NEAR = 1.1  # see kernels/rate.py


def extrapolated_native(windows: Windows, *, counter: bool, per_second: bool) -> NativeResult:
    """As `kernels.rate.extrapolated`, of histograms. The results are gauges."""

    def compute(points: Points) -> Outcome:
        result, notices = increase(points) if counter else difference(points, counter=False)
        if result is None:
            return None, notices
        factor = _factor(points, result if counter else None)
        if per_second:
            factor /= points.range_ms / 1000.0
        return result.times(factor), notices

    starts_used = counter and windows.samples.starts_ms is not None
    return evaluate_native(windows, compute, at_least=1 if starts_used else 2)


def increase(points: Points) -> Outcome:
    """The difference of counters; from their start if that is within the window."""
    first = points.histograms[0]
    if len(points.histograms) == 1:
        return (None if points.started_ms is None else first), NOTHING
    result, notices = difference(points, counter=True)
    if result is None or points.started_ms is None:
        return result, notices
    told = set(notices)
    try:
        result = add_noting(result, first, told)
    except IncompatibleSchemasError:
        return None, frozenset(told | {Notice.MIXED_SCHEMAS})
    return result, frozenset(told)


def difference(points: Points, *, counter: bool) -> Outcome:
    """The last histogram less the first, what resets lost added; upstream's `histogramRate`.

    Args:
        points: At least two.
        counter: They are counters.
    """
    try:
        return _difference(points, counter=counter)
    except IncompatibleSchemasError:
        return None, frozenset({Notice.MIXED_SCHEMAS})


def _difference(points: Points, *, counter: bool) -> Outcome:
    notices: set[Notice] = set()
    histograms = points.histograms
    before, last = histograms[0], histograms[-1]
    if counter:
        if any(h.counter_reset is CounterReset.GAUGE for h in histograms):
            notices.add(Notice.NOT_COUNTER)
        second = histograms[1]
        if points.was_reset(1):
            # What the first sample looks like is of no interest then.
            before = NativeHistogram(schema=second.schema, custom_values=second.custom_values)
        if any(h.is_custom != before.is_custom for h in histograms[1:]):
            return None, frozenset({Notice.MIXED_SCHEMAS})
    elif (
        before.counter_reset is not CounterReset.GAUGE
        or last.counter_reset is not CounterReset.GAUGE
    ):
        notices.add(Notice.NOT_GAUGE)
    considered = histograms[1:] if counter else [last]
    schema = min(h.schema for h in (before, *considered))
    if not last.is_custom and not before.is_custom:
        last = last.coarser(schema)
    result, _, reconciled = subtract(last, before)
    if reconciled:
        notices.add(Notice.BOUNDS_IN_SUBTRACTION)
    if counter:
        result = _with_lost(result, points, notices)
    return result.with_hint(CounterReset.GAUGE).compact(), frozenset(notices)


def _with_lost(result: NativeHistogram, points: Points, notices: set[Notice]) -> NativeHistogram:
    """What a counter lost at resets after its second sample added to its difference.

    A reset between the first two is none: the first was not subtracted.
    """
    for index in range(2, len(points.histograms)):
        if points.was_reset(index):
            result = add_noting(result, points.histograms[index - 1], notices)
    return result


def _factor(points: Points, rising: NativeHistogram | None) -> float:
    """By how much the range is longer than what the samples cover.

    Args:
        points: At least two, or one counter that started within the window.
        rising: The increase of a counter, None for a gauge.
    """
    first_ms, last_ms = points.times_ms[0], points.times_ms[-1]
    to_start = (first_ms - (points.end_ms - points.range_ms)) / 1000.0
    to_end = (points.end_ms - last_ms) / 1000.0
    interval = (last_ms - first_ms) / 1000.0
    average = interval / max(1, len(points.times_ms) - 1)
    if to_start >= average * _NEAR:
        to_start = average / 2
    first = points.histograms[0]
    if rising is not None and rising.count > 0 and first.count >= 0:
        to_start = min(to_start, interval * (first.count / rising.count))
    if to_end >= average * _NEAR:
        to_end = average / 2
    if rising is not None and points.started_ms is not None:
        to_start, interval = 0.0, (last_ms - points.started_ms) / 1000.0
    return (interval + to_start + to_end) / interval


def last_two_native(windows: Windows, *, counter: bool, per_second: bool) -> NativeResult:
    """As `kernels.edges.last_two`, of histograms. The results are gauges."""

    def compute(points: Points) -> Outcome:
        older, newer = points.histograms[-2:]
        apart_ms = points.times_ms[-1] - points.times_ms[-2]
        gauges = [h.counter_reset is CounterReset.GAUGE for h in (older, newer)]
        notices: set[Notice] = set()
        if counter and any(gauges):
            notices.add(Notice.NOT_COUNTER)
        if not counter and not all(gauges):
            notices.add(Notice.NOT_GAUGE)
        result = newer
        if not counter or not points.was_reset(len(points.histograms) - 1):
            try:
                result, _, reconciled = subtract(newer, older)
            except IncompatibleSchemasError:
                return None, frozenset(notices | {Notice.MIXED_SCHEMAS})
            if reconciled:
                notices.add(Notice.BOUNDS_IN_SUBTRACTION)
        result = result.with_hint(CounterReset.GAUGE).compact()
        return (result.over(apart_ms / 1000.0) if per_second else result), frozenset(notices)

    return evaluate_native(windows, compute, at_least=2)
