"""A native histogram between two others, on a line between each pair of counts."""

from belvedere.query.histogram.arithmetic import add, subtract
from belvedere.query.histogram.native import IncompatibleSchemasError, NativeHistogram
from belvedere.query.histogram.notice import Notice
from belvedere.query.histogram.reset import detect_reset


def interpolate(
    start: NativeHistogram,
    end: NativeHistogram,
    share: float,
    *,
    counter: bool,
    notices: set[Notice],
) -> NativeHistogram:
    """Return `start + (end - start) * share`, as upstream's `interpolateHistograms`.

    Args:
        start: The earlier histogram.
        end: The later histogram.
        share: How much of the time between the two has passed, from 0 to 1.
        counter: A reset between the two means that the counter started at zero.
        notices: Receives what is to be reported.

    Raises:
        IncompatibleSchemasError: one has exponential buckets and the other custom ones.
    """
    if start.is_custom != end.is_custom:
        raise IncompatibleSchemasError("exponential and custom buckets do not mix")
    if counter and detect_reset(end, start):
        return end.times(share)
    return add_noting(subtract_noting(end, start, notices).times(share), start, notices)


def add_noting(
    left: NativeHistogram, right: NativeHistogram, notices: set[Notice]
) -> NativeHistogram:
    """Return `left + right`; reconciled custom bounds are added to the notices."""
    result, _, reconciled = add(left, right)
    if reconciled:
        notices.add(Notice.BOUNDS_IN_ADDITION)
    return result


def subtract_noting(
    left: NativeHistogram, right: NativeHistogram, notices: set[Notice]
) -> NativeHistogram:
    """Return `left - right`; reconciled custom bounds are added to the notices."""
    result, _, reconciled = subtract(left, right)
    if reconciled:
        notices.add(Notice.BOUNDS_IN_SUBTRACTION)
    return result
