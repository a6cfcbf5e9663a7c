"""Counter resets between native histograms."""

import numpy as np

from belvedere.query.histogram.arithmetic import with_bounds
from belvedere.query.histogram.bounds import upper_bounds
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.histogram.zero_bucket import widened


def detect_reset(current: NativeHistogram, previous: NativeHistogram) -> bool:
    """Whether the counter was reset between the two, as upstream's `DetectReset`.

    The hint of `current` decides where it says anything. Else a reset is any count that went
    down (the sum does not matter), a populated bucket that is gone, a higher resolution, a
    narrower zero bucket, or one that cuts a populated bucket.
    """
    if current.counter_reset in {CounterReset.RESET, CounterReset.NOT_RESET}:
        return current.counter_reset is CounterReset.RESET
    if current.count < previous.count or current.schema > previous.schema:
        return True
    if current.is_custom:
        return not previous.is_custom or _fell_in_custom(current, previous)
    wider = previous
    if current.zero_threshold > previous.zero_threshold:
        wider = widened(previous, current.zero_threshold)
    if wider.zero_threshold != current.zero_threshold or current.zero_count < wider.zero_count:
        return True
    previous = previous.coarser(current.schema)
    sides = (
        (current.positive, previous.positive),
        (current.negative, previous.negative),
    )
    return any(_fell(_beyond_zero(n, current), _beyond_zero(p, current)) for n, p in sides)


def _fell_in_custom(current: NativeHistogram, previous: NativeHistogram) -> bool:
    if current.custom_values == previous.custom_values:
        return _fell(current.positive, previous.positive)
    bounds = tuple(sorted(set(current.custom_values) & set(previous.custom_values)))
    return _fell(with_bounds(current, bounds).positive, with_bounds(previous, bounds).positive)


def _fell(current: Buckets, previous: Buckets) -> bool:
    if current.same_places(previous):
        return bool((current.counts < previous.counts).any())
    kept = np.isin(previous.indexes, current.indexes)
    if previous.counts[~kept].any():
        return True
    matching = np.isin(current.indexes, previous.indexes)
    return bool((current.counts[matching] < previous.counts[kept]).any())


def _beyond_zero(buckets: Buckets, histogram: NativeHistogram) -> Buckets:
    if histogram.zero_threshold == 0 or not len(buckets):
        return buckets
    beyond = upper_bounds(buckets.indexes, histogram.schema) > histogram.zero_threshold
    return buckets if beyond.all() else Buckets(buckets.indexes[beyond], buckets.counts[beyond])
