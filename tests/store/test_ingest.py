"""OTLP requests become rows: every field, in the tables of the official ClickHouse exporter."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from belvedere.otlp.signal import Signal
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import InvalidData
from belvedere.store.ingest import Door, insert

START_NS = 1_790_000_000_123_456_789
TRACE_ID, SPAN_ID, PARENT_ID = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))

RESOURCE = {
    "attributes": [
        {"key": "service.name", "value": {"stringValue": "api"}},
        {"key": "host.cpus", "value": {"intValue": 8}},
    ]
}
SCOPE = {
    "name": "lib",
    "version": "1.2",
    "attributes": [{"key": "scope.key", "value": {"boolValue": True}}],
}

OFFICIAL_TRACES = {
    "Timestamp": "DateTime64(9)",
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "TraceState": "String",
    "SpanName": "LowCardinality(String)",
    "SpanKind": "LowCardinality(String)",
    "ServiceName": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": "Map(LowCardinality(String), String)",
    "Duration": "UInt64",
    "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String",
    "Events.Timestamp": "Array(DateTime64(9))",
    "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": "Array(Map(LowCardinality(String), String))",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": "Array(Map(LowCardinality(String), String))",
}
OFFICIAL_LOGS = {
    "Timestamp": "DateTime64(9)",
    "TimestampTime": "DateTime",
    "TraceId": "String",
    "SpanId": "String",
    "TraceFlags": "UInt8",
    "SeverityText": "LowCardinality(String)",
    "SeverityNumber": "UInt8",
    "ServiceName": "LowCardinality(String)",
    "Body": "String",
    "ResourceSchemaUrl": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "ScopeSchemaUrl": "LowCardinality(String)",
    "ScopeName": "String",
    "ScopeVersion": "LowCardinality(String)",
    "ScopeAttributes": "Map(LowCardinality(String), String)",
    "LogAttributes": "Map(LowCardinality(String), String)",
    "EventName": "String",
}
OFFICIAL_TRACE_ID_TS = {
    "TraceId": "String",
    "Start": "SimpleAggregateFunction(min, DateTime)",
    "End": "SimpleAggregateFunction(max, DateTime)",
}


@pytest.mark.parametrize(
    ("table", "official"),
    [
        ("otel_traces", OFFICIAL_TRACES),
        ("otel_logs", OFFICIAL_LOGS),
        ("otel_traces_trace_id_ts", OFFICIAL_TRACE_ID_TS),
    ],
)
def test_tables_begin_with_the_official_columns(
    migrated: EmbeddedClickHouse, table: str, official: Mapping[str, str]
) -> None:
    """As the exporter's published templates have them; what follows has defaults."""
    rows = migrated.query(f"DESCRIBE {table}").to_pylist()
    columns = {row["name"]: row["type"] for row in rows}
    assert list(columns.items())[: len(official)] == list(official.items())


def span(**fields: Any) -> dict[str, Any]:
    import base64

    def b64(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return {
        "traceId": b64(TRACE_ID),
        "spanId": b64(SPAN_ID),
        "name": "op",
        "startTimeUnixNano": START_NS,
        "endTimeUnixNano": START_NS + 1_500,
        **{key: b64(value) if isinstance(value, bytes) else value for key, value in fields.items()},
    }


def traces(*spans: Mapping[str, Any]) -> bytes:
    content = {
        "resourceSpans": [
            {
                "resource": RESOURCE,
                "schemaUrl": "resource-schema",
                "scopeSpans": [{"scope": SCOPE, "schemaUrl": "scope-schema", "spans": spans}],
            }
        ]
    }
    return ParseDict(content, Signal.TRACES.request_type()).SerializeToString()


def logs(*records: Mapping[str, Any]) -> bytes:
    content = {
        "resourceLogs": [
            {
                "resource": RESOURCE,
                "schemaUrl": "resource-schema",
                "scopeLogs": [{"scope": SCOPE, "schemaUrl": "scope-schema", "logRecords": records}],
            }
        ]
    }
    return ParseDict(content, Signal.LOGS.request_type()).SerializeToString()


def rows(db: EmbeddedClickHouse, signal: Signal, data: bytes) -> list[dict[str, Any]]:
    insert(db, "default", signal, data, token="t")
    table = {Signal.TRACES: "otel_traces", Signal.LOGS: "otel_logs"}[signal]
    found = db.query(f"SELECT * FROM {table} ORDER BY Timestamp").to_pylist()
    return [{key: _plain(value) for key, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    """Maps as dicts, times as ns since 1970."""
    if hasattr(value, "value"):
        return value.value
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        return dict(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def test_every_field_of_a_span(migrated: EmbeddedClickHouse) -> None:
    data = traces(
        span(
            parentSpanId=PARENT_ID,
            traceState="vendor=1",
            kind=3,
            attributes=[{"key": "k", "value": {"stringValue": "v"}}],
            droppedAttributesCount=1,
            events=[
                {
                    "timeUnixNano": START_NS + 5,
                    "name": "exception",
                    "attributes": [{"key": "e", "value": {"doubleValue": 0.5}}],
                }
            ],
            droppedEventsCount=2,
            links=[
                {
                    "traceId": "AAECAwQFBgcICQoLDA0ODw==",
                    "spanId": "AAECAwQFBgc=",
                    "traceState": "x=y",
                    "attributes": [{"key": "l", "value": {"stringValue": "w"}}],
                }
            ],
            droppedLinksCount=3,
            status={"code": 2, "message": "boom"},
            flags=257,
        )
    )
    (row,) = rows(migrated, Signal.TRACES, data)
    assert row == {
        "Timestamp": START_NS,
        "TraceId": TRACE_ID.hex(),
        "SpanId": SPAN_ID.hex(),
        "ParentSpanId": PARENT_ID.hex(),
        "TraceState": "vendor=1",
        "SpanName": "op",
        "SpanKind": "Client",
        "ServiceName": "api",
        "ResourceAttributes": {"service.name": "api", "host.cpus": "8"},
        "ScopeName": "lib",
        "ScopeVersion": "1.2",
        "SpanAttributes": {"k": "v"},
        "Duration": 1_500,
        "StatusCode": "Error",
        "StatusMessage": "boom",
        "Events.Timestamp": [START_NS + 5],
        "Events.Name": ["exception"],
        "Events.Attributes": [{"e": "0.5"}],
        "Links.TraceId": [TRACE_ID.hex()],
        "Links.SpanId": [SPAN_ID.hex()],
        "Links.TraceState": ["x=y"],
        "Links.Attributes": [{"l": "w"}],
        "SpanFlags": 257,
        "ScopeAttributes": {"scope.key": "true"},
        "ResourceSchemaUrl": "resource-schema",
        "ScopeSchemaUrl": "scope-schema",
        "DroppedAttributesCount": 1,
        "DroppedEventsCount": 2,
        "DroppedLinksCount": 3,
    }


def test_every_field_of_a_log_record(migrated: EmbeddedClickHouse) -> None:
    record = {
        "timeUnixNano": START_NS,
        "observedTimeUnixNano": START_NS + 7,
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "it broke"},
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
        "droppedAttributesCount": 4,
        "flags": 1,
        "traceId": "AAECAwQFBgcICQoLDA0ODw==",
        "spanId": "AAECAwQFBgc=",
        "eventName": "order.failed",
    }
    (row,) = rows(migrated, Signal.LOGS, logs(record))
    assert row == {
        "Timestamp": START_NS,
        "TimestampTime": START_NS // 10**9,
        "TraceId": TRACE_ID.hex(),
        "SpanId": SPAN_ID.hex(),
        "TraceFlags": 1,
        "SeverityText": "ERROR",
        "SeverityNumber": 17,
        "ServiceName": "api",
        "Body": "it broke",
        "ResourceSchemaUrl": "resource-schema",
        "ResourceAttributes": {"service.name": "api", "host.cpus": "8"},
        "ScopeSchemaUrl": "scope-schema",
        "ScopeName": "lib",
        "ScopeVersion": "1.2",
        "ScopeAttributes": {"scope.key": "true"},
        "LogAttributes": {"k": "v"},
        "EventName": "order.failed",
        "ObservedTimestamp": START_NS + 7,
        "DroppedAttributesCount": 4,
    }


def test_a_record_without_a_time_has_the_time_it_was_observed(migrated: EmbeddedClickHouse) -> None:
    (row,) = rows(migrated, Signal.LOGS, logs({"observedTimeUnixNano": START_NS}))
    assert (row["Timestamp"], row["Body"], row["TraceId"]) == (START_NS, "", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"stringValue": ""}, ""),
        ({"stringValue": "é\x00\n'"}, "é\x00\n'"),
        ({"boolValue": False}, "false"),
        ({"boolValue": True}, "true"),
        ({"intValue": 0}, "0"),
        ({"intValue": -(2**63)}, str(-(2**63))),
        ({"doubleValue": 0.0}, "0"),
        ({"doubleValue": 1.5}, "1.5"),
        ({"doubleValue": "Infinity"}, "inf"),
        ({"bytesValue": "AAH/"}, "AAH/"),
        ({}, ""),
    ],
    ids=repr,
)
def test_attribute_values_as_text(
    migrated: EmbeddedClickHouse, value: Mapping[str, Any], text: str
) -> None:
    (row,) = rows(
        migrated, Signal.TRACES, traces(span(attributes=[{"key": "k", "value": dict(value)}]))
    )
    assert row["SpanAttributes"] == {"k": text}


@pytest.mark.parametrize(
    ("kind", "name"),
    list(enumerate(["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"])),
)
def test_span_kinds(migrated: EmbeddedClickHouse, kind: int, name: str) -> None:
    (row,) = rows(migrated, Signal.TRACES, traces(span(kind=kind)))
    assert row["SpanKind"] == name


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "timestamp_ns", "duration_ns"),
    [
        (0, 0, 0, 0),
        (START_NS, START_NS - 1, START_NS, 0),
        (2**64 - 1, 2**64 - 1, 2**63 - 1, 0),
        (0, 2**64 - 1, 0, 2**64 - 1),
    ],
    ids=["no times", "ends before it starts", "after the year 2262", "lasts for ages"],
)
def test_absurd_times_are_kept_within_what_columns_can_hold(
    migrated: EmbeddedClickHouse,
    start_ns: int,
    end_ns: int,
    timestamp_ns: int,
    duration_ns: int,
) -> None:
    data = traces(span(startTimeUnixNano=start_ns, endTimeUnixNano=end_ns))
    (row,) = rows(migrated, Signal.TRACES, data)
    assert (row["Timestamp"], row["Duration"]) == (timestamp_ns, duration_ns)


def test_the_same_key_twice_does_not_harm(migrated: EmbeddedClickHouse) -> None:
    twice = [{"key": "k", "value": {"stringValue": value}} for value in ("a", "b")]
    (row,) = rows(migrated, Signal.TRACES, traces(span(attributes=twice)))
    assert row["SpanAttributes"]["k"] in ("a", "b")


def test_requests_one_after_another_are_one_insert(migrated: EmbeddedClickHouse) -> None:
    data = traces(span()) + traces(span(startTimeUnixNano=START_NS + 1))
    assert len(rows(migrated, Signal.TRACES, data)) == 2


def test_a_token_again_adds_nothing_twice_in_any_table_across_days_and_restarts(
    migrated: EmbeddedClickHouse,
) -> None:
    day_ns = 86_400 * 10**9
    data = traces(*(span(startTimeUnixNano=START_NS + day * day_ns) for day in range(5)))
    insert(migrated, "default", Door.TRACES, data, token="a")
    insert(migrated, "default", Door.TRACES, data, token="a")
    migrated.close()
    again = EmbeddedClickHouse(migrated.directory)
    insert(again, "default", Door.TRACES, data, token="a")
    counts = again.query(
        "SELECT (SELECT count() FROM otel_traces) AS spans,"
        " (SELECT count() FROM otel_traces_trace_id_ts FINAL) AS traces"
    )
    assert counts.to_pylist() == [{"spans": 5, "traces": 1}]
    again.close()


def test_a_replay_completes_what_a_crash_left_half_done(migrated: EmbeddedClickHouse) -> None:
    """The first table got the segment, the one behind it did not."""
    data = traces(span())
    migrated.execute("DETACH TABLE otel_traces_trace_id_ts_mv")
    insert(migrated, "default", Door.TRACES, data, token="a")
    migrated.execute("ATTACH TABLE otel_traces_trace_id_ts_mv")
    insert(migrated, "default", Door.TRACES, data, token="a")
    counts = migrated.query(
        "SELECT (SELECT count() FROM otel_traces) AS spans,"
        " (SELECT count() FROM otel_traces_trace_id_ts) AS traces"
    )
    assert counts.to_pylist() == [{"spans": 1, "traces": 1}]


@pytest.mark.parametrize("signal", list(Signal))
def test_bytes_that_are_no_request_add_nothing(
    migrated: EmbeddedClickHouse, signal: Signal
) -> None:
    with pytest.raises(InvalidData):
        insert(migrated, "default", signal, b"\x0a\x05\x0a\xff\xff\xff\xff", token="t")


def test_the_official_exporter_can_write_here(migrated: EmbeddedClickHouse) -> None:
    """Its INSERT names the official columns and no others."""
    columns = ", ".join(f"`{name}`" for name in OFFICIAL_LOGS if name != "TimestampTime")
    migrated.execute(
        f"INSERT INTO otel_logs ({columns}) VALUES ('2026-01-01 00:00:00.5', '', '', 0, 'INFO', 9,"
        " 'api', 'hello', '', map('service.name', 'api'), '', '', '', map(), map(), '')"
    )
    found = migrated.query("SELECT Body, DroppedAttributesCount AS dropped FROM otel_logs")
    assert found.to_pylist() == [{"Body": "hello", "dropped": 0}]
