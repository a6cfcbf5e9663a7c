"""What a query may use, and what all queries together may."""

from threading import Lock
from types import TracebackType
from typing import Self

from belvedere.query.promql.errors import TooManySamples
from belvedere.query.samples import Samples

_MESSAGE = "query processing would load too many samples into memory in query execution"
_ALL_MESSAGE = "all queries together would load too many samples into memory; try again in a moment"


class SharedBound:
    """Counts the samples that queries hold which run at once. Any thread may call."""

    def __init__(self, max_samples: int) -> None:
        self._max = max_samples
        self._held = 0
        self._lock = Lock()

    def take(self, count: int) -> None:
        """Hold so many more (less, if negative).

        Raises:
            TooManySamples: they would be too many; nothing is taken.
        """
        with self._lock:
            if count > 0 and self._held + count > self._max:
                raise TooManySamples(_ALL_MESSAGE)
            self._held += count


class Bounds:
    """Counts the samples that a query holds, while it runs: a context.

    Where upstream counts samples, this also counts the cells of matrices, missing ones included,
    because they take memory here: up to 50 bytes each.
    """

    def __init__(self, max_samples: int, shared: SharedBound) -> None:
        """Makes the bounds of one query.

        Args:
            max_samples: How many samples may be in memory at once.
            shared: What all queries share.
        """
        self._max = max_samples
        self._shared = shared
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shared.take(-self._held)
        self._held = 0

    @property
    def held(self) -> int:
        """How many samples are held now."""
        return self._held

    def settle(self, held: int, result: int) -> None:
        """A node is done: what it held is gone, except for its result.

        Args:
            held: What was held before the node.
            result: The samples of its result.
        """
        self._shared.take(held - self._held)
        self._held = held
        self._take(result)

    def check_steps(self, steps: int) -> None:
        """Refuses grids of more steps than there may be samples."""
        if steps > self._max:
            raise TooManySamples(_MESSAGE)

    def hold_cells(self, series: int, steps: int) -> None:
        """A matrix that is about to be made."""
        self._take(series * steps)

    def hold_samples(self, samples: Samples, steps: int) -> None:
        """Samples that were read, and the matrix that is about to be made of them."""
        self._take(max(samples.values.size, len(samples.labels) * steps))

    def _take(self, count: int) -> None:
        if self._held + count > self._max:
            raise TooManySamples(_MESSAGE)
        self._shared.take(count)
        self._held += count
