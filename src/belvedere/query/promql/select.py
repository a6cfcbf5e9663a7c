"""Selectors: what is read from the source for the steps of a grid."""

from dataclasses import replace
from typing import Final

import numpy as np

from belvedere.query.kernels.windows import Boundary
from belvedere.query.matrix import Grid
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.plan import When
from belvedere.query.promql.source import Source
from belvedere.query.promql.totals import totals_only
from belvedere.query.samples import IntArray, Samples

_MAX_KEPT: Final = 10_000_000


def looked_at(when: When, grid: Grid) -> IntArray:
    """int64[T], ascending: the time that each step looks at."""
    if when.at_ms is None:
        return grid.timestamps_ms - when.offset_ms
    return np.full(grid.steps, when.at_ms - when.offset_ms, np.int64)


def reach(boundary: Boundary, lookback_ms: int) -> tuple[int, int]:
    """How far a window of that kind looks beyond its range: before it, and after it."""
    before = 0 if boundary is Boundary.PLAIN else lookback_ms
    return before, lookback_ms if boundary is Boundary.SMOOTHED else 0


class Reader:
    """Reads each selector of a query once, even if it stands there twice.

    Of very many samples, the ones that were read last are kept: what is kept here is not among
    what `Bounds` counts.
    """

    def __init__(self, source: Source, *, start_timestamps: bool = False) -> None:
        """Read from a source; without `start_timestamps`, start times are left out."""
        self._source = source
        self._start_timestamps = start_timestamps
        self._known: dict[tuple[tuple[Matcher, ...], int, int, bool], Samples] = {}

    def read(
        self,
        matchers: tuple[Matcher, ...],
        times_ms: IntArray,
        before_ms: int,
        after_ms: int = 0,
        *,
        totals: bool = False,
    ) -> Samples:
        """The samples in `(first - before, last + after]`.

        Args:
            matchers: Which series.
            times_ms: int64[T], ascending: what the steps look at.
            before_ms: How far before a time is looked.
            after_ms: How far after a time is looked.
            totals: Of histograms count and sum are enough.
        """
        start_ms, end_ms = int(times_ms[0]) - before_ms, int(times_ms[-1]) + after_ms
        key = (matchers, start_ms, end_ms, totals)
        found = self._known.get(key)
        if found is None:
            found = self._source.select(matchers, start_ms, end_ms)
            found = self._with_starts(totals_only(found) if totals else found)
            self._known[key] = found
            while sum(each.values.size for each in self._known.values()) > _MAX_KEPT:
                del self._known[next(iter(self._known))]
        return found

    def _with_starts(self, samples: Samples) -> Samples:
        if self._start_timestamps:
            if samples.starts_ms is None:
                return replace(samples, starts_ms=np.zeros_like(samples.timestamps_ms))
        elif samples.starts_ms is not None:
            return replace(samples, starts_ms=None)
        return samples
