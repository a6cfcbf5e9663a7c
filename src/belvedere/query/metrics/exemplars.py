"""Exemplars: the observations behind samples, with the traces that they were made in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from belvedere.query.labels import Labels
from belvedere.query.metrics.bounds import in_bounds, one_of
from belvedere.query.metrics.series import SeriesIndex
from belvedere.query.promql.matcher import Matcher
from belvedere.store.database import Database, QueryLimits

_EXEMPLARS: Final = """
SELECT DISTINCT
    fingerprint, toUnixTimestamp64Milli(timestamp) AS time_ms, value, trace_id, span_id, labels
FROM metric_exemplars
WHERE {series} AND timestamp >= fromUnixTimestamp64Milli({start_ms:Int64})
    AND timestamp <= fromUnixTimestamp64Milli({end_ms:Int64})
ORDER BY fingerprint, timestamp
LIMIT {limit:UInt64}
"""
_MAX_EXEMPLARS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation."""

    time_ms: int
    value: float
    labels: dict[str, str]
    """With `trace_id` and `span_id`, where they are known."""


def find_exemplars(
    db: Database,
    project: str,
    index: SeriesIndex,
    selectors: Sequence[Sequence[Matcher]],
    *,
    start_ms: int,
    end_ms: int,
) -> list[tuple[Labels, list[Exemplar]]]:
    """The exemplars in `[start_ms, end_ms]` of series that one of `selectors` selects.

    Returns:
        Series that have some, by their labels, each with its exemplars by time; of very many,
        the first.

    Raises:
        PromQLError: too many series are selected.
        QueryError: the query cannot run.
        StoreUnavailable: the database cannot be reached.
    """
    start_ms, end_ms = in_bounds(start_ms), in_bounds(end_ms)
    known: dict[int, Labels] = {}
    for matchers in selectors:
        found = index.find(matchers, start_ms, end_ms)
        labels = [found.labels[place] for place in found.places.tolist()]
        known.update(zip(found.fingerprints.tolist(), labels, strict=True))
    if not known:
        return []
    series, listed = one_of(np.array(sorted(known), np.uint64), dense=False)
    table = db.query(
        _EXEMPLARS.replace("{series}", series),
        {"start_ms": start_ms, "end_ms": end_ms, "limit": _MAX_EXEMPLARS, **listed},
        database=project,
        limits=QueryLimits(),
    )
    by_series: dict[int, list[Exemplar]] = {}
    for row in table.to_pylist():
        ids = {name: row[name] for name in ("trace_id", "span_id") if row[name]}
        if row["fingerprint"] in known:
            by_series.setdefault(row["fingerprint"], []).append(
                Exemplar(row["time_ms"], row["value"], ids | dict(row["labels"]))
            )
    return sorted(
        ((known[fingerprint], exemplars) for fingerprint, exemplars in by_series.items()),
        key=lambda pair: tuple(pair[0].items()),
    )
