"""Prometheus's API over a real store with a few series in it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from api_samples import client

from belvedere.api.state import AppState
from belvedere.prometheus.model import Exemplar, Metadata, MetricType, Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
T0_S = 1_795_000_000
"""Time of the first sample; there is one every 15 s, 20 of them, with values 0, 1, 2, …"""


def _series(name: str, type_: MetricType, **labels: str) -> Series:
    return Series(
        labels_of({"__name__": name, **labels}),
        Metadata(name, type_, f"What {name} says."),
        samples=[((T0_S + 15 * at) * 1000, float(at)) for at in range(20)],
    )


@pytest.fixture(scope="module")
def metric_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """Project `default` with five series; project `other` with one."""
    traced = _series("latency_seconds_bucket", MetricType.HISTOGRAM, le="0.5")
    labels = labels_of({"trace_id": TRACE_ID, "span_id": "0102030405060708", "user": "u1"})
    traced.exemplars.append(Exemplar(labels, 0.25, (T0_S + 30) * 1000))
    db = EmbeddedClickHouse(tmp_path_factory.mktemp("metrics"))
    contents = {
        "default": [
            _series("requests_total", MetricType.COUNTER, pod="a", code="200"),
            _series("requests_total", MetricType.COUNTER, pod="b", code="500"),
            traced,
            _series("up", MetricType.GAUGE, pod="a"),
            _series("dotted", MetricType.GAUGE, **{"service.name": "gateway"}),
        ],
        "other": [_series("secret", MetricType.GAUGE)],
    }
    for project, several in contents.items():
        migrate(db, project)
        insert(db, project, Door.POINTS, encode_points(several), token=project)
    yield db
    db.close()


@pytest.fixture
async def prometheus(metric_store: EmbeddedClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose base is `/prometheus`."""
    async with client(AppState(metric_store)) as opened:
        opened.base_url = opened.base_url.join("/prometheus/")
        yield opened
