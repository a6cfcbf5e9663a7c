"""A segment that is inserted again after the database was closed and opened adds nothing twice.

On its own, since chDB opens one directory at a time.
"""

import time
from pathlib import Path

from metric_requests import store
from metric_segment import EXPECTED, contents, segment

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate


def test_same_token_after_reopening(tmp_path: Path) -> None:
    message = segment(time.time_ns())
    for _ in range(2):
        db = EmbeddedClickHouse(tmp_path / "store")
        try:
            migrate(db)
            store(db, message, token="across")
            assert contents(db) == EXPECTED
        finally:
            db.close()
