"""`StoreSource`: what PromQL reads its samples from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pyarrow as pa

from belvedere.query.metrics.bounds import in_bounds, one_of
from belvedere.query.metrics.histograms import COLUMNS, read_histograms
from belvedere.query.metrics.series import Found, SeriesIndex
from belvedere.query.metrics.stored import StoredRows
from belvedere.query.promql.errors import TooManySamples
from belvedere.query.promql.matcher import Matcher
from belvedere.query.samples import Samples
from belvedere.store.database import Database, QueryLimits
from belvedere.store.errors import QueryTooLarge

_READ: Final = """
SELECT fingerprint, timestamp AS time, {columns}
FROM {table}
PREWHERE {series} AND timestamp > fromUnixTimestamp64Milli({start_ms:Int64})
    AND timestamp <= fromUnixTimestamp64Milli({end_ms:Int64})
"""


class StoreSource:
    """A `promql.source.Source` over the tables of one project, for one query."""

    def __init__(
        self,
        db: Database,
        project: str,
        index: SeriesIndex,
        *,
        limits: QueryLimits,
        max_samples: int = 50_000_000,
    ) -> None:
        """A source that reads from `project`.

        Args:
            db: the store.
            project: whose tables.
            index: the project's series; it serves many queries.
            limits: bounds of each of the reads; those on the result are raised to `max_samples`.
            max_samples: samples that one selector may read.
        """
        self._db, self._project, self._index = db, project, index
        self._limits = replace(
            limits,
            result_rows=max_samples,
            result_bytes=max(limits.result_bytes, 32 * max_samples),
            block_cache=True,
        )

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """See `Source.select`.

        Raises:
            TooManySamples: more series or samples are selected than one query may read.
            QueryError: the read cannot run, or goes over another bound.
            StoreUnavailable: the database cannot be reached.
        """
        start_ms, end_ms = in_bounds(start_ms), in_bounds(end_ms)
        found = self._index.find(matchers, start_ms, end_ms)
        if not found.fingerprints.size:
            return Samples.empty()
        return self._read(found, start_ms, end_ms).series(found)

    def _read(self, found: Found, start_ms: int, end_ms: int) -> StoredRows:
        series, params = one_of(found.fingerprints, dense=found.dense)

        def query(table: str, columns: str) -> pa.Table:
            sql = _READ.replace("{series}", series).replace("{table}", table)
            times = {"start_ms": start_ms, "end_ms": end_ms}
            return self._query(sql.replace("{columns}", columns), {**params, **times})

        rows = StoredRows(query("metric_samples", "value"), "value")
        if found.histograms:
            natives = query("metric_histograms", COLUMNS).combine_chunks()
            # What marks the end of a series is its sum.
            rows.add(StoredRows(natives, "sum", read_histograms(natives)))
        return rows

    def _query(self, sql: str, params: Mapping[str, str | int]) -> pa.Table:
        try:
            return self._db.query(sql, params, database=self._project, limits=self._limits)
        except QueryTooLarge as error:
            if "rows" not in str(error):
                raise
            raise TooManySamples(
                "query processing would load too many samples into memory in query execution"
            ) from None
