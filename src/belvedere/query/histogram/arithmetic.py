"""Sums and differences of native histograms."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.bounds import upper_bounds
from belvedere.query.histogram.buckets import Buckets, all_places
from belvedere.query.histogram.native import (
    CounterReset,
    IncompatibleSchemasError,
    NativeHistogram,
)
from belvedere.query.histogram.zero_bucket import same_zero_bucket
from belvedere.query.samples import FloatArray


class Combined(NamedTuple):
    """A sum or difference, and what was to be told about it.

    Attributes:
        histogram: The result, not compacted.
        reset_collision: One operand says that a counter was reset, the other that none was.
        bounds_reconciled: The operands have different custom bounds; the result has those
            that both have.
    """

    histogram: NativeHistogram
    reset_collision: bool
    bounds_reconciled: bool


class SameLayout(NamedTuple):
    """Two histograms brought to one schema, zero bucket and set of custom bounds."""

    left: NativeHistogram
    right: NativeHistogram
    bounds_reconciled: bool


def add(left: NativeHistogram, right: NativeHistogram) -> Combined:
    """`left + right`, as upstream's `Add`.

    Raises:
        IncompatibleSchemasError: one has exponential buckets and the other custom ones.
    """
    return _combine(left, right, np.add)


def subtract(left: NativeHistogram, right: NativeHistogram) -> Combined:
    """`left - right`, as upstream's `Sub`; the hint of the result is that of a sum.

    Raises:
        IncompatibleSchemasError: one has exponential buckets and the other custom ones.
    """
    return _combine(left, right, np.subtract)


def same_layout(left: NativeHistogram, right: NativeHistogram) -> SameLayout:
    """Both at the lower resolution, with a zero bucket and custom bounds that suit both.

    Raises:
        IncompatibleSchemasError: one has exponential buckets and the other custom ones.
    """
    if left.is_custom != right.is_custom:
        raise IncompatibleSchemasError("exponential and custom buckets do not mix")
    if left.is_custom:
        if left.custom_values == right.custom_values:
            return SameLayout(left, right, bounds_reconciled=False)
        bounds = tuple(sorted(set(left.custom_values) & set(right.custom_values)))
        return SameLayout(
            with_bounds(left, bounds), with_bounds(right, bounds), bounds_reconciled=True
        )
    left, right = same_zero_bucket(left, right)
    schema = min(left.schema, right.schema)
    return SameLayout(left.coarser(schema), right.coarser(schema), bounds_reconciled=False)


def with_bounds(histogram: NativeHistogram, bounds: tuple[float, ...]) -> NativeHistogram:
    """A histogram with custom buckets, in those of its bounds that are left."""
    upper = upper_bounds(histogram.positive.indexes, histogram.schema, histogram.custom_values)
    targets = np.searchsorted(np.array(bounds), upper, side="left").astype(np.int64)
    return replace(histogram, positive=histogram.positive.merged(targets), custom_values=bounds)


def joint_hint(left: CounterReset, right: CounterReset) -> tuple[CounterReset, bool]:
    """The hint of a sum, and whether the two hints contradict each other."""
    if left is right:
        return left, False
    if CounterReset.GAUGE in {left, right}:
        return CounterReset.GAUGE, False
    return CounterReset.UNKNOWN, CounterReset.UNKNOWN not in {left, right}


def _combine(
    left: NativeHistogram,
    right: NativeHistogram,
    operation: Callable[[FloatArray, FloatArray], FloatArray],
) -> Combined:
    hint, collision = joint_hint(left.counter_reset, right.counter_reset)
    left, right, reconciled = same_layout(left, right)
    with np.errstate(all="ignore"):
        count, total, zero_count = operation(_scalars(left), _scalars(right)).tolist()
        positive = _combine_buckets(left.positive, right.positive, operation)
        negative = _combine_buckets(left.negative, right.negative, operation)
    histogram = NativeHistogram(
        left.schema,
        count,
        total,
        left.zero_threshold,
        zero_count,
        positive.compact if reconciled else positive,
        negative,
        left.custom_values,
        hint,
    )
    return Combined(histogram, collision, reconciled)


def _scalars(histogram: NativeHistogram) -> FloatArray:
    return np.array([histogram.count, histogram.sum, histogram.zero_count])


def _combine_buckets(
    left: Buckets, right: Buckets, operation: Callable[[FloatArray, FloatArray], FloatArray]
) -> Buckets:
    if not len(right):
        return left
    places = all_places(left, right)
    return Buckets(places, operation(left.spread(places), right.spread(places)))
