"""A trace read back as OTLP: what went in comes out, in its resources and scopes."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import (
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
    TracesData,
)

from belvedere.query.traces import normalized_trace_id, trace_by_id
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import QueryError
from belvedere.store.ingest import Door, insert
from belvedere.store.migrate import migrate

T0_NS = 1_700_000_000_123_456_789
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(number: int, **fields: object) -> Span:
    made = Span(
        trace_id=TRACE,
        span_id=number.to_bytes(8, "big"),
        name=f"span {number}",
        start_time_unix_nano=T0_NS + number,
        end_time_unix_nano=T0_NS + 1_000,
    )
    made.MergeFrom(Span(**fields))  # type: ignore[arg-type]  # fields by name
    return made


def resource_spans(service: str, *scopes: ScopeSpans, schema_url: str = "") -> ResourceSpans:
    return ResourceSpans(
        resource=Resource(attributes=[text("service.name", service)]),
        scope_spans=scopes,
        schema_url=schema_url,
    )


def scope_spans(name: str, *spans: Span, schema_url: str = "") -> ScopeSpans:
    made = ScopeSpans(spans=spans, schema_url=schema_url)
    made.scope.name = name
    return made


def store(db: EmbeddedClickHouse, *resources: ResourceSpans, token: str = "t") -> None:  # noqa: S107 - names the insert
    data = ExportTraceServiceRequest(resource_spans=resources).SerializeToString()
    insert(db, "default", Door.TRACES, data, token=token)


def read(
    db: EmbeddedClickHouse, start_s: int | None = None, end_s: int | None = None
) -> TracesData | None:
    return trace_by_id(db, TRACE.hex(), start_s=start_s, end_s=end_s)


def test_every_field_comes_back(migrated: EmbeddedClickHouse) -> None:
    full = span(
        1,
        parent_span_id=b"\7" * 8,
        trace_state="a=b",
        flags=0x301,
        kind=Span.SPAN_KIND_CONSUMER,
        attributes=[text("a", "1"), text("empty", "")],
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        events=[Span.Event(time_unix_nano=T0_NS + 5, name="e", attributes=[text("b", "2")])],
        links=[
            Span.Link(
                trace_id=b"\1" * 16,
                span_id=b"\2" * 8,
                trace_state="c=d",
                attributes=[text("l", "3")],
            )
        ],
        status=Status(code=Status.STATUS_CODE_ERROR, message="no"),
    )
    scope = scope_spans("lib", full, schema_url="https://scope")
    scope.scope.version = "1.2"
    scope.scope.attributes.append(text("s", "4"))
    sent = resource_spans("svc", scope, schema_url="https://resource")
    store(migrated, sent)
    assert read(migrated) == TracesData(resource_spans=[sent])


def test_spans_come_by_resource_and_scope_in_order(migrated: EmbeddedClickHouse) -> None:
    store(migrated, resource_spans("b", scope_spans("x", span(4), span(2))), token="1")
    store(
        migrated,
        resource_spans("a", scope_spans("x", span(1)), scope_spans("y", span(3))),
        token="2",
    )
    store(migrated, resource_spans("b", scope_spans("x", span(5))), token="3")
    found = read(migrated)
    assert found is not None
    assert [
        (r.resource.attributes[0].value.string_value, s.scope.name, [p.name for p in s.spans])
        for r in found.resource_spans
        for s in r.scope_spans
    ] == [
        ("a", "x", ["span 1"]),
        ("a", "y", ["span 3"]),
        ("b", "x", ["span 2", "span 4", "span 5"]),
    ]  # fmt: skip


def test_values_come_back_as_text(migrated: EmbeddedClickHouse) -> None:
    attributes = [
        KeyValue(key="i", value=AnyValue(int_value=-5)),
        KeyValue(key="b", value=AnyValue(bool_value=True)),
        KeyValue(key="d", value=AnyValue(double_value=0.5)),
    ]
    store(migrated, resource_spans("svc", scope_spans("", span(1, attributes=attributes))))
    found = read(migrated)
    assert found is not None
    values = found.resource_spans[0].scope_spans[0].spans[0].attributes
    assert {v.key: v.value.string_value for v in values} == {"i": "-5", "b": "true", "d": "0.5"}


def test_an_unknown_trace_is_none(migrated: EmbeddedClickHouse) -> None:
    assert read(migrated) is None


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        ({}, ["early", "late"]),
        ({"start_s": 1_700_000_001}, ["late"]),
        ({"end_s": 1_700_000_001}, ["early"]),
        ({"start_s": 1_800_000_000}, None),
        ({"end_s": 1_600_000_000}, None),
    ],
    ids=str,
)
def test_bounds_narrow_the_search(
    migrated: EmbeddedClickHouse, bounds: dict[str, int], names: list[str] | None
) -> None:
    late_ns = T0_NS + 10 * 10**9
    early = span(1, name="early")
    late = span(2, name="late", start_time_unix_nano=late_ns, end_time_unix_nano=late_ns)
    early.name, late.name = "early", "late"
    store(migrated, resource_spans("svc", scope_spans("", early, late)))
    found = read(migrated, **bounds)
    assert names == (found and [s.name for s in found.resource_spans[0].scope_spans[0].spans])


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "kept"),
    [
        (0, 0, (0, 0)),
        (2**63 - 1, 2**63, (2**63 - 1, 2**63)),
        (2**64 - 1, 2**64 - 1, (2**63 - 1, 2**63 - 1)),
        (0, 2**64 - 1, (0, 2**64 - 1)),
        (5_000_000_000 * 10**9, 5_000_000_001 * 10**9, None),
    ],
)
def test_absurd_times(
    migrated: EmbeddedClickHouse, start_ns: int, end_ns: int, kept: tuple[int, int] | None
) -> None:
    """What DateTime64(9) cannot hold is bounded, and found all the same."""
    odd = span(1)
    odd.start_time_unix_nano, odd.end_time_unix_nano = start_ns, end_ns
    store(migrated, resource_spans("svc", scope_spans("", odd)))
    found = read(migrated)
    assert found is not None
    back = found.resource_spans[0].scope_spans[0].spans[0]
    assert (back.start_time_unix_nano, back.end_time_unix_nano) == (kept or (start_ns, end_ns))


def test_a_table_of_the_official_exporter_does(database: EmbeddedClickHouse) -> None:
    """Columns that only our table has are missing there."""
    migrate(database)
    store(database, resource_spans("svc", scope_spans("lib", span(1))))
    for column in ("SpanFlags", "ScopeAttributes", "ResourceSchemaUrl", "ScopeSchemaUrl"):
        database.execute(f"ALTER TABLE otel_traces DROP COLUMN {column}")
    for dropped in ("Attributes", "Events", "Links"):
        database.execute(f"ALTER TABLE otel_traces DROP COLUMN Dropped{dropped}Count")
    assert read(database) == TracesData(
        resource_spans=[resource_spans("svc", scope_spans("lib", span(1)))]
    )


def test_a_project_without_tables(database: EmbeddedClickHouse) -> None:
    with pytest.raises(QueryError):
        trace_by_id(database, TRACE.hex(), project="nobody")


@pytest.mark.parametrize(
    ("text_", "trace_id"),
    [
        ("1", "0" * 31 + "1"),
        ("0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319c"),
        (" ff ", "0" * 30 + "ff"),
    ],
)
def test_trace_ids_are_padded(text_: str, trace_id: str) -> None:
    assert normalized_trace_id(text_) == trace_id


@pytest.mark.parametrize("text_", ["", "xyz", "0" * 33, "12-34", "\u0661"])
def test_what_is_no_trace_id(text_: str) -> None:
    with pytest.raises(ValueError, match="is no trace id: it takes 1 to 32 hexadecimal digits"):
        normalized_trace_id(text_)
