"""The SDK's encoders say what the stock exporter's say."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as stock_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from belvedere.sdk.export.log_records import encode_log_records
from belvedere.sdk.export.spans import encode_spans

TEXT = st.text(max_size=20)
KEYS = st.text(min_size=1, max_size=8) | st.sampled_from(["a", "b", "http.route"])
SCALARS = st.one_of(
    TEXT,
    st.booleans(),
    st.sampled_from([0, 1, -1, 1.0, True, False, "", "1"]),  # equal, and not the same
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
)
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)
NS = st.integers(0, 2**63 - 1)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    trace_state=st.sampled_from(
        [TraceState(), TraceState([("a", "1")]), TraceState([("a", "1"), ("b", "2")])]
    ),
)
RESOURCES = [
    Resource({"service.name": "a", "n": 1, "list": ["x", "y"]}, "https://schema/1"),
    Resource({}),
]
SCOPES = [
    InstrumentationScope("x", "1", "https://schema/2", {"k": True}),
    InstrumentationScope("y"),
    None,
]
STATUSES = [
    Status(StatusCode.UNSET),
    Status(StatusCode.OK),
    Status(StatusCode.ERROR, "it broke"),
    Status(StatusCode.ERROR),
]
SPANS = st.builds(
    ReadableSpan,
    name=TEXT,
    context=CONTEXTS,
    parent=st.none() | CONTEXTS,
    resource=st.sampled_from(RESOURCES),
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(Event, TEXT, ATTRIBUTES, NS), max_size=2),
    links=st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=2),
    kind=st.sampled_from(SpanKind),
    status=st.sampled_from(STATUSES),
    start_time=NS,
    end_time=NS,
    instrumentation_scope=st.sampled_from(SCOPES),
)


@st.composite
def log_records(draw: Any) -> ReadableLogRecord:
    record = LogRecord(
        timestamp=draw(st.none() | NS),
        observed_timestamp=draw(NS),
        severity_text=draw(st.none() | TEXT),
        severity_number=draw(st.none() | st.sampled_from(SeverityNumber)),
        body=draw(VALUES),
        attributes=draw(ATTRIBUTES),
        event_name=draw(st.none() | TEXT),
    )
    record.trace_id = draw(st.integers(0, 2**128 - 1))
    record.span_id = draw(st.integers(0, 2**64 - 1))
    record.trace_flags = TraceFlags(draw(st.integers(0, 1)))
    return ReadableLogRecord(
        record, draw(st.sampled_from(RESOURCES)), draw(st.sampled_from(SCOPES))
    )


@given(st.lists(SPANS, max_size=6))
@settings(max_examples=150, deadline=None)
def test_spans_are_the_stock_exporters(spans: list[ReadableSpan]) -> None:
    assert ExportTraceServiceRequest.FromString(encode_spans(spans)) == stock_spans(spans)


@given(st.lists(log_records(), max_size=6))
@settings(max_examples=150, deadline=None)
def test_log_records_are_the_stock_exporters(records: list[ReadableLogRecord]) -> None:
    assert ExportLogsServiceRequest.FromString(encode_log_records(records)) == encode_logs(records)


def test_recorded_spans_with_limits_and_errors_are_the_stock_exporters() -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope", "1.2", "https://schema", {"s": 1})
    with tracer.start_as_current_span("outer", attributes={"a": (1, 2), "b": "x" * 500}) as outer:
        with tracer.start_as_current_span("inner", kind=SpanKind.CLIENT) as span:
            for number in range(200):  # beyond the limits of attributes and events
                span.set_attribute(f"key.{number}", number)
                span.add_event("event", {"n": number})
        outer.record_exception(ValueError("no"))
        outer.set_status(Status(StatusCode.ERROR, "no"))
    spans = memory.get_finished_spans()
    assert [span.dropped_events for span in spans] == [72, 0]
    assert ExportTraceServiceRequest.FromString(encode_spans(spans)) == stock_spans(spans)


def test_what_otlp_cannot_hold_is_left_out_and_the_rest_stays() -> None:
    span = ReadableSpan(
        "name \ud800",
        SpanContext(1, 2, is_remote=False),
        attributes={"huge": 2**64, "broken": "\ud800", "object": object(), "kept": "yes"},
        start_time=1,
        end_time=2,
    )
    [resource] = ExportTraceServiceRequest.FromString(encode_spans([span])).resource_spans
    [sent] = resource.scope_spans[0].spans
    assert [item.key for item in sent.attributes] == ["kept"]
    assert sent.name == "name ?"


def test_many_different_values_do_not_grow_memory() -> None:
    from belvedere.sdk.export import attributes

    encoder = attributes.AttributeEncoder(b"\x4a")
    for number in range(3 * attributes._CACHED_ITEMS):
        encoder.encode({"id": f"user-{number}", "n": number, "text": "x" * 1000}, [])
    assert all(len(table) <= attributes._CACHED_ITEMS for table in encoder._remembered.values())
