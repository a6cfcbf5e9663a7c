"""Which metrics and labels have the most series: what makes a store large."""

from dataclasses import dataclass
from typing import Any, Final

from belvedere.query.metrics.series import HOURS_SEEN, hours_between
from belvedere.store.database import Database, QueryLimits

_LABELS: Final = "arrayPushFront(labels::Array(Tuple(String, String)), ('__name__', name))"
_TOTALS: Final = f"""
SELECT uniqExact(fingerprint) AS series, uniqArray({_LABELS}) AS pairs
FROM metric_series WHERE {HOURS_SEEN}
"""
_NAMES: Final = f"""
SELECT name AS found, uniqExact(fingerprint) AS value FROM metric_series WHERE {HOURS_SEEN}
GROUP BY found ORDER BY value DESC, found LIMIT {{limit:UInt64}}
"""
_PAIRS: Final = f"""
SELECT concat(label.1, '=', label.2) AS found, uniqExact(fingerprint) AS value
FROM metric_series ARRAY JOIN {_LABELS} AS label WHERE {HOURS_SEEN}
GROUP BY found ORDER BY value DESC, found LIMIT {{limit:UInt64}}
"""
_VALUES: Final = f"""
SELECT label.1 AS found, {{measure}} AS value FROM
    (SELECT DISTINCT arrayJoin({_LABELS}) AS label FROM metric_series WHERE {HOURS_SEEN})
GROUP BY found ORDER BY value DESC, found LIMIT {{limit:UInt64}}
"""


@dataclass(frozen=True, slots=True)
class Cardinality:
    """The numbers of one project. Lists are of (name, number), the greatest first."""

    series: int
    label_pairs: int
    series_by_metric: list[tuple[str, int]]
    values_by_label: list[tuple[str, int]]
    bytes_by_label: list[tuple[str, int]]
    """The lengths of all its values."""
    series_by_pair: list[tuple[str, int]]
    """Of `name=value`."""


def cardinality(
    db: Database, project: str, start_ms: int, end_ms: int, *, limit: int
) -> Cardinality:
    """Counts the series that were seen in the hours of a time range.

    Args:
        db: the store.
        project: whose series.
        start_ms: the range's start.
        end_ms: the range's end.
        limit: how long lists are at most.
    """
    params = {**hours_between(start_ms, end_ms), "limit": limit}

    def rows(sql: str) -> list[dict[str, Any]]:
        found = db.query(sql, params, database=project, limits=QueryLimits())
        return list(found.to_pylist())

    def ranked(sql: str) -> list[tuple[str, int]]:
        return [(row["found"], row["value"]) for row in rows(sql)]

    [totals] = rows(_TOTALS)
    return Cardinality(
        totals["series"],
        totals["pairs"],
        ranked(_NAMES),
        ranked(_VALUES.replace("{measure}", "count()")),
        ranked(_VALUES.replace("{measure}", "sum(length(label.2))")),
        ranked(_PAIRS),
    )
