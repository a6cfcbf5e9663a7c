"""A project as Prometheus's endpoints see it: its series, and threads to look at them in."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.requests import Request

from belvedere.api.auth import caller
from belvedere.api.pool import QueryPool
from belvedere.api.state import AppState
from belvedere.query.labels import Labels
from belvedere.query.metrics.cardinality import Cardinality, cardinality
from belvedere.query.metrics.catalog import SeriesCatalog
from belvedere.query.metrics.exemplars import Exemplar, find_exemplars
from belvedere.query.metrics.series import SeriesIndex
from belvedere.query.metrics.source import StoreSource
from belvedere.query.promql.matcher import Matcher
from belvedere.store.database import Database, QueryLimits

T = TypeVar("T")

_MAX_KNOWN: Final = 1_000
"""Projects, be they none: clients may ask for any."""

_LIMITS: Final = QueryLimits(memory_bytes=2 << 30, threads=1)
"""A dashboard asks many queries at once. A second thread costs each of them a tenth more CPU."""


@dataclass(frozen=True, slots=True)
class Project:
    """One project's series."""

    name: str
    index: SeriesIndex
    catalog: SeriesCatalog
    _db: Database
    _pool: QueryPool

    def source(self) -> StoreSource:
        """Where one query reads its samples."""
        return StoreSource(self._db, self.name, self.index, limits=_LIMITS)

    def exemplars(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[tuple[Labels, list[Exemplar]]]:
        """See `find_exemplars`."""
        return find_exemplars(
            self._db, self.name, self.index, selectors, start_ms=start_ms, end_ms=end_ms
        )

    def cardinality(self, start_ms: int, end_ms: int, *, limit: int) -> Cardinality:
        """See `cardinality`."""
        return cardinality(self._db, self.name, start_ms, end_ms, limit=limit)

    async def run(self, request: Request, function: Callable[[], T]) -> T:
        """See `QueryPool.run`."""
        return await self._pool.run(request, function, project=self.name)


class Projects:
    """The projects that were asked for, with what is kept of each between requests."""

    def __init__(self, state: AppState, pool: QueryPool) -> None:
        self._state, self._pool = state, pool
        self._known: OrderedDict[str, Project] = OrderedDict()

    def of(self, request: Request) -> Project:
        """The project that a request means.

        Raises:
            ApiError: the caller may not see it.
        """
        name = caller(request, self._state).project
        if name not in self._known:
            db = self._state.database
            self._known[name] = Project(
                name, SeriesIndex(db, name), SeriesCatalog(db, name), db, self._pool
            )
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return self._known[name]
