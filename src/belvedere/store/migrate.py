"""Migrations: the schema of a project's database, as numbered `.sql` files.

A migration runs once a project and never changes after its release; what comes later comes in a
new number. `schema_migrations` in the project's database remembers which ones ran.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from belvedere.store.clickhouse import literal, quote
from belvedere.store.database import Database

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
    """Bring the database of `project` up to date, making it if need be.

    Args:
        db: the database.
        project: the project, whose name is its database's name.
        cluster: name of a ClickHouse cluster; every statement then runs `ON CLUSTER`, and tables
            are replicated.

    Returns:
        The migrations that ran: none when the schema was up to date.

    Raises:
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
    done = db.query("SELECT DISTINCT version FROM schema_migrations", database=project)
    applied = set(done.column("version").to_pylist())
    missing = [migration for migration in migrations() if migration.version not in applied]
    for migration in missing:
        for statement in migration.statements:
            db.execute(for_cluster(statement, cluster), database=project)
        db.execute(
            "INSERT INTO schema_migrations (version, name) VALUES"
            f" ({migration.version}, {literal(migration.name, quoted=True)})",
            database=project,
        )
    return missing


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


def _statements(text: str) -> tuple[str, ...]:
    """The statements of a file: each ends with `;` at the end of a line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    for name, type_ in _TYPES.items():
        lines = [line.replace(name, type_) for line in lines]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return tuple(part.strip() for part in parts if part.strip())
