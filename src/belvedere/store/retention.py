"""Retention: how long each signal is kept, as the TTL of its tables."""

import re
from collections.abc import Mapping
from typing import Final

from belvedere.otlp.signal import Signal
from belvedere.store.clickhouse import quote
from belvedere.store.database import Database

DEFAULT_DAYS: Final[Mapping[Signal, int]] = {
    Signal.TRACES: 30,
    Signal.METRICS: 90,
    Signal.LOGS: 30,
}

_TIME_COLUMNS: Final[Mapping[Signal, Mapping[str, str]]] = {
    # signal: {table: the DateTime that its rows age by}
    Signal.TRACES: {"otel_traces": "toDateTime(Timestamp)", "otel_traces_trace_id_ts": "Start"},
    Signal.METRICS: {
        "metric_samples": "toDateTime(timestamp)",
        "metric_histograms": "toDateTime(timestamp)",
        "metric_exemplars": "toDateTime(timestamp)",
        "metric_series": "toDateTime(last_seen)",
    },
    Signal.LOGS: {"otel_logs": "TimestampTime"},
}
_TTL = re.compile(r"\bTTL .*?toIntervalDay\((\d+)\)")


def set_retention(
    db: Database, project: str, days: Mapping[Signal, int], *, cluster: str = ""
) -> list[str]:
    """Keep each signal of a project for so many days; 0 keeps it for good.

    Returns:
        The tables whose retention changed. Only they are touched, since ClickHouse looks at all
        data of a table whose TTL changes.

    Raises:
        QueryError: the tables are not there.
        StoreUnavailable: the database cannot be reached.
    """
    on_cluster = f" ON CLUSTER {quote(cluster)}" if cluster else ""
    existing = db.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
        {"database": project},
    ).to_pylist()
    current = {row["name"]: _days(row["create_table_query"]) for row in existing}
    changed = []
    for signal, keep_days in days.items():
        for table, column in _TIME_COLUMNS[signal].items():
            if table not in current or current[table] == keep_days:
                continue
            action = (
                f"MODIFY TTL {column} + toIntervalDay({keep_days})" if keep_days else "REMOVE TTL"
            )
            db.execute(f"ALTER TABLE {quote(table)}{on_cluster} {action}", database=project)
            changed.append(table)
    return changed


def _days(create_table_query: str) -> int:
    found = _TTL.search(create_table_query)
    return int(found[1]) if found else 0
