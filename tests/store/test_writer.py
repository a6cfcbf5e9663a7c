"""A segment with something unreadable in it: the neighbours are stored, the rest is kept aside."""

import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere import internal_telemetry as telemetry
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import StoreUnavailable
from belvedere.store.ingest import Door
from belvedere.store.projects import Projects
from belvedere.store.rejected import RejectedFolder
from belvedere.store.writer import SegmentWriter

UNREADABLE = b"\x0a\x06\x12\xff\xff\xff\xff\x0f"
"""A whole top-level field that holds no ResourceSpans. The doors do not let it in; a torn page
of the disk could."""


def request(name: str) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    scope.spans.add(
        trace_id=b"t" * 16, span_id=b"s" * 8, name=name, start_time_unix_nano=time.time_ns()
    )
    return message.SerializeToString()


@pytest.fixture
def writer(database: EmbeddedClickHouse, tmp_path: Path) -> SegmentWriter:
    return SegmentWriter(database, Projects(database), RejectedFolder(tmp_path / "rejected"))


def names(db: EmbeddedClickHouse) -> list[str]:
    rows = db.query("SELECT SpanName FROM otel_traces ORDER BY SpanName")
    return rows.column("SpanName").to_pylist()


@pytest.mark.parametrize("position", range(6))
def test_neighbours_of_unreadable_data_are_stored_once(
    writer: SegmentWriter, database: EmbeddedClickHouse, tmp_path: Path, position: int
) -> None:
    good = [request(name) for name in "abcde"]
    segment = b"".join([*good[:position], UNREADABLE, *good[position:]])
    before = _dropped()
    for _ in range(2):  # and again, as after a crash
        writer.write("default", Door.TRACES, "segment-1", segment)
    assert names(database) == list("abcde")
    kept = [path.read_bytes() for path in (tmp_path / "rejected").rglob("*.otlp")]
    assert kept == [UNREADABLE]
    assert _dropped() - before == 2


def test_a_store_that_is_away_leaves_the_segment_to_the_caller(
    writer: SegmentWriter, database: EmbeddedClickHouse, tmp_path: Path
) -> None:
    database.close()
    with pytest.raises(StoreUnavailable):
        writer.write("default", Door.TRACES, "segment-1", request("a"))
    assert not (tmp_path / "rejected").exists()


def test_a_project_is_made_when_its_first_segment_comes(
    writer: SegmentWriter, database: EmbeddedClickHouse
) -> None:
    writer.write("team-a", Door.TRACES, "segment-1", request("a"))
    rows = database.query("SELECT SpanName FROM otel_traces", database="team-a")
    assert rows.column("SpanName").to_pylist() == ["a"]


def _dropped() -> float:
    return telemetry.STORE_DROPPED["traces"].labels("default", "unreadable")._value.get()
