"""`SeriesCatalog`: what series there are, for auto-completion and browsing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from belvedere.query.labels import METRIC_NAME
from belvedere.query.metrics.conditions import any_of
from belvedere.query.metrics.series import HOURS_SEEN, hours_between
from belvedere.query.promql.matcher import Matcher
from belvedere.store.database import Database, QueryLimits

Selectors = Sequence[Sequence[Matcher]]
"""Series that one of these selects; none at all: every series."""

_NAMES: Final = """
SELECT DISTINCT arrayJoin(arrayPushFront(mapKeys(labels), '__name__')) AS found
FROM metric_series WHERE {where} ORDER BY found LIMIT {limit:UInt64}
"""
_VALUES: Final = """
SELECT DISTINCT {subject} AS found FROM metric_series
WHERE {where} AND found != '' ORDER BY found LIMIT {limit:UInt64}
"""
_METADATA: Final = """
SELECT
    if(type IN ('histogram', 'summary'), replaceRegexpOne(name, '_(bucket|sum|count)$', ''), name)
        AS family,
    groupUniqArray(10)((type, help, unit)) AS found
FROM metric_series
WHERE type != '' AND ({metric:String} = '' OR startsWith(name, {metric:String}))
GROUP BY family
HAVING {metric:String} = '' OR family = {metric:String}
ORDER BY family LIMIT {limit:UInt64}
"""
_NO_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FamilyMetadata:
    """What was said of a metric family, by one of those who send it."""

    type: str
    help: str
    unit: str


class SeriesCatalog:
    """The names and values of one project's labels. Calls block, and may come from any thread."""

    def __init__(self, db: Database, project: str) -> None:
        self._db, self._project = db, project

    def label_names(
        self, selectors: Selectors, start_ms: int, end_ms: int, *, limit: int = 0
    ) -> list[str]:
        """Names of labels that series seen in the hours of a time range have, sorted.

        Args:
            selectors: which series.
            start_ms: the range's start.
            end_ms: the range's end.
            limit: the most names to give; 0: all.
        """
        if end_ms < start_ms:
            return []
        times = hours_between(start_ms, end_ms)
        return self._found(_NAMES, selectors, {**times, "limit": limit or _NO_LIMIT})

    def label_values(
        self, name: str, selectors: Selectors, start_ms: int, end_ms: int, *, limit: int = 0
    ) -> list[str]:
        """Values of the label `name`, as `label_names` gives names."""
        if end_ms < start_ms:
            return []
        subject = "name" if name == METRIC_NAME else "labels[{label:String}]"
        sql = _VALUES.replace("{subject}", subject)
        params = {**hours_between(start_ms, end_ms), "label": name, "limit": limit or _NO_LIMIT}
        return self._found(sql, selectors, params)

    def metadata(self, metric: str = "", *, limit: int = 0) -> dict[str, list[FamilyMetadata]]:
        """What is known of metric families: of one, or of all, sorted.

        Args:
            metric: the family's name; empty: all.
            limit: the most families to give; 0: all.
        """
        table = self._query(_METADATA, {"metric": metric, "limit": limit or _NO_LIMIT})
        return {
            row["family"]: sorted(
                (FamilyMetadata(*said.values()) for said in row["found"]), key=lambda m: m.type
            )
            for row in table.to_pylist()
        }

    def _found(self, sql: str, selectors: Selectors, params: dict[str, Any]) -> list[str]:
        where, values = any_of(selectors)
        table = self._query(
            sql.replace("{where}", f"({where}) AND {HOURS_SEEN}"), {**values, **params}
        )
        found: list[str] = table.column("found").to_pylist()
        return found

    def _query(self, sql: str, params: dict[str, Any]) -> pa.Table:
        limits = QueryLimits(result_rows=_NO_LIMIT + 1, result_bytes=256 << 20)
        return self._db.query(sql, params, database=self._project, limits=limits)
