"""Fixtures that tests of several stages share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    """An empty store. chDB opens one directory at a time in a process, so there is one at most."""
    db = EmbeddedClickHouse(tmp_path / "store")
    yield db
    db.close()


@pytest.fixture
def migrated(database: EmbeddedClickHouse) -> EmbeddedClickHouse:
    """A store with the tables of project `default`."""
    migrate(database)
    return database
