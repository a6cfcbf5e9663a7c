"""Projects are databases: made once, named with care, isolated, kept as long as they should be."""

import pytest

from belvedere.otlp.signal import Signal
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import InvalidProject
from belvedere.store.migrate import for_cluster, migrate, migrations
from belvedere.store.projects import Projects
from belvedere.store.retention import set_retention


def tables(db: EmbeddedClickHouse, database: str = "default") -> set[str]:
    return set(db.query("SHOW TABLES", database=database).column("name").to_pylist())


def test_migrations_are_numbered_without_gaps() -> None:
    found = migrations()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert all(migration.statements for migration in found)


def test_each_migration_runs_once(database: EmbeddedClickHouse) -> None:
    assert [m.version for m in migrate(database)] == [m.version for m in migrations()]
    assert migrate(database) == []
    assert {"otel_traces", "otel_logs", "metric_samples"} <= tables(database)


def test_statements_run_on_a_cluster_with_replicated_tables() -> None:
    """There is no cluster here: this pins the SQL. Single-node SQL is what all other tests run."""
    for migration in migrations():
        for statement in migration.statements:
            clustered = for_cluster(statement, "c")
            assert " ON CLUSTER `c`" in clustered
            assert "ENGINE = MergeTree" not in clustered
            assert "ENGINE = AggregatingMergeTree" not in clustered


@pytest.mark.parametrize(
    "name", ["", "a b", "a.b", "`; DROP", "system", "INFORMATION_SCHEMA", "x" * 65, "ä"]
)
def test_names_that_cannot_be_projects(database: EmbeddedClickHouse, name: str) -> None:
    with pytest.raises(InvalidProject, match="cannot name a project"):
        Projects(database).ensure(name)
    assert Projects(database).names() == []


def test_a_project_has_tables_of_its_own(database: EmbeddedClickHouse) -> None:
    projects = Projects(database)
    projects.ensure("team-a")
    assert projects.is_ready("team-a")
    assert projects.names() == ["team-a"]
    assert "otel_traces" in tables(database, "team-a")
    assert "otel_traces" not in tables(database)


def test_there_is_a_bound_on_projects_but_not_for_those_that_exist(
    database: EmbeddedClickHouse,
) -> None:
    Projects(database).ensure("a")
    projects = Projects(database, max_projects=1)
    with pytest.raises(InvalidProject, match="one too many"):
        projects.ensure("b")
    projects.ensure("a")


DAYS = {Signal.TRACES: 3, Signal.METRICS: 0, Signal.LOGS: 5}


def test_retention_is_set_where_it_differs(migrated: EmbeddedClickHouse) -> None:
    assert set(set_retention(migrated, "default", DAYS)) == {
        "otel_traces",
        "otel_traces_trace_id_ts",
        "otel_logs",
    }
    assert set_retention(migrated, "default", DAYS) == []
    changed = set_retention(migrated, "default", {**DAYS, Signal.LOGS: 0})
    assert changed == ["otel_logs"]
    (row,) = migrated.query("SHOW CREATE TABLE otel_logs").to_pylist()
    assert "TTL" not in row["statement"]


def test_retention_can_be_set_for_every_table_of_every_signal(migrated: EmbeddedClickHouse) -> None:
    changed = set_retention(migrated, "default", dict.fromkeys(Signal, 7))
    kept = {name for name in tables(migrated) if name.startswith(("otel_", "metric_"))}
    engines = migrated.query("SELECT name FROM system.tables WHERE engine LIKE '%MergeTree'")
    stored = kept & set(engines.column("name").to_pylist())
    assert set(changed) == stored


def test_old_rows_go_and_young_ones_stay(migrated: EmbeddedClickHouse) -> None:
    migrated.execute(
        "INSERT INTO otel_logs (Timestamp, Body) VALUES (now() - 86400 * 9, 'old'), (now(), 'new')"
    )
    set_retention(migrated, "default", {Signal.LOGS: 5})
    migrated.execute("OPTIMIZE TABLE otel_logs FINAL")
    rows = migrated.query("SELECT Body FROM otel_logs").column("Body").to_pylist()
    assert rows == ["new"]
