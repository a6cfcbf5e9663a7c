"""Bytes on disk after merges: `python disk.py DIRECTORY` prints one line of JSON.

It opens the data directory of a stopped server, merges each table to one part a partition, and
says what the tables with rows take: columns, indexes and all.
"""

import json
import sys
from pathlib import Path

from belvedere.store.clickhouse import quote
from belvedere.store.embedded import EmbeddedClickHouse

_PARTS = """
SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes,
       sum(secondary_indices_compressed_bytes) AS index_bytes
FROM system.parts
WHERE active AND database = 'default' AND table != 'schema_migrations'
GROUP BY table ORDER BY table
"""


def _main(directory: Path) -> None:
    db = EmbeddedClickHouse(directory)
    for table in db.query(_PARTS).column("table").to_pylist():
        db.execute(f"OPTIMIZE TABLE {quote(table)} FINAL")
    tables = db.query(_PARTS).to_pylist()
    db.close()
    print(json.dumps(tables))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
