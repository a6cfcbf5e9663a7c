"""Raw series: the samples that a selector reads, before any step of the query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from belvedere.query.labels import Labels

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
# Elements are NativeHistogram, or None where the sample is a float or missing.
HistogramArray: TypeAlias = npt.NDArray[Any]

# The NaN that says "the series ended here"; any other NaN is a value.
STALE_BITS: Final = 0x7FF0000000000002
STALE_NAN: Final = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])


def is_stale(values: FloatArray) -> BoolArray:
    """Where the values (any shape) are stale markers, by their bits."""
    stale: BoolArray = np.ascontiguousarray(values).view(np.uint64) == np.uint64(STALE_BITS)
    return stale


@dataclass(frozen=True, slots=True)
class Samples:
    """Series of samples, one after another in flat arrays. S series, N samples in all.

    Attributes:
        labels: The names of the S series, metric name included.
        offsets: int64[S+1]; the samples of series s are `[offsets[s], offsets[s+1])`.
        timestamps_ms: int64[N], Unix milliseconds, strictly ascending within a series.
        values: float64[N]. A NaN is a value, unless it is a stale marker (`is_stale`), which
            is still in here. Meaningless where the sample is a histogram, except that a
            stale marker counts there too.
        histograms: object[N], a NativeHistogram where the sample is one, else None; or None
            where no sample is a histogram. Histograms here belong to whoever reads them next
            and are never changed in place.
        starts_ms: int64[N], when the counter of each sample began (OTLP's start time), Unix
            milliseconds, 0 where that is unknown; or None where start times are not used.
    """

    labels: Sequence[Labels]
    offsets: IntArray
    timestamps_ms: IntArray
    values: FloatArray
    histograms: HistogramArray | None = None
    starts_ms: IntArray | None = None

    @classmethod
    def empty(cls) -> "Samples":
        """No series."""
        return cls((), np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64))

    def without_stale(self) -> "Samples":
        """The samples less the stale markers: what a range selector sees; series all remain."""
        stale = is_stale(self.values)
        if not stale.any():
            return self
        kept = ~stale
        before = np.concatenate(([0], np.cumsum(kept)))
        return Samples(
            self.labels,
            before[self.offsets].astype(np.int64),
            self.timestamps_ms[kept],
            self.values[kept],
            None if self.histograms is None else self.histograms[kept],
            None if self.starts_ms is None else self.starts_ms[kept],
        )
