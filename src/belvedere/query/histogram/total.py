"""The sum and the mean of many native histograms, with compensation for rounding."""

from dataclasses import replace

import numpy as np

from belvedere.query.histogram.arithmetic import add, joint_hint, same_layout, with_bounds
from belvedere.query.histogram.buckets import Buckets, all_places
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.zero_bucket import widened
from belvedere.query.kernels.kahan import kahan_add
from belvedere.query.samples import FloatArray


class HistogramTotal:
    """A running sum, as upstream's `KahanAdd` makes it.

    Attributes:
        bounds_reconciled: Whether histograms with different custom bounds were added.
    """

    def __init__(self, first: NativeHistogram) -> None:
        self.bounds_reconciled = False
        self._total = first
        self._compensation: NativeHistogram | None = None

    def add(self, histogram: NativeHistogram) -> None:
        """Adds one.

        Raises:
            IncompatibleSchemasError: exponential and custom buckets do not mix; the sum is
                of no use from then on.
        """
        before = self._total
        hint, _ = joint_hint(before.counter_reset, histogram.counter_reset)
        total, increment, reconciled = same_layout(before, histogram)
        self.bounds_reconciled |= reconciled
        lost = self._compensation or _zeros(total)
        if total is not before and self._compensation is not None:
            lost = _in_layout_of(total, lost)
        scalars, lost_scalars = kahan_add(_scalars(increment), _scalars(total), _scalars(lost))
        positive, lost_positive = _add(increment.positive, total.positive, lost.positive)
        negative, lost_negative = _add(increment.negative, total.negative, lost.negative)
        self._total = _with(total, scalars, positive, negative).with_hint(hint)
        self._compensation = _with(total, lost_scalars, lost_positive, lost_negative)

    def result(self) -> NativeHistogram:
        """The sum so far, not compacted."""
        if self._compensation is None:
            return self._total
        compensation = self._compensation.with_hint(self._total.counter_reset)
        return add(self._total, compensation).histogram

    def overflows(self) -> bool:
        """Whether a count or the sum is infinite."""
        total = self._total
        return bool(
            np.isinf(_scalars(total)).any()
            or np.isinf(total.positive.counts).any()
            or np.isinf(total.negative.counts).any()
        )

    def copy(self) -> "HistogramTotal":
        """A second sum that goes on from here."""
        made = HistogramTotal(self._total)
        made._compensation = self._compensation
        made.bounds_reconciled = self.bounds_reconciled
        return made

    def scale(self, factor: float) -> None:
        """Multiplies the sum so far."""
        self._total = self._total.times(factor)
        if self._compensation is not None:
            self._compensation = self._compensation.times(factor)

    def divide(self, divisor: float) -> None:
        """Divides the sum so far."""
        self._total = self._total.over(divisor)
        if self._compensation is not None:
            self._compensation = self._compensation.over(divisor)


class HistogramMean:
    """A running mean: of the sum while that is finite, from then on incremental, as upstream."""

    def __init__(self, first: NativeHistogram) -> None:
        self._sum = HistogramTotal(first)
        self._count = 1.0
        self._incremental = False

    @property
    def bounds_reconciled(self) -> bool:
        """Whether histograms with different custom bounds were added."""
        return self._sum.bounds_reconciled

    def add(self, histogram: NativeHistogram) -> None:
        """Adds one; raises as `HistogramTotal.add`."""
        self._count += 1.0
        if not self._incremental:
            attempt = self._sum.copy()
            attempt.add(histogram)
            if not attempt.overflows():
                self._sum = attempt
                return
            self._incremental = True
            self._sum.divide(self._count - 1.0)
        self._sum.scale((self._count - 1.0) / self._count)
        self._sum.add(histogram.over(self._count))

    def result(self) -> NativeHistogram:
        """The mean so far, not compacted."""
        if self._incremental:
            return self._sum.result()
        result = self._sum.copy()
        result.divide(self._count)
        return result.result()


def _scalars(histogram: NativeHistogram) -> FloatArray:
    return np.array([histogram.count, histogram.sum, histogram.zero_count])


def _with(
    layout: NativeHistogram, scalars: FloatArray, positive: Buckets, negative: Buckets
) -> NativeHistogram:
    count, total, zero_count = scalars.tolist()
    return replace(
        layout,
        count=count,
        sum=total,
        zero_count=zero_count,
        positive=positive,
        negative=negative,
    )


def _zeros(layout: NativeHistogram) -> NativeHistogram:
    return _with(
        layout,
        np.zeros(3),
        layout.positive.map_counts(np.zeros_like),
        layout.negative.map_counts(np.zeros_like),
    )


def _in_layout_of(layout: NativeHistogram, lost: NativeHistogram) -> NativeHistogram:
    if layout.is_custom:
        return with_bounds(lost, layout.custom_values)
    if lost.zero_threshold != layout.zero_threshold:
        # The threshold cuts no bucket of the total, which has the same ones.
        lost = replace(widened(lost, layout.zero_threshold), zero_threshold=layout.zero_threshold)
    return lost.coarser(layout.schema)


def _add(increment: Buckets, total: Buckets, lost: Buckets) -> tuple[Buckets, Buckets]:
    places = all_places(total, increment)
    if lost.indexes.size and not lost.same_places(total):
        places = np.union1d(places, lost.indexes)
    sums, compensation = kahan_add(
        increment.spread(places), total.spread(places), lost.spread(places)
    )
    return Buckets(places, sums), Buckets(places, compensation)
