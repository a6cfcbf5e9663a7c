"""One side of a histogram: the buckets that have a place, with their counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from belvedere.query.samples import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Buckets:
    """Sparse counts by bucket. B buckets. The arrays are never changed.

    Attributes:
        indexes: int64[B], strictly ascending, Prometheus's numbering (see `upper_bounds`).
        counts: float64[B], not cumulative. A bucket may be there with count 0.
    """

    indexes: IntArray
    counts: FloatArray

    @classmethod
    def of(cls, offset: int, counts: Sequence[float]) -> "Buckets":
        """Neighbouring buckets, the first with index `offset`."""
        return cls(
            offset + np.arange(len(counts), dtype=np.int64), np.array(counts, dtype=np.float64)
        )

    def __len__(self) -> int:
        return len(self.indexes)

    def same_places(self, other: "Buckets") -> bool:
        """Whether both have the same buckets, whatever the counts."""
        return self.indexes is other.indexes or np.array_equal(self.indexes, other.indexes)

    def equals(self, other: "Buckets") -> bool:
        """Whether both have the same buckets (empty ones too) with bit-wise equal counts."""
        return self.same_places(other) and self.counts.tobytes() == other.counts.tobytes()

    def map_counts(self, change: Callable[[FloatArray], FloatArray]) -> "Buckets":
        """The same buckets with other counts."""
        if not len(self):
            return self
        with np.errstate(all="ignore"):
            return Buckets(self.indexes, change(self.counts))

    @cached_property
    def compact(self) -> "Buckets":
        """The buckets that are not empty."""
        kept = self.counts != 0
        return self if kept.all() else Buckets(self.indexes[kept], self.counts[kept])

    def spread(self, indexes: IntArray) -> FloatArray:
        """float64 of the size of `indexes` (a superset of ours, ascending): counts, else 0."""
        if indexes.size == len(self):
            return self.counts
        counts = np.zeros(indexes.size)
        counts[np.searchsorted(indexes, self.indexes)] = self.counts
        return counts

    def merged(self, targets: IntArray) -> "Buckets":
        """Counts added up by new indexes.

        Args:
            targets: int64[B], ascending (not strictly), the new index of each bucket.
        """
        if not len(self):
            return self
        first = np.flatnonzero(np.concatenate(([True], targets[1:] != targets[:-1])))
        return Buckets(targets[first], np.add.reduceat(self.counts, first))

    def coarser(self, steps: int) -> "Buckets":
        """The buckets of a schema that is lower by `steps`."""
        return self.merged(((self.indexes - 1) >> steps) + 1)


NO_BUCKETS = Buckets(np.zeros(0, np.int64), np.zeros(0, np.float64))


def all_places(left: Buckets, right: Buckets) -> IntArray:
    """The indexes of the buckets of either, ascending."""
    if left.same_places(right) or not len(right):
        return left.indexes
    return right.indexes if not len(left) else np.union1d(left.indexes, right.indexes)
