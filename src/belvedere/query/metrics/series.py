"""`SeriesIndex`: which series matchers select, and what their labels are."""

import threading
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.metrics.conditions import conditions
from belvedere.query.promql.errors import TooManySamples
from belvedere.query.promql.matcher import Matcher
from belvedere.store.database import Database, QueryLimits

HOURS_SEEN: Final = "first_seen <= {end_s:Int64} AND last_seen > {start_s:Int64} - 3600"
"""The condition that a series was seen in the hours of a time range; see `hours_between`."""

_MAX_KNOWN: Final = 500_000
_MATCHING: Final = (
    f"SELECT DISTINCT fingerprint FROM metric_series WHERE {{where}} AND {HOURS_SEEN}"
)
_LABELS: Final = f"""
SELECT fingerprint, name, mapKeys(labels) AS keys, mapValues(labels) AS values
FROM metric_series WHERE {{where}} AND {HOURS_SEEN}
LIMIT 1 BY fingerprint
"""
_Pairs: TypeAlias = tuple[tuple[str, str], ...]


class Found(NamedTuple):
    """The S series that matchers select."""

    fingerprints: npt.NDArray[np.uint64]
    """uint64[S], ascending."""
    labels: list[Labels]
    order: list[_Pairs]
    """What sorts series as `labels` are sorted, at the speed of tuples."""


class SeriesIndex:
    """The series of one project. Calls block, and may come from any thread.

    What a fingerprint stands for never changes, so labels are read once and kept.
    """

    def __init__(self, db: Database, project: str, *, max_series: int = 500_000) -> None:
        """An index over the tables of `project`.

        Args:
            db: the store.
            project: whose series.
            max_series: how many series one selector may match.
        """
        self._db, self._project, self._max_series = db, project, max_series
        self._known: dict[int, tuple[Labels, _Pairs]] = {}
        self._lock = threading.Lock()

    def find(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Found:
        """The series that were seen in the hours of a time range.

        Whether they have samples in the range itself only the samples tell.

        Raises:
            TooManySamples: more series match than may be selected at once.
            QueryError: the query cannot run, or goes over a bound.
            StoreUnavailable: the database cannot be reached.
        """
        where, params = conditions(matchers)
        times = hours_between(start_ms, end_ms)
        found = self._query(_with(_MATCHING, where), {**params, **times})
        fingerprints = np.sort(found.column("fingerprint").to_numpy())
        if fingerprints.size > self._max_series:
            raise TooManySamples(
                f"a selector matches more than {self._max_series} series; add label matchers"
            )
        wanted = fingerprints.tolist()
        known = self._known
        if not all(fingerprint in known for fingerprint in wanted):
            table = self._query(_with(_LABELS, where), {**params, **times})
            known = self._learn(_labels(table))
            # A series may begin between the two queries, or labels be forgotten in another thread.
            fingerprints = np.array([f for f in wanted if f in known], np.uint64)
        entries = [known[fingerprint] for fingerprint in fingerprints.tolist()]
        return Found(
            fingerprints, [labels for labels, _ in entries], [pairs for _, pairs in entries]
        )

    def _learn(self, labels: dict[int, Labels]) -> dict[int, tuple[Labels, _Pairs]]:
        """All that is known now. Of too much, what this query did not ask for is forgotten."""
        learnt = {key: (each, tuple(each.items())) for key, each in labels.items()}
        with self._lock:
            if len(self._known) + len(learnt) > _MAX_KNOWN:
                self._known = learnt
            else:
                self._known = {**self._known, **learnt}
            return self._known

    def _query(self, sql: str, params: Mapping[str, str | int]) -> pa.Table:
        limits = QueryLimits(result_rows=self._max_series + 1, result_bytes=1 << 30)
        return self._db.query(sql, params, database=self._project, limits=limits)


def _labels(table: pa.Table) -> dict[int, Labels]:
    """Fingerprint → labels, from columns of arrays, which Arrow hands over flat."""
    columns = table.combine_chunks()
    if not columns.num_rows:
        return {}
    keys, values = (columns.column(name).combine_chunks() for name in ("keys", "values"))
    offsets = keys.offsets.to_pylist()
    flat = list(zip(keys.values.to_pylist(), values.values.to_pylist(), strict=True))
    return {
        fingerprint: Labels([(METRIC_NAME, name), *flat[start:end]])
        for fingerprint, name, start, end in zip(
            columns.column("fingerprint").to_pylist(),
            columns.column("name").to_pylist(),
            offsets[:-1],
            offsets[1:],
            strict=True,
        )
    }


def hours_between(start_ms: int, end_ms: int) -> dict[str, int]:
    """The parameters of `HOURS_SEEN`."""
    return {"start_s": _clamped(start_ms // 1000), "end_s": _clamped(end_ms // 1000 + 1)}


def _with(sql: str, where: str) -> str:
    return sql.replace("{where}", where)


def _clamped(time_s: int) -> int:
    """Within what ClickHouse's DateTime can be compared with (Grafana asks for the year 57000)."""
    return max(0, min(time_s, (1 << 32) - 1))
