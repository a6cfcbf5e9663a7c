"""The API over a real store with a little telemetry in it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from api_samples import client, log_request, trace_request

from belvedere.api.state import AppState
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """Project `default` with one trace and one log line; project `other` with a log line."""
    db = EmbeddedClickHouse(tmp_path_factory.mktemp("api"))
    for project in ("default", "other"):
        migrate(db, project)
        data = log_request(f"of {project}").SerializeToString()
        insert(db, project, Door.LOGS, data, token=project)
    insert(db, "default", Door.TRACES, trace_request().SerializeToString(), token="trace")
    yield db
    db.close()


@pytest.fixture
async def api(store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API without tokens."""
    async with client(AppState(store)) as opened:
        yield opened


@pytest.fixture
async def guarded(store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API with tokens: `ours` opens `default`, `theirs` opens `other`."""
    state = AppState(store, tokens={"ours": "default", "theirs": "other"})
    async with client(state) as opened:
        yield opened
