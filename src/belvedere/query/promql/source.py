"""Where the engine gets samples from."""

from collections.abc import Sequence
from typing import Protocol

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
