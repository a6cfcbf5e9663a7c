"""Migrations: the schema of a project's database, as numbered `.sql` files.

A migration runs once per project and never changes after its release: a later change is a new
number (a test holds the checksums). `schema_migrations` in the project's database records which
migrations ran.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from belvedere.store.clickhouse import literal, quote
from belvedere.store.database import Database
from belvedere.store.errors import NewerSchema

_ANY_VALUE: Final = (
    "Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64),"
    " double_value Nullable(Float64), bytes_value Nullable(String))"
)
_TYPES: Final = {
    "{Attributes}": "Array(Tuple(key String, value {AnyValue}))",
    "{AnyValue}": _ANY_VALUE,
}
"""Types that the files name instead of repeating. Members of a oneof are Nullable, so that a
member that is not there (NULL) differs from one that is 0, false or ''."""

_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)\b")
_TARGET = re.compile(
    r"^(CREATE (?:TABLE|MATERIALIZED VIEW|FUNCTION) IF NOT EXISTS \S+|ALTER TABLE \S+)",
    re.MULTILINE,
)
_FIRST_FIXED: Final = 5
"""Migrations before this one were edited after they had run for some users."""
_VIEW = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\S+)")
_NULL_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\S+) .*ENGINE = Null", re.DOTALL)
_RETIRED_VIEWS: Final = ("otlp_metrics_target_info_mv",)
"""Views of the edited migrations that the final ones no longer have."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """All migrations of this release, in order."""
    folder = files("belvedere.store") / "migrations"
    found = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(int(number), name, _statements(file.read_text(encoding="utf-8"))))
    return found


def migrate(db: Database, project: str = "default", *, cluster: str = "") -> list[Migration]:
    """Bring the database of `project` up to date, and create it if it is missing.

    Args:
        db: the database.
        project: the project, whose name is its database's name.
        cluster: name of a ClickHouse cluster; every statement then runs `ON CLUSTER`, and tables
            are replicated.

    Returns:
        The migrations that ran: none when the schema was up to date.

    Raises:
        NewerSchema: a newer release migrated the project.
        QueryError: a statement cannot run.
        StoreUnavailable: the database cannot be reached.
    """
    on_cluster = f" ON CLUSTER {quote(cluster)}" if cluster else ""
    db.execute(f"CREATE DATABASE IF NOT EXISTS {quote(project)}{on_cluster}")
    db.execute(
        for_cluster(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String,"
            " applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version",
            cluster,
        ),
        database=project,
    )
    applied = _applied(db, project)
    released = migrations()
    _refuse_newer(project, applied, released)
    if applied and _FIRST_FIXED not in applied:
        _recreate_views(db, project, [m for m in released if m.version in applied], cluster)
    missing = [migration for migration in released if migration.version not in applied]
    for migration in missing:
        for statement in migration.statements:
            db.execute(for_cluster(statement, cluster), database=project)
        db.execute(
            "INSERT INTO schema_migrations (version, name) VALUES"
            f" ({migration.version}, {literal(migration.name, quoted=True)})",
            database=project,
        )
    return missing


def check_schemas(db: Database, projects: Iterable[str]) -> None:
    """Check that this release knows the schema of each of the existing `projects`.

    Raises:
        NewerSchema: a newer release migrated one of them.
        StoreUnavailable: the database cannot be reached.
    """
    released = migrations()
    for project in projects:
        _refuse_newer(project, _applied(db, project), released)


def for_cluster(statement: str, cluster: str) -> str:
    """The statement as it runs on a cluster; unchanged without one.

    >>> for_cluster("CREATE TABLE IF NOT EXISTS t (a Int8) ENGINE = MergeTree ORDER BY a", "c")
    'CREATE TABLE IF NOT EXISTS t ON CLUSTER `c` (a Int8) ENGINE = ReplicatedMergeTree ORDER BY a'
    """
    if not cluster:
        return statement
    statement = _TARGET.sub(rf"\1 ON CLUSTER {quote(cluster)}", statement)
    # The keeper path and replica name come from the server's default_replica_path and macros.
    return _ENGINE.sub(r"ENGINE = Replicated\1", statement)


def _applied(db: Database, project: str) -> set[int]:
    """Return the versions of the migrations that ran for an existing project."""
    done = db.query("SELECT DISTINCT version FROM schema_migrations", database=project)
    return set(done.column("version").to_pylist()) if done.num_rows else set()


def _refuse_newer(project: str, applied: set[int], released: list[Migration]) -> None:
    newest = max(migration.version for migration in released)
    if max(applied, default=0) > newest:
        raise NewerSchema(
            f"project {project!r} has schema {max(applied)} of a newer Belvedere, and this release"
            f" knows schemas up to {newest}: run the newer release, or choose another --data-dir"
        )


def _recreate_views(db: Database, project: str, applied: list[Migration], cluster: str) -> None:
    """Replace the views, functions and Null tables of edited migrations with their final form.

    None of these hold data; the tables that do have had the same columns in every form. The Null
    tables are dropped first, so that an insert of another process fails and is retried.
    """
    on_cluster = f" ON CLUSTER {quote(cluster)}" if cluster else ""
    statements = [
        statement
        for migration in applied
        if migration.version < _FIRST_FIXED
        for statement in migration.statements
    ]
    tables = [found[1] for statement in statements if (found := _NULL_TABLE.match(statement))]
    views = [found[1] for statement in statements if (found := _VIEW.match(statement))]
    for name in (*tables, *views, *_RETIRED_VIEWS):
        db.execute(f"DROP TABLE IF EXISTS {name}{on_cluster}", database=project)
    for statement in statements:
        replacing = for_cluster(statement, cluster).replace(
            "CREATE FUNCTION IF NOT EXISTS", "CREATE OR REPLACE FUNCTION", 1
        )
        db.execute(replacing, database=project)


def _statements(text: str) -> tuple[str, ...]:
    """The statements of a file: each ends with `;` at the end of a line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    for name, type_ in _TYPES.items():
        lines = [line.replace(name, type_) for line in lines]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return tuple(part.strip() for part in parts if part.strip())
