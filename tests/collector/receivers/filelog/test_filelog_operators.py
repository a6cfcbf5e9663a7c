"""The operators of `filelog`, after the documentation of stanza."""

from collections.abc import Iterator
from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from structlog.testing import capture_logs

from belvedere.collector.receivers.filelog.config import AnyOperator, FileLogConfig
from belvedere.collector.receivers.filelog.entry import Entry, batch_of
from belvedere.collector.receivers.filelog.operators import OPERATORS, Chain

ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyOperator)


def chain(*operators: dict[str, Any]) -> Chain:
    return Chain([ADAPTER.validate_python(operator) for operator in operators])


def run(*operators: dict[str, Any], **entry: Any) -> Entry:
    """One entry through operators."""
    (result,) = chain(*operators).process([Entry(**({"body": "b"} | entry))])
    return result


def bodies(running: Chain, *texts: Any, source: str = "f") -> list[Any]:
    entries = [Entry(text, source=source, offset=10 * n) for n, text in enumerate(texts)]
    return [entry.body for entry in running.process(entries)]


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        pytest.param(
            {"type": "json_parser"}, {"body": '{"a": 1, "b": {"c": "x"}}'},
            {"body": '{"a": 1, "b": {"c": "x"}}', "attributes": {"a": 1.0, "b": {"c": "x"}}},
            id="json",
        ),
        pytest.param(
            {"type": "json_parser", "parse_to": "body", "parse_ints": True},
            {"body": '{"a": 1, "big": 99999999999999999999}'},
            {"body": {"a": 1, "big": 1e20}}, id="json-to-body",
        ),
        pytest.param(
            {"type": "json_parser", "parse_from": "body.m", "parse_to": "attributes.p"},
            {"body": {"m": '{"k": "v"}'}, "attributes": {"p": {"old": 1}}},
            {"body": {"m": '{"k": "v"}'}, "attributes": {"p": {"old": 1, "k": "v"}}},
            id="json-merged",
        ),
        pytest.param(
            {"type": "json_parser"}, {"body": "no json"}, {"body": "no json"}, id="no-json-is-sent"
        ),
        pytest.param({"type": "json_parser"}, {"body": "[1]"}, {"body": "[1]"}, id="json-array"),
        pytest.param(
            {"type": "json_parser", "if": 'body matches "^{"'}, {"body": "text"}, {"body": "text"},
            id="if",
        ),
        pytest.param(
            {"type": "regex_parser", "regex": r"(?P<n>\d+)(?P<u>[a-z])?"}, {"body": "took 12"},
            {"body": "took 12", "attributes": {"n": "12", "u": ""}}, id="regex",
        ),
        pytest.param(
            {"type": "add", "field": 'attributes["a.b"]', "value": [1]}, {},
            {"body": "b", "attributes": {"a.b": [1]}}, id="add",
        ),
        pytest.param(
            {"type": "add", "field": "resource.x.y", "value": "v"}, {"resource": {"x": 1}},
            {"body": "b", "resource": {"x": {"y": "v"}}}, id="add-nested",
        ),
        pytest.param(
            {"type": "remove", "field": "attributes.a"}, {"attributes": {"a": 1, "b": 2}},
            {"body": "b", "attributes": {"b": 2}}, id="remove",
        ),
        pytest.param(
            {"type": "remove", "field": "body.x"}, {}, {"body": "b"}, id="remove-nothing"
        ),
        pytest.param(
            {"type": "remove", "field": "attributes"}, {"attributes": {"a": 1}}, {"body": "b"},
            id="remove-all",
        ),
        pytest.param(
            {"type": "move", "from": "attributes.msg", "to": "body"},
            {"attributes": {"msg": "x", "n": 1}}, {"body": "x", "attributes": {"n": 1}}, id="move",
        ),
        pytest.param(
            {"type": "move", "from": "body", "to": "attributes"}, {}, {"body": "b"},
            id="move-that-cannot-be",
        ),
        pytest.param(
            {"type": "move", "from": "body", "to": "attributes.m"}, {},
            {"body": None, "attributes": {"m": "b"}}, id="move-body",
        ),
        pytest.param(
            {"type": "copy", "from": "body", "to": "resource.text"}, {},
            {"body": "b", "resource": {"text": "b"}}, id="copy",
        ),
        pytest.param(
            {"type": "retain", "fields": ["attributes.a", "attributes.z"]},
            {"attributes": {"a": 1, "b": 2}, "resource": {"r": 1}},
            {"body": "b", "attributes": {"a": 1}, "resource": {"r": 1}}, id="retain",
        ),
        pytest.param({"type": "noop"}, {}, {"body": "b"}, id="noop"),
    ],
)  # fmt: skip
def test_changes(operator: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    assert run(operator, **before) == Entry(**after)


TIMES_NS = 1_136_214_245_000_000_000
"""2006-01-02T15:04:05Z."""


def test_blocks_of_a_parser() -> None:
    entry = run(
        {
            "type": "regex_parser",
            "regex": r"^(?P<time>\S+ \S+) (?P<sev>[A-Z]*) (?P<logger>\S+): (?P<msg>.*)$",
            "timestamp": {
                "parse_from": "attributes.time",
                "layout": "%Y-%m-%d %H:%M:%S",
                "location": "UTC",
            },
            "severity": {"parse_from": "attributes.sev"},
            "scope_name": {"parse_from": "attributes.logger"},
        },
        body="2006-01-02 15:04:05 ERROR app.db: it broke",
    )
    assert entry.time_ns == TIMES_NS
    assert (entry.severity_number, entry.severity_text) == (17, "ERROR")
    assert entry.scope_name == "app.db"
    assert entry.attributes["msg"] == "it broke"


@pytest.mark.parametrize(
    ("on_error", "left"), [("send", 1), ("send_quiet", 1), ("drop", 0), ("drop_quiet", 0)]
)
def test_on_error(on_error: str, left: int, logged: list[Any]) -> None:
    running = chain({"type": "json_parser", "on_error": on_error})
    assert len(running.process([Entry("x")])) == left
    told = [each["event"] for each in logged]
    assert told == ([] if on_error.endswith("quiet") else ["operator_failed"])


@pytest.mark.parametrize(
    ("keys", "value", "number", "text"),
    [
        ({}, "ERROR", 17, "ERROR"),
        ({}, "info3", 11, "info3"),
        ({}, "unknown", 0, "unknown"),
        ({"mapping": {"error": "nooo!"}}, "Nooo!", 17, "Nooo!"),
        ({"mapping": {"warn": ["hey!", "YSK"]}}, "ysk", 13, "ysk"),
        ({"mapping": {"info": [{"min": 300, "max": 399}]}}, 304, 9, "304"),
        ({"mapping": {"debug": "2xx"}}, "200", 5, "200"),
        ({"mapping": {"fatal": ["x", "5xx"]}}, 503.0, 21, "503"),
        ({"preset": "none", "mapping": {"error": "no"}}, "ERROR", 0, "ERROR"),
        ({"overwrite_text": True, "mapping": {"error2": 404}}, 404, 18, "ERROR2"),
    ],
    ids=str,
)
def test_severity(keys: dict[str, Any], value: Any, number: int, text: str) -> None:
    operator = {"type": "severity_parser", "parse_from": "attributes.s"} | keys
    entry = run(operator, attributes={"s": value})
    assert (entry.severity_number, entry.severity_text) == (number, text)


def test_filter() -> None:
    running = chain({"type": "filter", "expr": 'body matches "^DEBUG"'})
    assert bodies(running, "DEBUG a", "INFO b") == ["INFO b"]
    running = chain({"type": "filter", "expr": "true", "drop_ratio": 0})
    assert bodies(running, "a") == ["a"]


@pytest.mark.parametrize(
    ("keys", "given", "joined", "rest"),
    [
        pytest.param(
            {"is_first_entry": 'body matches "^[^\\\\s]"'}, ["E", " at 1", " at 2", "F"],
            ["E\n at 1\n at 2"], ["F"], id="first",
        ),
        pytest.param(
            {"is_last_entry": 'body endsWith "."', "combine_with": ""}, ["a", "b.", "c"], ["ab."],
            ["c"], id="last",
        ),
        pytest.param(
            {"is_first_entry": "body == 'log1'", "max_unmatched_batch_size": 3},
            ["l2", "l3", "l4", "l5", "log1", "l6", "log1"],
            ["l2\nl3\nl4", "l5", "log1\nl6"], ["log1"], id="unmatched",
        ),
        pytest.param(
            {"is_first_entry": "body == '1'", "max_batch_size": 2}, ["1", "2", "1", "3", "4"],
            ["1\n2", "1\n3"], ["4"], id="max-batch",
        ),
        pytest.param(
            {"is_last_entry": "body == 'end'", "max_log_size": 4}, ["aa", "bb", "c"],
            ["aa\nbb"], ["c"], id="max-log-size",
        ),
        pytest.param(
            {"is_last_entry": "body == 'end'"}, ["a", 5, "end"], [5, "a\nend"], [], id="no-text"
        ),
    ],
)  # fmt: skip
def test_recombine(
    keys: dict[str, Any], given: list[Any], joined: list[Any], rest: list[Any]
) -> None:
    running = chain({"type": "recombine", "combine_field": "body"} | keys)
    assert bodies(running, *given) == joined
    assert [entry.body for entry in running.flush(None)] == rest
    assert running.held_from("f") is None


def test_recombine_keeps_sources_apart_and_knows_what_it_holds() -> None:
    running = chain(
        {"type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'"}
    )
    assert bodies(running, "a", "b", source="one") == []
    assert bodies(running, "x", "end", source="two") == ["x\nend"]
    assert (running.held_from("one"), running.held_from("two")) == (0, None)
    (late,) = running.flush(float("inf"))
    assert (late.body, late.offset) == ("a\nb", 0)


PATH = "/var/log/pods/some_kube-controller_49cc7c1fd3702c40b2686ea7486091d6/kube/1.log"
POD = {
    "k8s.namespace.name": "some",
    "k8s.pod.name": "kube-controller",
    "k8s.pod.uid": "49cc7c1fd3702c40b2686ea7486091d6",
    "k8s.container.name": "kube",
    "k8s.container.restart_count": "1",
}


@pytest.mark.parametrize(
    ("lines", "body", "tag"),
    [
        (['{"log":"INFO: x","stream":"stdout","time":"2006-01-02T15:04:05.0Z"}'], "INFO: x", None),
        (["2006-01-02T10:04:05.000-05:00 stdout F crio line"], "crio line", "F"),
        (
            ["2006-01-02T15:04:04.9Z stdout P multi", "2006-01-02T15:04:05Z stdout F ple parts"],
            "multiple parts",
            "F",
        ),
    ],
    ids=["docker", "crio", "containerd-in-parts"],
)
def test_container(lines: list[str], body: str, tag: str | None) -> None:
    path = {"log.file.path": PATH}
    running = chain({"type": "container"})
    (entry,) = running.process([Entry(line, dict(path), source="f") for line in lines])
    assert entry.body == body
    assert entry.time_ns == TIMES_NS
    assert entry.attributes == path | {"log.iostream": "stdout"} | ({"logtag": tag} if tag else {})
    assert entry.resource == POD


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        ({"type": "csv_parser"}, "no operator 'csv_parser' in this version; .*ParseCSV"),
        ({"type": "router", "routes": []}, "at least 1 item"),
        ({"type": "router", "routes": [{"output": "x", "expr": "true"}]}, "'x' is no later"),
        ({"type": "router", "routes": [{"output": ["x", "y"], "expr": "true"}]}, "goes one way"),
        (
            {
                "type": "router",
                "routes": [
                    {"output": "x", "expr": "true", "attributes": {"a": "EXPR(body)"}},
                ],
            },
            "is not supported",
        ),
        ({"type": "jsonparser"}, "there are add, container"),
        ({"field": "body"}, "there is no operator None"),
        ({"type": "regex_parser", "regex": r"\d+"}, "no named group"),
        ({"type": "regex_parser", "regex": "("}, "no regular expression"),
        ({"type": "add", "field": "body", "value": "EXPR(1)"}, "not supported"),
        ({"type": "add", "field": "boddy", "value": 1}, "is no field"),
        ({"type": "filter", "expr": "len(body) > 3"}, "expected a value, not 'len'"),
        ({"type": "recombine", "combine_field": "body"}, "exactly one of is_first_entry"),
        ({"type": "severity_parser", "parse_from": "body", "mapping": {"bad": 1}}, "no severity"),
        (
            {"type": "severity_parser", "parse_from": "body", "mapping": {"warn": {"min": 2}}},
            "is no range",
        ),
        (
            {"type": "time_parser", "parse_from": "body", "layout": "%Q"},
            "there is no %Q",
        ),
        (
            {"type": "time_parser", "parse_from": "body", "layout": "%Y", "location": "Moon/Sea"},
            "is no time zone",
        ),
        ({"type": "noop", "output": "elsewhere"}, "'elsewhere' is no later operator"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.get("type")),
)
def test_refuses(operator: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileLogConfig.model_validate({"include": ["*"], "operators": [operator]})


def test_output_skips_operators() -> None:
    operators = [
        {"type": "add", "field": "attributes.a", "value": 1, "output": "last"},
        {"type": "add", "field": "attributes.b", "value": 1},
        {"type": "add", "field": "attributes.c", "value": 1, "id": "last"},
    ]
    assert FileLogConfig.model_validate({"include": ["*"], "operators": operators})
    assert run(*operators).attributes == {"a": 1, "c": 1}


@pytest.mark.parametrize(
    ("operators", "message"),
    [
        ([{"type": "noop", "id": "a"}, {"type": "noop", "output": "a"}], "'a' is no later"),
        (
            [{"type": "noop", "output": "noop"}, {"type": "noop"}, {"type": "noop"}],
            "several operators are called 'noop'",
        ),
        (
            [
                {"type": "router", "output": "a", "routes": [{"output": "a", "expr": "true"}]},
                {"type": "noop", "id": "a"},
            ],
            "a router has outputs in its routes",
        ),
    ],
    ids=["back", "several", "router"],
)
def test_outputs_that_lead_nowhere(operators: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileLogConfig.model_validate({"include": ["*"], "operators": operators})


ROUTED = (
    {
        "type": "router",
        "routes": [
            {"output": "json", "expr": 'body matches "^{"', "attributes": {"kind": "json"}},
            {"output": ["text"], "expr": 'body matches "^[a-z]"'},
        ],
    },
    {
        "type": "regex_parser",
        "id": "text",
        "regex": "(?P<m>.*)",
        "output": "end",
        "cache": {"size": 1},
    },
    {"type": "json_parser", "id": "json"},
    {"type": "move", "id": "end", "from": "attributes.m", "to": "body"},
)


def test_router() -> None:
    """What takes no route is dropped; all others stay in the order of their file."""
    texts = ["a", '{"m": "b"}', "1", "a", '{"m": "c"}']
    entries = [Entry(text, source="f", offset=n) for n, text in enumerate(texts)]
    result = chain(*ROUTED).process(entries)
    assert [(entry.body, entry.attributes) for entry in result] == [
        ("a", {}),
        ("b", {"kind": "json"}),
        ("a", {}),
        ("c", {"kind": "json"}),
    ]


def test_router_with_a_default() -> None:
    router = ROUTED[0] | {"default": "end"}
    assert run(router, *ROUTED[1:], body="1", attributes={"m": "x"}).body == "x"


def test_what_is_held_back_goes_the_way_of_its_operator() -> None:
    recombine = {"type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'"}
    running = chain(
        recombine | {"output": "last"},
        {"type": "add", "field": "body", "value": "skipped"},
        {"type": "noop", "id": "last"},
    )
    assert bodies(running, "a", "b") == []
    assert [entry.body for entry in running.flush(None)] == ["a\nb"]


TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "operator",
    [
        pytest.param({"type": "trace_parser"}, id="operator"),
        pytest.param({"type": "json_parser", "parse_to": "body", "trace": {}}, id="block"),
    ],
)
@pytest.mark.parametrize(
    ("body", "flags"),
    [({"trace_flags": "01"}, 1), ({}, 0), ({"trace_flags": None}, 0)],
    ids=["flags", "no flags", "null"],
)
def test_trace(operator: dict[str, Any], body: dict[str, Any], flags: int) -> None:
    fields: Any = body | {"trace_id": TRACE_ID, "span_id": SPAN_ID.upper()}
    if operator["type"] == "json_parser":
        fields = orjson.dumps(fields).decode()
    entry = run(operator, body=fields)
    message: Any = batch_of([entry]).message
    (record,) = message.resource_logs[0].scope_logs[0].log_records
    assert (record.trace_id.hex(), record.span_id.hex(), record.flags) == (TRACE_ID, SPAN_ID, flags)


@pytest.mark.parametrize("value", ["xyz", "00", 5, {"a": 1}], ids=str)
def test_a_trace_that_is_none(value: Any) -> None:
    from_field = {"span_id": {"parse_from": "attributes.span"}}
    with capture_logs() as told:
        entry = run(
            {"type": "trace_parser", **from_field},
            body={"trace_id": TRACE_ID},
            attributes={"span": value},
        )
    assert (entry.trace_id, entry.span_id) == (b"", b"")
    assert ["16 hexadecimal digits" in each["error"] for each in told] == [True]


def test_a_parser_may_set_the_body() -> None:
    operator = {"type": "json_parser", "body": "attributes.message"}
    entry = run(operator, body='{"message": "m", "n": "x"}')
    assert (entry.body, entry.attributes) == ("m", {"message": "m", "n": "x"})
    assert run(operator, body='{"n": "x"}').body == '{"n": "x"}'


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in get_args(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from models(inner)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_key_is_documented(name: str) -> None:
    for model in models(OPERATORS[name]):
        for key, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{model.__name__}.{key}"


def test_entries_become_a_batch() -> None:
    entries = [
        Entry("a", {"n": 1, "s": "x"}, {"r": "1"}, 5, 6, 9, "INFO"),
        Entry({"k": [1.5, None]}, {}, {"r": "2"}, scope_name="logger"),
        Entry(b"\xff", {}, {"r": "1"}),
    ]
    batch = batch_of(entries)
    assert batch.items == 3
    message: Any = batch.message
    first, second = message.resource_logs
    record = first.scope_logs[0].log_records[0]
    assert (record.body.string_value, record.time_unix_nano, record.severity_text) == (
        "a",
        5,
        "INFO",
    )
    assert [pair.key for pair in record.attributes] == ["n", "s"]
    assert first.scope_logs[0].log_records[1].body.bytes_value == b"\xff"
    assert second.scope_logs[0].scope.name == "logger"
    assert second.resource.attributes[0].value.string_value == "2"
