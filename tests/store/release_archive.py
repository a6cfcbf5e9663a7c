"""Data directories as earlier releases left them, built from `releases/*.sql`."""

from pathlib import Path
from typing import Final

from belvedere.store.embedded import EmbeddedClickHouse

ARCHIVES: Final = sorted(Path(__file__).with_name("releases").glob("*.sql"))
CREATE_RECORD: Final = (
    "CREATE TABLE schema_migrations (version UInt32, name String,"
    " applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version"
)


def version(archive: Path) -> int:
    """The schema version of an archive."""
    return int(archive.stem.partition("-")[0])


def build(archive: Path, directory: Path) -> None:
    """Make the data directory of the release in `directory`."""
    db = EmbeddedClickHouse(directory)
    try:
        db.execute(CREATE_RECORD)
        for statement in archive.read_text(encoding="utf-8").split("\n;\n"):
            if statement.strip():
                db.execute(statement)
    finally:
        db.close()
