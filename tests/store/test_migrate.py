"""Released migrations never change, and a schema of a newer release is refused."""

import hashlib
from pathlib import Path

import pytest

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import NewerSchema
from belvedere.store.migrate import check_schemas, migrate, migrations

RELEASED = {
    # sha256 of the statements; comments may change
    "0001_traces": "c5148a50b4a8815f5f849ec5dc511fdb94242a9af5f21aad86ff9143eb184466",
    "0002_logs": "dc66ef1c25b43e91b73b052c081dbb1cd1d7aa7359b0b34697c1f869a17fdf7e",
    "0003_metrics": "caec9751105998d98ecca16f92c90d57c59727cf12fdb7c3ff8e2121eabcddc0",
    "0004_points": "6de5bfd8bcfa2d6e49790b4fbeb8381200f24b3c90cb9adad5bcaf1641d50e95",
    "0005_settings": "4f09484c8b5ec5eea0bf1a84448c05bfb8e1772db368a87eac165f788ca9c8c0",
}
NEWEST = migrations()[-1].version


def test_released_migrations_do_not_change() -> None:
    found = {
        f"{each.version:04}_{each.name}": hashlib.sha256(
            "\0".join(each.statements).encode()
        ).hexdigest()
        for each in migrations()
    }
    changed = [name for name, checksum in RELEASED.items() if found.get(name) != checksum]
    assert not changed, (
        f"{', '.join(changed)} changed after its release, and data directories that ran it never"
        " see the change: restore it, and add a new numbered file"
    )
    new = {name: checksum for name, checksum in found.items() if name not in RELEASED}
    assert not new, f"add the new migrations to RELEASED in {Path(__file__).name}: {new}"


def add_migration(db: EmbeddedClickHouse, project: str, version: int) -> None:
    db.execute(
        f"INSERT INTO schema_migrations (version, name) VALUES ({version}, 'later')",
        database=project,
    )


def test_a_newer_schema_is_refused_and_not_touched(migrated: EmbeddedClickHouse) -> None:
    add_migration(migrated, "default", NEWEST + 1)
    migrated.execute("DROP TABLE otlp_logs")
    with pytest.raises(NewerSchema, match=rf"'default' has schema {NEWEST + 1} .* up to {NEWEST}:"):
        migrate(migrated)
    names = migrated.query("SHOW TABLES").column("name").to_pylist()
    assert "otlp_logs" not in names


def test_every_existing_project_is_checked(migrated: EmbeddedClickHouse) -> None:
    migrate(migrated, "team-a")
    check_schemas(migrated, ["default", "team-a"])
    add_migration(migrated, "team-a", NEWEST + 2)
    with pytest.raises(NewerSchema, match="'team-a'"):
        check_schemas(migrated, ["default", "team-a"])


def test_a_project_whose_creation_was_interrupted_is_completed(
    database: EmbeddedClickHouse,
) -> None:
    migrate(database)
    database.execute("TRUNCATE TABLE schema_migrations")
    check_schemas(database, ["default"])
    assert [each.version for each in migrate(database)] == [e.version for e in migrations()]
