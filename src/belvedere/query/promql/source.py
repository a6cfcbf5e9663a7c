"""Where the engine gets samples from."""

from collections.abc import Sequence
from typing import Protocol

from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.matcher import Matcher
from belvedere.query.samples import Samples


class Source(Protocol):
    """Series by their labels. Calls come from one thread, that of the query."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """All samples in `(start_ms, end_ms]` of series that all `matchers` match.

        Series come in the order of their labels, each once; a series without samples there may
        be left out. Stale markers are in. May raise `PromQLError` where a bound is passed.
        """
        ...

    def range_function(
        self, name: str, matchers: Sequence[Matcher], grid: Grid, window_ms: int
    ) -> SeriesMatrix | None:
        """`name(selector[window])` on `grid` where the source can do that itself, else None.

        The answer is exactly what the kernel of that name gives. `grid` has offsets already
        taken off. `drop_name` is for the engine to set.
        """
        ...
