"""Fixtures that tests of several stages share."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_server import RunningServer

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate

# Ignored in what a shell started in the background, and then in each process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers, by default on one data directory; whatever still runs is killed after."""
    servers: list[RunningServer] = []

    def start(*options: str, data_dir: Path | None = None, patch: str = "") -> RunningServer:
        servers.append(RunningServer(data_dir or tmp_path / "data", *options, patch=patch))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
