"""What a query may use."""

from belvedere.query.promql.errors import TooManySamples
from belvedere.query.samples import Samples

_MESSAGE = "query processing would load too many samples into memory in query execution"


class Bounds:
    """Counts the samples that a query holds.

    Where upstream counts samples, this also counts the cells of matrices, missing ones included,
    because they take memory here.
    """

    def __init__(self, max_samples: int) -> None:
        """Makes the bounds of one query.

        Args:
            max_samples: How many samples may be in memory at once.
        """
        self._max = max_samples
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
        self._held += count
        if self._held > self._max:
            raise TooManySamples(_MESSAGE)
