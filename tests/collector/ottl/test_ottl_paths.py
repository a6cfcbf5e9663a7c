"""Every path of every context: read, set, refused."""

from typing import Any

import pytest
from ottl_records import log_record, metric_record, run, span_record, value_of

from belvedere.collector.ottl import (
    Context,
    EvaluationError,
    OttlError,
    Record,
    condition,
    context_of,
    statement,
)
from belvedere.collector.ottl.fields import FIELDS
from belvedere.collector.ottl.record import CONTEXTS
from belvedere.collector.ottl.values import Identifier, Time
from belvedere.otlp.batch import CLIENT_ADDRESS
from belvedere.otlp.signal import Signal

TRACE_ID, SPAN_ID = bytes(range(16)), bytes(range(8))

SPAN_PATHS = [
    ("resource.attributes", {"service.name": "shop"}, '{"a": 1}', {"a": 1}),
    ('resource.attributes["service.name"]', "shop", "1.5", 1.5),
    ("resource.dropped_attributes_count", 0, "2", 2),
    ("resource.schema_url", "r-url", '"x"', "x"),
    ("instrumentation_scope.name", "lib", '"x"', "x"),
    ("scope.name", "lib", '"x"', "x"),
    ("scope.version", "1.2", '"x"', "x"),
    ("scope.schema_url", "s-url", '"x"', "x"),
    ("scope.attributes", {}, '{"a": [1]}', {"a": [1]}),
    ("scope.dropped_attributes_count", 0, "2", 2),
    ("cache", {}, '{"a": 1}', {"a": 1}),
    ('cache["x"]["y"]', None, "true", True),
    ("attributes", None, '{"a": nil, "b": 0x01}', {"a": None, "b": b"\x01"}),
    ('attributes["text"]', "value", "7", 7),
    ('attributes["int"]', 5, '"x"', "x"),
    ('attributes["double"]', 1.5, "[1, [2]]", [1, [2]]),
    ('attributes["bool"]', True, '{"a": {}}', {"a": {}}),
    ('attributes["bytes"]', b"\x01\xff", "false", False),
    ('attributes["missing"]', None, "0x0a", b"\x0a"),
    ('attributes["list"][0]', "a", "1", 1),
    ('attributes["list"][2]["k"]', "v", "1", 1),
    ('attributes["map"]["inner"]["deep"]', "down", "1", 1),
    ('attributes["map"]["new"]["newer"]', None, "1", 1),
    ('attributes["new"][1]', None, "1", 1),
    ('attributes[Concat(["te", "xt"], "")]', "value", "1", 1),
    ('attributes["list"][attributes["int"] - 5]', "a", "1", 1),
    ("trace_id", TRACE_ID, "TraceID(0x000102030405060708090a0b0c0d0e0f)", TRACE_ID),
    ("trace_id.string", TRACE_ID.hex(), '"ff02030405060708090a0b0c0d0e0f10"', None),
    ("span_id", SPAN_ID, 'SpanID("0102030405060708")', bytes(range(1, 9))),
    ("span_id.string", SPAN_ID.hex(), '"0102030405060708"', "0102030405060708"),
    ("parent_span_id", bytes(8), "SpanID(0x0102030405060708)", bytes(range(1, 9))),
    ("parent_span_id.string", "0" * 16, '"0102030405060708"', "0102030405060708"),
    ("trace_state", "a=1,b=2", '"c=3"', "c=3"),
    ('trace_state["b"]', "2", '"9"', "9"),
    ('trace_state["absent"]', "", '"9"', "9"),
    ("status.code", 2, "STATUS_CODE_OK", 1),
    ("status.message", "broken", '"x"', "x"),
    ("name", "GET /", '"x"', "x"),
    ("kind", 2, "SPAN_KIND_CLIENT", 3),
    ("kind.string", "Server", '"Client"', "Client"),
    ("kind.deprecated_string", "SPAN_KIND_SERVER", '"SPAN_KIND_CLIENT"', "SPAN_KIND_CLIENT"),
    ("start_time_unix_nano", 1_000_000_000, "5", 5),
    ("end_time_unix_nano", 3_500_000_000, "5", 5),
    ("start_time", Time(1_000_000_000), "Unix(5)", Time(5_000_000_000)),
    ("end_time", Time(3_500_000_000), "Unix(5)", Time(5_000_000_000)),
    ("dropped_attributes_count", 0, "2", 2),
    ("dropped_events_count", 0, "2", 2),
    ("dropped_links_count", 0, "2", 2),
    ("flags", 0, "1", 1),
]


def set_and_read(path: str, value: str, record: Record, context: Context) -> Any:
    assert run(f"set({path}, {value})", record, context)
    return value_of(path, record, context)


@pytest.mark.parametrize(("path", "before", "value", "after"), SPAN_PATHS)
def test_span_paths(path: str, before: Any, value: str, after: Any) -> None:
    record = span_record()
    if before is not None or path != "attributes":
        assert value_of(path, record) == before
    read = set_and_read(path, value, record, Context.SPAN)
    assert read == (after if after is not None else value.strip('"'))
    assert type(read) in {type(after), Identifier} or after is None


@pytest.mark.parametrize(("path", "before", "value", "after"), SPAN_PATHS)
def test_prefixed_paths_are_the_same(path: str, before: Any, value: str, after: Any) -> None:
    if not path.startswith(("resource.", "scope.", "instrumentation_scope.")):
        path = f"span.{path}"
    if "attributes[attributes" in path.replace('["list"]', "") or 'int"] - 5' in path:
        path = path.replace("[attributes", "[span.attributes")
    record = span_record()
    assert statement(f"set({path}, {value})", Context.SPAN, prefixed=True)(record)


@pytest.mark.parametrize(
    ("path", "before", "value", "after"),
    [
        ("name", "exception", '"x"', "x"),
        ('attributes["e"]', 1, '"x"', "x"),
        ("spanevent.attributes", {"e": 1}, "{}", {}),
        ("time_unix_nano", 2_000_000_000, "5", 5),
        ("time", Time(2_000_000_000), "Unix(5)", Time(5_000_000_000)),
        ("dropped_attributes_count", 0, "2", 2),
        ("span.name", "GET /", '"x"', "x"),
        ('span.attributes["int"]', 5, "6", 6),
        ("scope.name", "lib", '"x"', "x"),
    ],
)
def test_span_event_paths(path: str, before: Any, value: str, after: Any) -> None:
    record = span_record()
    assert value_of(path, record, Context.SPANEVENT) == before
    assert set_and_read(path, value, record, Context.SPANEVENT) == after


def test_a_span_event_knows_its_place() -> None:
    assert value_of("event_index", span_record(), Context.SPANEVENT) == 0


@pytest.mark.parametrize(
    ("path", "before", "value", "after"),
    [
        ("body", "line", '{"a": 1}', {"a": 1}),
        ("body.string", "line", '"x"', "x"),
        ("severity_number", 9, "SEVERITY_NUMBER_ERROR2", 18),
        ("severity_text", "INFO", '"x"', "x"),
        ("time_unix_nano", 0, "5", 5),
        ("time", Time(0), "Unix(5)", Time(5_000_000_000)),
        ("observed_time_unix_nano", 0, "5", 5),
        ("observed_time", Time(0), "Unix(5)", Time(5_000_000_000)),
        ("dropped_attributes_count", 0, "2", 2),
        ("flags", 0, "1", 1),
        ("event_name", "", '"x"', "x"),
        ("trace_id", bytes(16), 'TraceID("000102030405060708090a0b0c0d0e0f")', TRACE_ID),
        ("span_id", bytes(8), "SpanID(0x0001020304050607)", SPAN_ID),
        ('log.attributes["x"]', None, "1", 1),
    ],
)
def test_log_paths(path: str, before: Any, value: str, after: Any) -> None:
    record = log_record()
    assert value_of(path, record, Context.LOG) == before
    assert set_and_read(path, value, record, Context.LOG) == after


def test_bodies_are_indexed() -> None:
    record = log_record({"a": [{"b": 1}]})
    assert value_of('body["a"][0]["b"]', record, Context.LOG) == 1
    assert set_and_read('body["a"][0]["c"]', '"x"', record, Context.LOG) == "x"
    assert value_of("body.string", record, Context.LOG) == '{"a":[{"b":1,"c":"x"}]}'


@pytest.mark.parametrize(
    ("path", "kind", "before", "value", "after"),
    [
        ("name", "sum", "requests", '"x"', "x"),
        ("description", "sum", "all", '"x"', "x"),
        ("unit", "sum", "1", '"x"', "x"),
        ("aggregation_temporality", "sum", 2, "AGGREGATION_TEMPORALITY_DELTA", 1),
        ("aggregation_temporality", "gauge", None, "1", None),
        ("is_monotonic", "sum", False, "true", True),
        ("is_monotonic", "histogram", None, "true", None),
        ('metadata["x"]', "sum", None, "1", 1),
    ],
)
def test_metric_paths(path: str, kind: str, before: Any, value: str, after: Any) -> None:
    record = metric_record(kind)
    assert value_of(path, record, Context.METRIC) == before
    assert set_and_read(path, value, record, Context.METRIC) == after


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gauge", "METRIC_DATA_TYPE_GAUGE"),
        ("sum", "METRIC_DATA_TYPE_SUM"),
        ("histogram", "METRIC_DATA_TYPE_HISTOGRAM"),
        ("exponential_histogram", "METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM"),
        ("summary", "METRIC_DATA_TYPE_SUMMARY"),
    ],
)
def test_types_of_metrics(kind: str, name: str) -> None:
    record = metric_record(kind)
    assert condition(f"type == {name} and Len(data_points) == 1", Context.METRIC)(record)
    assert condition(f"metric.type == {name}", Context.DATAPOINT)(record)


@pytest.mark.parametrize(
    ("path", "kind", "before", "value", "after"),
    [
        ('attributes["host"]', "sum", "a", '"b"', "b"),
        ("time_unix_nano", "sum", 7, "5", 5),
        ("time", "sum", Time(7), "Unix(5)", Time(5_000_000_000)),
        ("start_time_unix_nano", "sum", 0, "5", 5),
        ("flags", "sum", 0, "FLAG_NO_RECORDED_VALUE", 1),
        ("value_int", "sum", 3, "4", 4),
        ("value_double", "gauge", 0.0, "4.5", 4.5),
        ("value_int", "histogram", None, "4", None),
        ("count", "histogram", 0, "4", 4),
        ("count", "gauge", None, "4", None),
        ("sum", "histogram", None, "4.5", 4.5),
        ("sum", "summary", 0.0, "4.5", 4.5),
        ("min", "histogram", None, "4.5", 4.5),
        ("max", "exponential_histogram", None, "4.5", 4.5),
        ("bucket_counts", "histogram", [], "[1, 2]", [1, 2]),
        ("explicit_bounds", "histogram", [], "[1.5]", [1.5]),
        ("explicit_bounds", "sum", None, "[1.5]", None),
        ("scale", "exponential_histogram", 0, "3", 3),
        ("zero_count", "exponential_histogram", 0, "3", 3),
        ("zero_threshold", "exponential_histogram", 0.0, "3.5", 3.5),
        ("positive.offset", "exponential_histogram", 0, "3", 3),
        ("negative.offset", "exponential_histogram", 0, "3", 3),
        ("positive.offset", "sum", None, "3", None),
        ("positive.bucket_counts", "exponential_histogram", [], "[3]", [3]),
        ("negative.bucket_counts", "summary", None, "[3]", None),
        ("metric.name", "sum", "requests", '"x"', "x"),
        ("metric.is_monotonic", "sum", False, "true", True),
    ],
)
def test_datapoint_paths(path: str, kind: str, before: Any, value: str, after: Any) -> None:
    record = metric_record(kind)
    assert value_of(path, record, Context.DATAPOINT) == before
    assert set_and_read(path, value, record, Context.DATAPOINT) == after


def test_messages_are_copied_from_their_like() -> None:
    record = span_record()
    other = span_record()
    other.span.events.add(name="second")
    record.span.events.MergeFrom(other.span.events)
    assert value_of("Len(events)", record) == 3
    assert run("set(status, span.status)", record)
    assert record.span.status.message == "broken"
    with pytest.raises(EvaluationError, match="copied from its like only, not an int"):
        run("set(status, 1)", record)
    with pytest.raises(OttlError, match="`events` cannot be set"):
        run("set(events, links)", record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set(name, 1)", "span.name takes a string, not an int"),
        ("set(kind, 1.5)", "span.kind takes an int, not a double"),
        ("set(dropped_attributes_count, -1)", "cannot be -1"),
        ("set(attributes, 1)", "a map is expected, not an int"),
        ("set(trace_id, 0x01)", "takes an id of 16 bytes"),
        ('set(span_id.string, "xx")', "takes 16 hexadecimal digits"),
        ('set(kind.string, "Nothing")', "one of Unspecified, Internal"),
        ('set(attributes["t"], start_time)', "a time cannot be stored"),
        ('set(attributes["int"]["k"], 1)', "an int has no key 'k'"),
        ('set(attributes["list"]["k"], 1)', "a slice has no key 'k'"),
        ('set(attributes["list"][9], 1)', "index 9 is outside of a slice of 3"),
        ('set(attributes["new"][100000], 1)', "a new slice has no index 100000"),
        ('set(name, attributes["list"][-1])', "index -1 is outside"),
        ('set(attributes[kind], "x")', "the key of a map is a string, not an int"),
        ('delete_key(attributes["int"], "x")', "a map is expected, not an int"),
        ('delete_key(attributes["missing"], "x")', "a map is expected, not nil"),
        ('set(name, ParseJSON(attributes["text"]))', "not JSON"),
    ],
)
def test_values_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message.replace("[", r"\[")):
        run(text, span_record())


def test_values_are_nested_as_deep_as_protobuf_can_read() -> None:
    record = span_record(x=1)
    one_more = statement('set(attributes["x"], {"k": attributes["x"]})', Context.SPAN)
    for _ in range(20):
        one_more(record)
    with pytest.raises(EvaluationError, match="nested deeper than 20"):
        one_more(record)
    type(record.span).FromString(record.span.SerializeToString())


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        ('set(span.attribute["x"], 1)', Context.SPAN, "did you mean 'attributes'?"),
        ("set(nam, 1)", Context.LOG, "1:5: a log has no `nam`"),
        ("set(log.body, 1)", Context.SPAN, "a span belongs to no one log"),
        ("set(spanevent.name, 1)", Context.SPAN, "a span belongs to no one spanevent"),
        ("set(resource.cache, 1)", Context.SPAN, "write `span.cache`"),
        ('set(name["x"], 1)', Context.SPAN, "1:10: `name` has no keys"),
        ('set(attributes["x"].name, 1)', Context.SPAN, "only the end of a path has keys"),
        ("set(attributes[true], 1)", Context.SPAN, "a key is a string or an int"),
        ("set(metric.type, 1)", Context.METRIC, "`metric.type` cannot be set"),
        ("set(event_index, 1)", Context.SPANEVENT, "cannot be set"),
        ('delete_key(name, "x")', Context.SPAN, "`name` is no map"),
        ('set(trace_state["a"]["b"], "x")', Context.SPAN, "has no keys of its own"),
        ('set(otelcol.client.addr, "x")', Context.LOG, "`otelcol.client.addr` cannot be set"),
        ("set(body, otelcol.client.adr)", Context.LOG, "did you mean 'client.addr'?"),
        ("set(body, otelcol.grpc.metadata[0])", Context.LOG, "the name of a header is a string"),
        (
            'set(body, otelcol.client.metadata["a"][0][0])',
            Context.LOG,
            "a value of a header has no",
        ),
    ],
)
def test_paths_that_are_not_there(text: str, context: Context, message: str) -> None:
    with pytest.raises(OttlError, match=message.replace("?", r"\?").replace("[", r"\[")):
        statement(text, context)


REQUEST = {CLIENT_ADDRESS: ("10.0.0.1",), "x-tenant": ("acme", "other")}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("otelcol.client.addr", "10.0.0.1"),
        ("otelcol.client.metadata", {"x-tenant": ["acme", "other"]}),
        ('otelcol.client.metadata["X-Tenant"]', ["acme", "other"]),
        ('otelcol.grpc.metadata["x-tenant"][1]', "other"),
        ('otelcol.client.metadata["x-none"]', None),
        ('otelcol.client.metadata["x-none"][0]', None),
    ],
)
def test_the_request_is_read_in_every_context(path: str, value: Any) -> None:
    for context in Context:
        assert value_of(path, Record(metadata=REQUEST), context) == value


def test_a_header_with_fewer_values() -> None:
    with pytest.raises(EvaluationError, match="the header x-tenant has no value 2"):
        value_of('otelcol.client.metadata["x-tenant"][2]', Record(metadata=REQUEST))
    assert value_of("otelcol.client.addr", Record()) == ""


def test_flat_paths_need_their_prefix() -> None:
    with pytest.raises(
        OttlError, match=r"begin with resource or scope or span, as in `span\.name`"
    ):
        statement('set(name, "x")', Context.SPAN, prefixed=True)


@pytest.mark.parametrize(
    ("signal", "texts", "context"),
    [
        (Signal.TRACES, ['set(resource.attributes["a"], 1)'], Context.RESOURCE),
        (Signal.TRACES, ['set(instrumentation_scope.name, "a")'], Context.SCOPE),
        (Signal.TRACES, ['set(resource.attributes["a"], span.name)'], Context.SPAN),
        (Signal.TRACES, ["set(span.kind, 1)", "set(spanevent.name, 1)"], Context.SPANEVENT),
        (Signal.TRACES, ['set(resource.attributes["a"], 1) where IsRootSpan()'], Context.SPAN),
        (Signal.METRICS, ["set(metric.unit, datapoint.flags)"], Context.DATAPOINT),
        (Signal.METRICS, ["set(resource.schema_url, METRIC_DATA_TYPE_SUM)"], Context.METRIC),
        (Signal.LOGS, ['set(log.body, resource.attributes["a"])'], Context.LOG),
    ],
)
def test_contexts_are_inferred(signal: Signal, texts: list[str], context: Context) -> None:
    assert context_of(statements=texts, contexts=CONTEXTS[signal]) is context


def test_every_path_is_readable() -> None:
    record = span_record()
    record.metric = metric_record().metric
    record.datapoint, record.log = metric_record().datapoint, log_record().log
    for context, fields in FIELDS.items():
        for name, field in fields.items():
            if context in {Context.METRIC, Context.DATAPOINT, Context.LOG} or name:
                field.access.get(record)
