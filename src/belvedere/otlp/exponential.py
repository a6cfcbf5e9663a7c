"""Exponential histograms at other scales.

A bucket with index i at scale s holds the observations in (2^(i/2^s), 2^((i+1)/2^s)] (OTLP data
model, "Exponential Scale"). One scale down, two neighbours become one: index i becomes i // 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_SCALE: Final = 8
MIN_SCALE: Final = -4
"""The scales that native histograms of Prometheus can have."""
MAX_BUCKETS: Final = 160
"""Of one sign, where histograms are added: the default of OpenTelemetry's SDKs."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Neighbouring buckets of one sign: `counts[k]` is that of the index `offset + k`."""

    offset: int
    counts: tuple[int, ...]

    def downscaled(self, by: int) -> "Buckets":
        """The same observations, `by` scales down.

        >>> Buckets(-1, (1, 2, 3)).downscaled(1)
        Buckets(offset=-1, counts=(1, 5))
        """
        if by == 0 or not self.counts:
            return self
        first = self.offset >> by
        counts = [0] * (((self.end - 1) >> by) - first + 1)
        for index, count in enumerate(self.counts, self.offset):
            counts[(index >> by) - first] += count
        return Buckets(first, tuple(counts))

    def __add__(self, other: "Buckets") -> "Buckets":
        """The observations of both, which are of one scale and not far apart.

        >>> Buckets(0, (1, 2)) + Buckets(1, (10, 20))
        Buckets(offset=0, counts=(1, 12, 20))
        """
        if not self.counts or not other.counts:
            return self if self.counts else other
        first = min(self.offset, other.offset)
        counts = [0] * (max(self.end, other.end) - first)
        for buckets in (self, other):
            for position, count in enumerate(buckets.counts, buckets.offset - first):
                counts[position] += count
        return Buckets(first, tuple(counts))

    @property
    def end(self) -> int:
        """The index after the last one."""
        return self.offset + len(self.counts)


def downscale_to_fit(parts: Iterable[Buckets]) -> int:
    """How many scales down `parts` have to go so that their sum has at most `MAX_BUCKETS`.

    >>> downscale_to_fit([Buckets(0, (1,)), Buckets(200, (1,))])
    1
    """
    present = [buckets for buckets in parts if buckets.counts]
    if not present:
        return 0
    first, last = min(b.offset for b in present), max(b.end for b in present) - 1
    by = 0
    while (last >> by) - (first >> by) >= MAX_BUCKETS:
        by += 1
    return by
