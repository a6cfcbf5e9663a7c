"""A store with two projects, for tests that only read."""

from collections.abc import Iterator

import pytest

from belvedere.store.embedded import EmbeddedClickHouse

SECRET = "of-the-other-project"


@pytest.fixture(scope="module")
def two_projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """Projects `acme` and `other`, each with a small `otel_logs`; the other's holds a secret."""
    db = EmbeddedClickHouse(tmp_path_factory.mktemp("two-projects"))
    for project, body in (("acme", "our own"), ("other", SECRET)):
        db.execute(f"CREATE DATABASE {project}")
        db.execute(
            "CREATE TABLE otel_logs (Body String, Timestamp DateTime64(9)) ENGINE = MergeTree"
            " ORDER BY Timestamp",
            database=project,
        )
        db.execute(f"INSERT INTO otel_logs VALUES ('{body}', now64(9))", database=project)
    yield db
    db.close()
