"""The windows that a range function looks through: `[5m]` at each step."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from belvedere.query.samples import IntArray, Samples


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
        before = range_ms + (lookback_ms if boundary is not Boundary.PLAIN else 0)
        after = lookback_ms if boundary is Boundary.SMOOTHED else 0
        return cls(
            samples,
            end_ms,
            range_ms,
            positions(samples, end_ms - before),
            positions(samples, end_ms + after),
            boundary,
        )


def positions(samples: Samples, times_ms: IntArray) -> IntArray:
    """int64[S, T]: for each series, the index of its first sample later than each time.

    Args:
        samples: S series.
        times_ms: int64[T], ascending.
    """
    series = len(samples.labels)
    found = np.empty((series, times_ms.size), np.int64)
    offsets, timestamps_ms = samples.offsets.tolist(), samples.timestamps_ms
    for s in range(series):
        lo, hi = offsets[s], offsets[s + 1]
        found[s] = timestamps_ms[lo:hi].searchsorted(times_ms, side="right")
        found[s] += lo
    return found
