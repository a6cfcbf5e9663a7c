"""Remote write: which message a body is, and what an answer says was written."""

import httpx
import pytest
from api_samples import client

from belvedere.api.state import AppState
from belvedere.collector.errors import Retryable
from belvedere.otlp.batch import Batch
from belvedere.prometheus.model import Series, labels_of
from belvedere.prometheus.remote_write import v1, v2
from belvedere.prometheus.remote_write.snappy import compress
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.rejected import Rejected

WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
KINDS = ("Samples", "Histograms", "Exemplars")
SERIES = Series(labels_of({"__name__": "up"}), samples=[(1_795_000_000_000, 1.0)])
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


class Store:
    """Stands for the exporter `belvedere`."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.items: list[int] = []
        self._problem = problem

    async def append_points(self, _project: str, _points: bytes, items: int) -> None:
        if self._problem:
            raise self._problem
        self.items.append(items)

    async def consume(self, _batch: Batch) -> None:
        raise AssertionError

    def problem(self) -> str:
        return ""

    async def rejected(self, project: str | None = None) -> list[Rejected]:
        raise AssertionError(project)

    async def replay(self, entry: Rejected) -> None:
        raise AssertionError(entry)


async def write(
    db: EmbeddedClickHouse, store: Store, body: bytes, content_type: str | None
) -> httpx.Response:
    async with client(AppState(db, store_writer=lambda: store)) as api:
        headers = {} if content_type is None else {"Content-Type": content_type}
        return await api.post("/prometheus/api/v1/write", content=body, headers=headers)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 204),
        ("", 204),
        ("application/x-protobuf", 204),
        ("application/json", 415),
        ("application/x-protobuf;proto=other", 415),
    ],
)
async def test_what_names_no_message_is_1_0(
    metric_store: EmbeddedClickHouse, content_type: str | None, status: int
) -> None:
    store = Store()
    answer = await write(metric_store, store, compress(v1.encode([SERIES])), content_type)
    assert answer.status_code == status
    assert store.items == ([1] if status == 204 else [])


@pytest.mark.parametrize(
    ("body", "problem", "status"),
    [
        (compress(v2.encode([SERIES])), None, 204),
        (b"not snappy", None, 400),
        (compress(b"\xff\xff"), None, 400),
        (compress(v2.encode([SERIES])), Retryable("the disk is full"), 503),
        (compress(v2.encode([SERIES])), RuntimeError("a defect"), 500),
    ],
    ids=["written", "not compressed", "not a message", "unavailable", "internal"],
)
async def test_each_answer_of_2_0_says_what_was_written(
    metric_store: EmbeddedClickHouse, body: bytes, problem: Exception | None, status: int
) -> None:
    answer = await write(metric_store, Store(problem), body, V2)
    assert answer.status_code == status
    found = [answer.headers.get(WRITTEN.format(kind)) for kind in KINDS]
    assert found == ["1" if status == 204 else "0", "0", "0"]
