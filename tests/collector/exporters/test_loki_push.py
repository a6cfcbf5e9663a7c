"""Labels, lines and bodies of the exporter `loki`, after contrib 0.91's translator."""

from typing import Any

import cramjam
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loki_peer import logs

from belvedere.collector.exporters.loki import logfmt
from belvedere.collector.exporters.loki.labels import DefaultLabels
from belvedere.collector.exporters.loki.push import json_body, protobuf_body, pushes_of

NOW_NS = 1_700_000_000_000_000_123


def streams(
    *records: dict[str, Any],
    resource: dict[str, Any] | None = None,
    enabled: dict[str, bool] | None = None,
    scope: str = "",
) -> dict[str, dict[str, list[str]]]:
    """Tenant → labels → lines."""
    batch = logs(*records, resource=resource, scope=scope)
    pushes = pushes_of(batch.message, DefaultLabels(**(enabled or {})), NOW_NS)
    return {
        tenant: {labels: [line for _, line in s.entries] for labels, s in push.streams.items()}
        for tenant, push in pushes.tenants.items()
    }


def only_line(*args: Any, **kwargs: Any) -> str:
    (tenant,) = streams(*args, **kwargs).values()
    (lines,) = tenant.values()
    (line,) = lines
    return line


SERVICE = {"service.name": "checkout", "service.namespace": "shop", "service.instance.id": "i-1"}


@pytest.mark.parametrize(
    ("record", "resource", "enabled", "labels"),
    [
        pytest.param({}, {}, {}, '{exporter="OTLP"}', id="exporter-alone"),
        pytest.param(
            {"severity_number": 9}, SERVICE, {},
            '{exporter="OTLP", instance="i-1", job="shop/checkout", level="INFO"}', id="defaults",
        ),
        pytest.param(
            {}, {"service.name": "a"}, {}, '{exporter="OTLP", job="a"}', id="no-namespace"
        ),
        pytest.param({}, {"service.namespace": "a"}, {}, '{exporter="OTLP"}', id="no-name"),
        pytest.param(
            {"severity_number": 17}, SERVICE, {"exporter": False, "job": False},
            '{instance="i-1", level="ERROR"}', id="some-disabled",
        ),
        pytest.param(
            {"severity_number": 18}, SERVICE, {"level": False, "instance": False},
            '{exporter="OTLP", job="shop/checkout"}', id="others-disabled",
        ),
        pytest.param(
            {"severity_number": 24}, {}, {}, '{exporter="OTLP", level="FATAL4"}', id="fatal"
        ),
        pytest.param({"severity_number": 99}, {}, {}, '{exporter="OTLP"}', id="no-such-severity"),
        pytest.param(
            {"severity_number": 9, "attributes": {"level": "chatty"}}, {}, {},
            '{exporter="OTLP", level="chatty"}', id="own-level-wins",
        ),
        pytest.param(
            {"attributes": {"loki.attribute.labels": "a.domain, n", "a.domain": "d", "n": 3}},
            {}, {}, '{a_domain="d", exporter="OTLP", n="3"}', id="attributes",
        ),
        pytest.param(
            {"severity_number": 5, "attributes": {"loki.attribute.labels": ["a", "b"], "a": "1"}},
            {}, {}, '{a="1", exporter="OTLP", level="DEBUG"}', id="list-of-names",
        ),
        pytest.param(
            {"attributes": {"loki.resource.labels": "host.name"}}, {"host.name": "h"}, {},
            '{exporter="OTLP", host_name="h"}', id="resource-hint-in-record",
        ),
        pytest.param(
            {}, {"host.name": "h", "loki.resource.labels": "host.name,none"}, {},
            '{exporter="OTLP", host_name="h"}', id="resource-hint",
        ),
        pytest.param(
            {"attributes": {"x": "record", "loki.attribute.labels": "x"}},
            {"x": "resource", "loki.resource.labels": "x"}, {}, '{exporter="OTLP", x="record"}',
            id="record-wins",
        ),
        pytest.param(
            {"attributes": {"k": {"pod": {"name": "p"}}, "loki.attribute.labels": "k.pod.name"}},
            {}, {}, '{exporter="OTLP", k_pod_name="p"}', id="nested",
        ),
        pytest.param(
            {"attributes": {"exporter": "mine", "loki.attribute.labels": "exporter"}}, {}, {},
            '{exporter="mine"}', id="default-overridden",
        ),
        pytest.param(
            {"attributes": {"a": 'q"\\\n', "loki.attribute.labels": "a"}}, {}, {},
            '{a="q\\"\\\\\\n", exporter="OTLP"}', id="quoted",
        ),
    ],
)  # fmt: skip
def test_labels(
    record: dict[str, Any], resource: dict[str, Any], enabled: dict[str, bool], labels: str
) -> None:
    found = streams({"body": "x"} | record, resource=resource, enabled=enabled)
    assert list(found[""]) == [labels]


ALL_OFF = dict.fromkeys(("exporter", "job", "instance", "level"), False)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "no label"),
        ({"loki.format": "xml", "loki.attribute.labels": "a", "a": "1"}, "json, logfmt, raw"),
    ],
    ids=["no-label", "no-format"],
)
def test_what_loki_cannot_take_is_dropped_and_counted(
    attributes: dict[str, str], reason: str
) -> None:
    batch = logs(
        {"attributes": attributes}, {"attributes": {"loki.attribute.labels": "b", "b": "1"}}
    )
    pushes = pushes_of(batch.message, DefaultLabels(**ALL_OFF), NOW_NS)
    ((text, count),) = pushes.dropped.items()
    assert reason in text
    assert (count, pushes.tenants[""].entries) == (1, 1)


@pytest.mark.parametrize(
    ("resource", "attributes", "tenant"),
    [
        ({"loki.tenant": "host.name", "host.name": "a"}, {}, "a"),
        ({"host.name": "a"}, {"loki.tenant": "host.name"}, "a"),
        ({}, {"loki.tenant": "team", "team": "t"}, "t"),
        ({"loki.tenant": "none"}, {}, ""),
        ({"loki.tenant": "id", "id": 7}, {}, "7"),
    ],
    ids=["resource", "hint-in-record", "record", "not-there", "number"],
)
def test_tenant(resource: dict[str, Any], attributes: dict[str, Any], tenant: str) -> None:
    assert list(streams({"attributes": attributes}, resource=resource)) == [tenant]


FULL = {
    "body": "Example log",
    "severity_text": "error",
    "attributes": {"attr1": "1", "attr2": "2"},
    "trace_id": bytes([1, 2, 3, 4]) + bytes(12),
    "span_id": bytes([5, 6, 7, 8]) + bytes(4),
    "flags": 1,
}


def test_json_line() -> None:
    assert only_line(FULL, resource={"host.name": "something"}, scope="logger") == (
        '{"body":"Example log","traceid":"01020304000000000000000000000000",'
        '"spanid":"0506070800000000","severity":"error","flags":1,'
        '"attributes":{"attr1":"1","attr2":"2"},"resources":{"host.name":"something"},'
        '"instrumentation_scope":{"name":"logger"}}'
    )


def test_hints_and_labels_are_not_in_the_line() -> None:
    record = {
        "attributes": {"a": "1", "b": "2", "loki.attribute.labels": "a", "loki.format": "json"}
    }
    resource = {"r": "3", "s": "4", "loki.resource.labels": "r"}
    line = orjson.loads(only_line(record, resource=resource))
    assert line == {"attributes": {"b": "2"}, "resources": {"s": "4"}}


@pytest.mark.parametrize(
    ("body", "json", "logfmt_text", "raw"),
    [
        (None, "{}", "", ""),
        ("a", '{"body":"a"}', "a=", "a"),
        ("", '{"body":""}', "", ""),
        (0, '{"body":0}', "msg=0", "0"),
        (1.1, '{"body":1.1}', "msg=1.1", "1.1"),
        (True, '{"body":true}', "msg=true", "true"),
        ({"key": "val"}, '{"body":{"key":"val"}}', "key=val", '{"key":"val"}'),
        (["a", 1], '{"body":["a",1]}', "body_0=a body_1=1", '["a",1]'),
        ({"m": {"k": [True]}}, '{"body":{"m":{"k":[true]}}}', "m_k_0=true", '{"m":{"k":[true]}}'),
        (b"abc", '{"body":"YWJj"}', "msg=abc", "YWJj"),
        ('k="h w"', '{"body":"k=\\"h w\\""}', 'k="h w"', 'k="h w"'),
        ("a=1\nb=2", '{"body":"a=1\\nb=2"}', 'msg="a=1\\nb=2"', "a=1\nb=2"),
        ('say "hi"', '{"body":"say \\"hi\\""}', 'msg="say \\"hi\\""', 'say "hi"'),
    ],
    ids=repr,
)  # fmt: skip
def test_lines_of_bodies(body: Any, json: str, logfmt_text: str, raw: str) -> None:
    for form, expected in (("json", json), ("logfmt", logfmt_text), ("raw", raw)):
        record = {"body": body, "attributes": {"loki.format": form}}
        assert only_line(record) == expected


def test_logfmt_line_of_everything() -> None:
    resource = {"host.name": "something", "list": ["x", {"k": 2}], "loki.format": "logfmt"}
    assert only_line(FULL | {"body": "severity=warn done"}, resource=resource, scope="logger") == (
        "severity=error done= traceID=01020304000000000000000000000000 spanID=0506070800000000"
        " flags=1 attribute_attr1=1 attribute_attr2=2 resource_host.name=something"
        " resource_list_0=x resource_list_1_k=2 instrumentation_scope_name=logger"
    )


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("a=1 b=2", [("a", "1"), ("b", "2")]),
        ('a="x\\ty" b', [("a", "x\ty"), ("b", "")]),
        ("a= b=", [("a", ""), ("b", "")]),
        ('a="1"b', [("a", "1"), ("b", "")]),
        ("  ", []),
        ("=1", None),
        ("a==1", None),
        ('a=b"c', None),
        ('a="open', None),
        ('"a"=1', None),
        ('a="\\q"', None),
    ],
    ids=repr,
)
def test_logfmt_parses(line: str, pairs: list[tuple[str, str]] | None) -> None:
    assert logfmt.parse(line) == pairs


@given(st.lists(st.tuples(st.from_regex(r"[a-z_.]{1,5}", fullmatch=True), st.text())))
@settings(max_examples=200, deadline=None)
def test_logfmt_reads_what_it_writes(pairs: list[tuple[str, str]]) -> None:
    assert logfmt.parse(logfmt.line_of(pairs)) == pairs


@given(st.text(alphabet='ab=" \\\n\t'))
@settings(max_examples=300, deadline=None)
def test_logfmt_takes_any_text(text: str) -> None:
    pairs = logfmt.parse(text)
    assert pairs is None or logfmt.parse(logfmt.line_of(pairs)) == pairs


@pytest.mark.parametrize(
    ("record", "time_ns"),
    [
        ({"time_unix_nano": 5_000_000_007, "observed_time_unix_nano": 6}, 5_000_000_007),
        ({"observed_time_unix_nano": 6}, 6),
        ({}, NOW_NS),
    ],
    ids=["time", "observed", "now"],
)
def test_times(record: dict[str, int], time_ns: int) -> None:
    pushes = pushes_of(logs(record).message, DefaultLabels(), NOW_NS)
    (stream,) = pushes.tenants[""].streams.values()
    assert stream.entries[0][0] == time_ns


def test_bodies_are_what_loki_documents() -> None:
    """The protobuf byte by byte, from the field numbers of Loki's push.proto."""
    record = {"body": "hi", "time_unix_nano": 3_000_000_004, "attributes": {"loki.format": "raw"}}
    push = pushes_of(logs(record).message, DefaultLabels(), NOW_NS).tenants[""]
    timestamp = b"\x08\x03\x10\x04"
    entry = b"\x0a" + bytes([len(timestamp)]) + timestamp + b"\x12\x02hi"
    labels = b'{exporter="OTLP"}'
    stream = b"\x0a" + bytes([len(labels)]) + labels + b"\x12" + bytes([len(entry)]) + entry
    expected = b"\x0a" + bytes([len(stream)]) + stream
    assert bytes(cramjam.snappy.decompress_raw(protobuf_body(push))) == expected
    assert orjson.loads(json_body(push)) == {
        "streams": [{"stream": {"exporter": "OTLP"}, "values": [["3000000004", "hi"]]}]
    }
