"""Projects: a project (tenant) is a ClickHouse database, made when its first data arrives."""

import threading
from collections.abc import Mapping

import structlog

from belvedere.otlp.batch import PROJECT_NAME_RULE, is_project_name
from belvedere.otlp.signal import Signal
from belvedere.store.database import Database
from belvedere.store.errors import InvalidProject
from belvedere.store.migrate import migrate
from belvedere.store.retention import DEFAULT_DAYS, set_retention

log = structlog.get_logger(__name__)


class Projects:
    """The projects of a store. Calls block, and may come from any thread."""

    def __init__(
        self,
        db: Database,
        *,
        retention_days: Mapping[Signal, int] = DEFAULT_DAYS,
        max_projects: int = 100,
        cluster: str = "",
    ) -> None:
        """The projects of `db`.

        Args:
            db: the store.
            retention_days: how long each signal is kept, in every project; 0 is for good.
            max_projects: how many there may be: clients choose names, and each costs files.
            cluster: name of the ClickHouse cluster that tables are made on; '' for none.
        """
        self.db = db
        self._retention_days = retention_days
        self._max_projects = max_projects
        self._cluster = cluster
        self._ready: set[str] = set()
        self._making = threading.Lock()

    def is_ready(self, name: str) -> bool:
        """Whether the tables of a project are known to be there. Does not block."""
        return name in self._ready

    def ensure(self, name: str) -> None:
        """Make the tables of a project, or bring them up to date, unless that is done.

        Raises:
            InvalidProject: the name is not allowed, or there are too many projects.
            QueryError: a migration cannot run.
            StoreUnavailable: the database cannot be reached.
        """
        if name in self._ready:
            return
        if not is_project_name(name):
            raise InvalidProject(f"{name!r} cannot name a project: use {PROJECT_NAME_RULE}")
        with self._making:
            existing = self.names()
            if name not in existing and len(existing) >= self._max_projects:
                raise InvalidProject(
                    f"project {name!r} would be one too many: there are {len(existing)}"
                )
            applied = migrate(self.db, name, cluster=self._cluster)
            set_retention(self.db, name, self._retention_days, cluster=self._cluster)
            self._ready.add(name)
            if applied:
                log.info("project_migrated", project=name, to=applied[-1].version)

    def forget(self, name: str) -> None:
        """Look at the tables of a project anew when its next data comes: somebody dropped some."""
        self._ready.discard(name)

    def names(self) -> list[str]:
        """All projects that have tables.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        found = self.db.query(
            "SELECT DISTINCT database FROM system.tables WHERE name = 'schema_migrations'"
            " ORDER BY database"
        )
        names: list[str] = found.column("database").to_pylist()
        return names
