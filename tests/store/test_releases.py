"""Data directories of earlier releases open, take new data, and keep the old.

A new migration needs an archive: run `tests/store/releases/generate.py` (it says how).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from metric_requests import CUMULATIVE, attributes, request, series, store
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from release_archive import ARCHIVES, build, version

from belvedere.otlp.signal import Signal
from belvedere.prometheus.model import Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.store.database import Database
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrations
from belvedere.store.projects import Projects

T_MS = 1_795_000_000_123
LATER_MS = T_MS + 60_000
LATER_NS = LATER_MS * 1_000_000
FOREVER = dict.fromkeys(Signal, 0)
"""The archives have fixed times."""

RESOURCE = attributes(service__name="shop", service__instance__id="i-1", host__name="h")
SCOPE = {"name": "lib", "version": "1.2"}
ATTRIBUTES = attributes(http__route="/old", retries=2)
TARGET = 'instance="i-1",job="shop"'
LIB = 'otel_scope_name="lib",otel_scope_version="1.2"'

OLD_SPAN = ("GET /old", "shop", {"http.route": "/old", "retries": "2"}, ["e"], "Error")
OLD_LOG = ("an old record", "shop", {"http.route": "/old", "retries": "2"})
ORDERS = f'orders_total{{http_route="/old",{TARGET},{LIB},retries="2"}}'
TARGET_INFO = f'target_info{{host_name="h",{TARGET}}}'
OLD_SERIES = {
    ORDERS: [(T_MS, 7.0)],
    f'wait_seconds_bucket{{{TARGET},le="+Inf",{LIB}}}': [(T_MS, 3.0)],
    f'wait_seconds_bucket{{{TARGET},le="0.5",{LIB}}}': [(T_MS, 1.0)],
    f"wait_seconds_count{{{TARGET},{LIB}}}": [(T_MS, 3.0)],
    f"wait_seconds_sum{{{TARGET},{LIB}}}": [(T_MS, 1.5)],
}
NEW_POINTS = Series(labels_of({"__name__": "scraped", "job": "shop"}), samples=[(LATER_MS, 4.0)])


@pytest.fixture(params=ARCHIVES, ids=lambda archive: archive.stem)
def archive(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def upgraded(archive: Path, tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    """The data directory of the release, opened and migrated by today's code."""
    build(archive, tmp_path / "store")
    db = EmbeddedClickHouse(tmp_path / "store")
    Projects(db, retention_days=FOREVER).ensure("default")
    yield db
    db.close()


def write(db: Database) -> None:
    """One span, log record, metric and Prometheus series, by the ways that data comes in."""
    span = {
        "name": "GET /new",
        "startTimeUnixNano": LATER_NS,
        "endTimeUnixNano": LATER_NS + 1,
        "attributes": ATTRIBUTES,
    }
    record = {"timeUnixNano": LATER_NS, "body": {"stringValue": "new"}, "attributes": ATTRIBUTES}
    resource = {"attributes": RESOURCE}
    traces = ParseDict(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]},
        ExportTraceServiceRequest(),
    )
    logs = ParseDict(
        {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]},
        ExportLogsServiceRequest(),
    )
    point = {"timeUnixNano": LATER_NS, "asInt": "9", "attributes": ATTRIBUTES}
    orders = {
        "name": "orders",
        "unit": "1",
        "sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": [point]},
    }
    insert(db, "default", Door.TRACES, traces.SerializeToString(), token="t")
    insert(db, "default", Door.LOGS, logs.SerializeToString(), token="l")
    insert(db, "default", Door.POINTS, encode_points([NEW_POINTS]), token="p")
    store(db, request(orders, resource=RESOURCE, scope=SCOPE))


def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    return [
        tuple(dict(v) if k.endswith("Attributes") else v for k, v in row.items())
        for row in db.query(sql).to_pylist()
    ]


def spans(db: Database) -> list[tuple[Any, ...]]:
    return rows(
        db,
        "SELECT SpanName, ServiceName, SpanAttributes, `Events.Name`, StatusCode FROM otel_traces"
        " ORDER BY Timestamp",
    )


def logs(db: Database) -> list[tuple[Any, ...]]:
    return rows(db, "SELECT Body, ServiceName, LogAttributes FROM otel_logs ORDER BY Timestamp")


def schema(db: Database, project: str) -> dict[str, str]:
    """The tables and views, without what changes speed and size only: order keys and codecs.

    ClickHouse adds parentheses where a function in a view was read from the disk.
    """
    found = db.query(
        "SELECT name, if(engine LIKE '%MergeTree', concat(columns, settings), text) AS text FROM ("
        " SELECT name, engine, translate(replaceAll(create_table_query, {prefix:String}, ''),"
        " '()', '  ') AS text, extract(text, ' SETTINGS .*') AS settings"
        " FROM system.tables WHERE database = {project:String}) AS tables"
        " JOIN (SELECT table, toString(groupArray((name, type, default_kind))) AS columns"
        " FROM system.columns WHERE database = {project:String} GROUP BY table) AS columns"
        " ON tables.name = columns.table",
        {"project": project, "prefix": f"{project}."},
    )
    return {row["name"]: row["text"].replace(" ", "") for row in found.to_pylist()}


def test_the_data_directory_of_a_release_opens_takes_new_data_and_keeps_the_old(
    archive: Path, upgraded: EmbeddedClickHouse
) -> None:
    write(upgraded)
    attributes_ = {"http.route": "/old", "retries": "2"}
    assert spans(upgraded) == [OLD_SPAN, ("GET /new", "shop", attributes_, [], "Unset")]
    assert logs(upgraded) == [OLD_LOG, ("new", "shop", attributes_)]
    old = OLD_SERIES if version(archive) >= 3 else {ORDERS: []}
    found = series(upgraded)
    info = found.pop(TARGET_INFO)
    assert info[-1] == (LATER_MS, 1.0)
    assert found == {
        **old,
        ORDERS: [*old[ORDERS], (LATER_MS, 9.0)],
        'scraped{job="shop"}': [(LATER_MS, 4.0)],
    }
    Projects(upgraded, retention_days=FOREVER).ensure("fresh")
    assert schema(upgraded, "default") == schema(upgraded, "fresh")


def test_every_released_schema_has_an_archive() -> None:
    newest = migrations()[-1].version
    missing = set(range(2, newest + 1)) - {version(each) for each in ARCHIVES}
    assert not missing, f"run tests/store/releases/generate.py: no archive of schema {missing}"
