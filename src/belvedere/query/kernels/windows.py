"""The windows that a range function looks through: `[5m]` at each step."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from belvedere.query.samples import BoolArray, IntArray, Samples


class Boundary(Enum):
    """How a range function treats the ends of its range (`metric[5m] anchored`)."""

    PLAIN = ""
    ANCHORED = "anchored"
    SMOOTHED = "smoothed"


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples and, for each series and step, the part of them that a function sees.

    S series, T steps.

    Attributes:
        samples: The series, without stale markers.
        end_ms: int64[T], the inclusive end of each window: the step, less the offset, or the
            time of the @ modifier. Ascending (not strictly).
        range_ms: The length of each window, at least 0.
        lo: int64[S, T], the first sample of the window (an index into the flat arrays).
        hi: int64[S, T], one past the last sample; `lo == hi` where the window is empty.
        boundary: `PLAIN`: the window holds exactly the samples in `(end - range, end]`.
            `ANCHORED`: it holds those of `(end - range - lookback, end]`, as upstream's does;
            `SMOOTHED`: those of `(end - range - lookback, end + lookback]`. The functions
            that upstream allows them for find the range within.
    """

    samples: Samples
    end_ms: IntArray
    range_ms: int
    lo: IntArray
    hi: IntArray
    boundary: Boundary = Boundary.PLAIN

    @classmethod
    def of(
        cls,
        samples: Samples,
        end_ms: IntArray,
        range_ms: int,
        *,
        boundary: Boundary = Boundary.PLAIN,
        lookback_ms: int = 0,
    ) -> "Windows":
        """Finds the windows.

        Args:
            samples: The series, at least from `min(end_ms) - range_ms` (less lookback_ms unless
                plain), stale markers still in.
            end_ms: int64[T], the ends, ascending.
            range_ms: The length of the windows.
            boundary: What the selector asks for.
            lookback_ms: The look-back of the query; of no meaning for `PLAIN`.
        """
        samples = samples.without_stale()
        if boundary is not Boundary.PLAIN and samples.starts_ms is not None:
            # Upstream does not use start times for extended ranges.
            samples = replace(samples, starts_ms=None)
        before = range_ms + (lookback_ms if boundary is not Boundary.PLAIN else 0)
        after = lookback_ms if boundary is Boundary.SMOOTHED else 0
        lo, hi = _between(samples, end_ms, before, after)
        return cls(samples, end_ms, range_ms, lo, hi, boundary)

    @property
    def counts(self) -> IntArray:
        """int64[S, T], the number of samples in each window."""
        return self.hi - self.lo

    def floats(self) -> "Windows":
        """The windows without the histograms."""
        if self.samples.histograms is None:
            return self
        return self._of_kind(~self.samples.histograms.astype(np.bool_))

    def native(self) -> "Windows":
        """The windows without the floats."""
        if self.samples.histograms is None:
            return self._of_kind(np.zeros(self.samples.values.size, np.bool_))
        return self._of_kind(self.samples.histograms.astype(np.bool_))

    def emptied(self, where: BoolArray) -> "Windows":
        """The windows, those chosen (bool[S, T]) without samples."""
        return replace(self, hi=np.where(where, self.lo, self.hi))

    def newest(self, count: int) -> "Windows":
        """The windows with their last samples alone, at most so many."""
        return replace(self, lo=np.maximum(self.lo, self.hi - count))

    def _of_kind(self, chosen: BoolArray) -> "Windows":
        before = np.concatenate(([0], np.cumsum(chosen, dtype=np.int64)))
        samples, histograms = self.samples, self.samples.histograms
        kept = None if histograms is None else histograms[chosen]
        return replace(
            self,
            samples=Samples(
                samples.labels,
                before[samples.offsets],
                samples.timestamps_ms[chosen],
                samples.values[chosen],
                kept if kept is not None and kept.astype(np.bool_).any() else None,
                None if samples.starts_ms is None else samples.starts_ms[chosen],
            ),
            lo=before[self.lo],
            hi=before[self.hi],
        )


def _between(
    samples: Samples, end_ms: IntArray, before_ms: int, after_ms: int
) -> tuple[IntArray, IntArray]:
    """`positions` of `end - before` and of `end + after`.

    Where the range is so many steps, a window starts where an earlier one ends: all positions are
    then found at once, which takes half the time.
    """
    step_ms = _even_step(end_ms)
    steps, rest_ms = divmod(before_ms + after_ms, step_ms) if step_ms else (0, 1)
    if rest_ms or steps >= end_ms.size:
        return positions(samples, end_ms - before_ms), positions(samples, end_ms + after_ms)
    times_ms = end_ms[0] - before_ms + (step_ms or 0) * np.arange(end_ms.size + steps)
    found = positions(samples, times_ms)
    return found[:, : end_ms.size], found[:, steps:]


def positions(samples: Samples, times_ms: IntArray) -> IntArray:
    """int64[S, T]: for each series, the index of its first sample later than each time.

    Args:
        samples: S series.
        times_ms: int64[T], ascending.
    """
    series, steps = len(samples.labels), times_ms.size
    step_ms = _even_step(times_ms) if steps else None
    if step_ms is None:
        found = np.empty((series, steps), np.int64)
        offsets = samples.offsets.tolist()
        for s in range(series):
            lo, hi = offsets[s], offsets[s + 1]
            found[s] = samples.timestamps_ms[lo:hi].searchsorted(times_ms, side="right") + lo
        return found
    if step_ms == 0:
        first = positions(samples, times_ms[:1])
        return np.broadcast_to(first, (series, steps))
    # Which step sees a sample first is arithmetic; how many a step sees is then a running count.
    seen_at = -((times_ms[0] - samples.timestamps_ms) // step_ms)
    np.clip(seen_at, 0, steps, out=seen_at)
    seen_at += np.repeat(np.arange(series) * (steps + 1), np.diff(samples.offsets))
    counts = np.bincount(seen_at, minlength=series * (steps + 1))
    seen = counts.reshape(series, steps + 1)[:, :steps].cumsum(axis=1)
    seen += samples.offsets[:-1, None]
    return seen


def _even_step(times_ms: IntArray) -> int | None:
    if times_ms.size < 2:
        return 1
    steps = np.diff(times_ms)
    return int(steps[0]) if (steps == steps[0]).all() else None
