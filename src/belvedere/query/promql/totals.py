"""Histograms as what `histogram_count`, `histogram_sum` and `histogram_avg` need of them."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.samples import Samples
from belvedere.query.stop import each

# Calls below which a histogram's buckets do not matter, and calls below which they do again.
TOTALS: Final = frozenset(("histogram_count", "histogram_sum", "histogram_avg"))
BUCKETS: Final = frozenset(
    (
        *("histogram_quantile", "histogram_quantiles", "histogram_fraction"),
        *("histogram_stddev", "histogram_stdvar"),
    )
)


def totals_only(samples: Samples) -> Samples:
    """The samples with histograms of a count and a sum, without buckets.

    Custom buckets remain custom ones, which do not mix with exponential ones. As the buckets
    cannot tell a counter's reset later, it is looked for now: a histogram of which nothing is
    known is compared with the one before (upstream's HistogramStatsIterator).
    """
    if samples.histograms is None:
        return samples
    totals = np.full(samples.histograms.shape, None, np.object_)
    offsets = samples.offsets.tolist()
    for first, last in each(pairwise(offsets)):
        before: NativeHistogram | None = None
        for at in range(first, last):
            histogram = samples.histograms[at]
            if isinstance(histogram, NativeHistogram):
                hint = _hint(histogram, before)
                totals[at] = NativeHistogram(
                    schema=histogram.schema if histogram.is_custom else 0,
                    count=histogram.count,
                    sum=histogram.sum,
                    counter_reset=hint,
                )
                before = histogram
    return replace(samples, histograms=totals)


def _hint(histogram: NativeHistogram, before: NativeHistogram | None) -> CounterReset:
    if histogram.counter_reset is not CounterReset.UNKNOWN or before is None:
        return histogram.counter_reset
    was_reset = detect_reset(histogram, before)
    return CounterReset.RESET if was_reset else CounterReset.NOT_RESET
