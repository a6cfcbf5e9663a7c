"""A store for many small tests: opened once a module, emptied before each test."""

from collections.abc import Iterator

import pytest
from metric_requests import TABLES

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate


@pytest.fixture(scope="module")
def _store_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    db = EmbeddedClickHouse(tmp_path_factory.mktemp("metrics") / "store")
    migrate(db)
    yield db
    db.close()


@pytest.fixture
def metrics_store(_store_of_module: EmbeddedClickHouse) -> EmbeddedClickHouse:
    """A store whose tables of metrics are empty."""
    for table in TABLES:
        _store_of_module.execute(f"TRUNCATE TABLE {table}")
    return _store_of_module
