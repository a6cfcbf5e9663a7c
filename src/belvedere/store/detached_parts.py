"""Parts of tables that ClickHouse set aside: their rows are on disk, but no query sees them."""

import structlog

from belvedere import internal_telemetry as telemetry
from belvedere.store.database import Database

log = structlog.get_logger(__name__)

_DETACHED = """
SELECT database, table, count() AS parts, groupUniqArray(reason) AS reasons, any(path) AS path
FROM system.detached_parts
GROUP BY database, table ORDER BY database, table
"""


def report_detached_parts(db: Database) -> None:
    """Log and count the detached and broken parts of all tables.

    Raises:
        StoreError: the database cannot be asked.
    """
    for row in db.query(_DETACHED).to_pylist():
        telemetry.STORE_DETACHED_PARTS.labels(row["database"], row["table"]).set(row["parts"])
        log.error(
            "detached_parts",
            project=row["database"],
            table=row["table"],
            parts=row["parts"],
            reasons=row["reasons"],
            example=row["path"],
            hint="their rows are missing from the table; see ClickHouse's ALTER TABLE ATTACH PART",
        )
