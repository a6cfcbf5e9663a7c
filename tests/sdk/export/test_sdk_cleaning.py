"""What leaves the process: without secrets, of limited length, and without content if it is off."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from prerequisites import shared
from secret_samples import SECRETS, leaked, texts_with_secrets

from belvedere.sdk.agents import faults
from belvedere.sdk.agents.content import Recorded, Settings
from belvedere.sdk.export.cleaning import Cleaner
from belvedere.sdk.export.log_records import encode_log_records
from belvedere.sdk.export.spans import encode_spans

CONTEXT = SpanContext(1, 2, is_remote=False)
RESOURCE = Resource({"service.name": "test"})
KEY, MAIL = "sk-proj-abcdefgh12345678", "ann@example.com"


def cleaner(*, capture: bool = True, max_bytes: int = 16384, **kwargs: Any) -> Cleaner:
    return Cleaner(Settings(capture, capture, max_bytes, **kwargs), capture=capture)


def span(attributes: dict[str, Any] | None = None, **kwargs: Any) -> ReadableSpan:
    given = {"name": "chat", "context": CONTEXT, "resource": RESOURCE, **kwargs}
    return ReadableSpan(attributes=attributes, **given)


def record(body: Any = None, **kwargs: Any) -> ReadWriteLogRecord:
    return ReadWriteLogRecord(LogRecord(body=body, **kwargs), RESOURCE)


def attribute(key: str, value: Any, *, beside: Any = None, **kwargs: Any) -> Any:
    """The attribute after cleaning; None if it was removed."""
    cleaned = cleaner(**kwargs).span(span({key: value, **(beside or {})}))
    return (cleaned.attributes or {}).get(key)


def test_what_is_clean_is_passed_on_as_it_is() -> None:
    clean = cleaner()
    given = span({"http.route": "/v1/{id}", "n": 1, "tags": ("a", "b"), "x": 1.5, "y": b"\xff"})
    for _ in range(2):
        assert clean.span(given) is given
    logged = record({"a": [1, float("nan"), b"\xff", None]}, attributes={"n": 1})
    assert clean.log_record(logged) is logged


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("note", f"by {MAIL}", "by [redacted:email]", id="a text"),
        pytest.param("user.id", MAIL, MAIL, id="who it is, given on purpose"),
        pytest.param("enduser.id", MAIL, MAIL, id="who it was in older conventions"),
        pytest.param("user.email", MAIL, MAIL, id="an address, given on purpose"),
        pytest.param("tags", ("a", MAIL), ("a", "[redacted:email]"), id="a list"),
        pytest.param("n", b"to " + MAIL.encode(), "to [redacted:email]", id="bytes"),
        pytest.param("a", {"b": [MAIL]}, {"b": ("[redacted:email]",)}, id="nested"),
        pytest.param("a", {"password": 1234}, {"password": "[redacted:secret]"}, id="its name"),
        pytest.param("db.password", "x", "[redacted:secret]", id="the name of the attribute"),
        pytest.param(
            "http.request.header.authorization", ("x",), "[redacted:secret]", id="a header"
        ),
        pytest.param(
            "url.full", f"http://a:b1@h/?api_key={KEY}", None, id="the query of an address"
        ),
        pytest.param(
            "gen_ai.input.messages",
            json.dumps([{"content": f'{{"a": "\\n{KEY}"}}', "n": 4111111111111111}]),
            '[{"content":"{\\"a\\": \\"\\\\n[redacted:key]\\"}","n":"[redacted:card]"}]',
            id="JSON stays JSON",
        ),
        pytest.param("metadata", '{"a": 1}', '{"a": 1}', id="clean JSON keeps its form"),
        pytest.param("a", "\ud800", "?", id="what is not Unicode"),
    ],
)
def test_secrets_are_replaced(key: str, value: Any, expected: Any) -> None:
    found = attribute(key, value)
    if expected is None:
        assert KEY not in found
        assert "b1@" not in found
    else:
        assert found == expected


@pytest.mark.parametrize("max_bytes", [64, 512])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("é" * 9000, id="a text"),
        pytest.param(json.dumps([{"content": "é" * 9000, "n": [1] * 900}]), id="JSON"),
        pytest.param(tuple("é" * 90 for _ in range(90)), id="a list"),
        pytest.param(tuple([0.5] * 2000), id="numbers"),
        pytest.param({str(i): "é" * 90 for i in range(90)}, id="nested"),
        pytest.param(Recorded("é" * 9000), id="recorded under other settings"),
    ],
)
def test_every_value_is_limited(value: Any, max_bytes: int) -> None:
    found = attribute("note", value, max_bytes=max_bytes)
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    assert len(text.encode()) <= max_bytes * 1.2  # of lists, the separators come on top
    if isinstance(value, str) and value.startswith("["):
        json.loads(found)


def test_of_a_stack_trace_the_end_is_kept() -> None:
    trace = "Traceback\n" + "  File x\n" * 500 + f"ValueError: {MAIL}"
    event = Event("exception", {"exception.stacktrace": trace, "exception.message": MAIL})
    (found,) = cleaner(max_bytes=256, capture=False).span(span(events=[event])).events
    assert found.attributes is not None
    assert str(found.attributes["exception.stacktrace"]).endswith("ValueError: [redacted:email]")
    assert found.attributes["exception.message"] == "[redacted:email]"


def test_all_parts_of_a_span_are_cleaned() -> None:
    given = span(
        name=f"chat {MAIL}",
        status=Status(StatusCode.ERROR, f"no such user {MAIL}"),
        events=[Event(f"e {MAIL}", {"a": MAIL}), Event("clean", {"a": 1})],
        links=[Link(CONTEXT, {"a": MAIL}), Link(CONTEXT)],
        resource=Resource({"process.command_line": f"run --key {KEY}"}),
        attributes={"a": MAIL},
    )
    clean = cleaner()
    once, twice = clean.span(given), clean.span(given)
    assert not {MAIL, KEY} & set(leaked(encode_spans([once]), [MAIL, KEY]))
    assert once.resource is twice.resource
    assert once.events[1] is given.events[1]
    assert (once.dropped_attributes, once.dropped_events, once.dropped_links) == (0, 0, 0)


@pytest.mark.parametrize("kind", [ReadWriteLogRecord, ReadableLogRecord])
def test_all_parts_of_a_log_record_are_cleaned(kind: type) -> None:
    given = kind(
        LogRecord(body={"a": ({"b": MAIL},)}, attributes={"a": MAIL}, event_name=f"e {MAIL}"),
        Resource({"a": MAIL}),
    )
    cleaned = cleaner().log_record(given)
    assert leaked(encode_log_records([cleaned]), [MAIL]) == []
    assert given.log_record.attributes["a"] == MAIL, "other processors have the record, too"
    assert given.log_record.body == {"a": ({"b": MAIL},)}


def test_what_is_removed_is_counted() -> None:
    given = span(
        {"gen_ai.input.messages": "[]", "gen_ai.operation.name": "chat"},
        events=[Event("gen_ai.user.message", {"content": "hello"}), Event("first token")],
    )
    found = cleaner(capture=False).span(given)
    assert dict(found.attributes or {}) == {"gen_ai.operation.name": "chat"}
    assert [event.name for event in found.events] == ["first token"]
    assert (found.dropped_attributes, found.dropped_events) == (1, 1)


@pytest.mark.parametrize(
    ("key", "beside", "removed"),
    [
        pytest.param("input", {}, False, id="input of anything"),
        pytest.param("input", {"logfire.msg": "x"}, True, id="input beside Logfire's"),
        pytest.param("gen_ai.prompt", {}, True, id="the whole prompt"),
        pytest.param("gen_ai.prompt.0.content", {}, True, id="a flattened prompt"),
        pytest.param("gen_ai.prompt.name", {}, False, id="the name of a prompt"),
        pytest.param("gen_ai.prompt.variable.city", {}, True, id="a variable of a prompt"),
        pytest.param("embedding.embeddings.0.embedding.text", {}, True, id="an embedded text"),
        pytest.param("llm.model_name", {}, False, id="a model"),
    ],
)
def test_content_is_known_by_its_name(key: str, beside: dict[str, Any], *, removed: bool) -> None:
    assert (attribute(key, "x", beside=beside, capture=False) is None) is removed
    assert attribute(key, "x", beside=beside, capture=True) == "x"


@pytest.mark.parametrize("capture", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("name", ["event_name", "event.name"])
def test_bodies_of_genai_events_are_content(name: str, *, capture: bool) -> None:
    event = "gen_ai.user.message"
    named = {"event_name": event} if name == "event_name" else {"attributes": {name: event}}
    given = record({"content": "hello"}, **named)
    found = cleaner(capture=capture).log_record(given).log_record.body
    assert found == ({"content": "hello"} if capture else None)


def test_the_hook_gets_content_and_not_what_identifies() -> None:
    def hook(_: str) -> str:
        return "***"

    given = span(
        {"gen_ai.prompt": "hello", "gen_ai.operation.name": "chat", "input.value": Recorded("x")},
        status=Status(StatusCode.ERROR, "no"),
        events=[Event("exception", {"exception.message": "no", "exception.type": "E"})],
    )
    found = cleaner(redact=hook).span(given)
    assert found.attributes == {
        "gen_ai.prompt": "***",
        "gen_ai.operation.name": "chat",
        "input.value": "x",  # it has been through the hook when it was recorded
    }
    assert found.status.description == "***"
    assert found.events[0].attributes == {"exception.message": "***", "exception.type": "E"}


def test_what_a_failing_hook_leaves_is_left_out() -> None:
    def hook(_: str) -> str:
        raise ValueError

    before = sum(faults.counts().values())
    given = span(
        {"gen_ai.prompt": "hello", "n": 1}, name="x", status=Status(StatusCode.ERROR, "hello")
    )
    found = cleaner(redact=hook).span(given)
    assert leaked(encode_spans([found]), ["hello"]) == []
    assert cleaner(redact=hook).log_record(record("hello")).log_record.body is None
    assert found.attributes == {"n": 1}
    assert sum(faults.counts().values()) == before + 3


def test_recorded_content_reaches_an_exporter_as_it_was_recorded() -> None:
    """The SDK keeps the object, by which the exporter knows that it is clean."""
    made = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("x")
    made.set_attribute("input.value", Recorded("x"))
    made.end()
    assert type(made.attributes["input.value"]) is Recorded  # type: ignore[attr-defined]
    assert cleaner().span(made) is made  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(secret=st.sampled_from(sorted(SECRETS)), kept=st.integers(0, 60), pad=st.integers(0, 90))
def test_a_secret_that_the_limit_of_the_sdk_divides_does_not_leave(
    secret: str, kept: int, pad: int
) -> None:
    """OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT cuts before anything can be cleaned."""
    limits = SpanLimits(max_span_attribute_length=pad + 1 + kept)
    tracers = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    made: Any = tracers.get_tracer("t").start_span("x")
    made._attributes.max_value_len = None  # the SDK logs each cut
    text = f"{'a b ' * pad}"[:pad] + f" {SECRETS[secret][0]}"
    made.set_attribute("note", text[: limits.max_span_attribute_length])
    made._attributes.max_value_len = limits.max_span_attribute_length
    made.end()
    assert leaked(encode_spans([cleaner().span(made)])) == []


@settings(max_examples=150, deadline=None)
@given(
    text=texts_with_secrets(),
    max_bytes=st.integers(64, 3000),
    wrap=st.sampled_from(["text", "json", "json in json", "nested", "list", "event", "body"]),
    capture=st.booleans(),
)
def test_no_secret_leaves(text: str, max_bytes: int, wrap: str, *, capture: bool) -> None:
    """Wherever it stands, and wherever the text is cut."""
    inner = json.dumps([{"role": "user", "content": text}])
    values: dict[str, Any] = {
        "text": {"a": text},
        "json": {"llm.invocation_parameters": inner},
        "json in json": {"output.value": json.dumps({"arguments": inner}), "x": inner[1:]},
        "nested": {"a": {"b": [text, {"c": text}]}},
        "list": {"a": (text, text)},
    }
    clean = cleaner(capture=capture, max_bytes=max_bytes)
    if wrap == "body":
        logged = clean.log_record(record({"content": text}, attributes={"a": text}))
        encoded = encode_log_records([logged])
    else:
        status = Status(StatusCode.ERROR, text)
        events = [Event("exception", {"exception.stacktrace": text, "exception.message": inner})]
        given = span(values.get(wrap), name=text, status=status, events=events)
        encoded = encode_spans([clean.span(given)])
    assert leaked(encoded) == []


# The captures: real telemetry of many frameworks, in five conventions.


def _any(value: dict[str, Any]) -> Any:
    return _native(ParseDict(value, AnyValue()))


def _native(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_native(each) for each in value.array_value.values)
    if kind == "kvlist_value":
        return {each.key: _native(each.value) for each in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def _attributes(message: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: _any(item["value"]) for item in message.get("attributes", [])}


def _of(path: Path, signal: str, scopes: str, records: str) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get(signal, []):
            for scope in resource[scopes]:
                yield from scope[records]


def captured_spans(path: Path) -> list[ReadableSpan]:
    return [
        span(
            _attributes(each),
            name=each["name"],
            events=[Event(e["name"], _attributes(e)) for e in each.get("events", [])],
            status=Status(
                StatusCode(each.get("status", {}).get("code", 0)),
                each.get("status", {}).get("message"),
            ),
        )
        for each in _of(path, "resourceSpans", "scopeSpans", "spans")
    ]


def captured_records(path: Path) -> list[ReadWriteLogRecord]:
    return [
        record(
            _any(each.get("body", {})),
            attributes=_attributes(each),
            event_name=each.get("eventName"),
        )
        for each in _of(path, "resourceLogs", "scopeLogs", "logRecords")
    ]


def captures() -> list[Path]:
    return sorted(shared("captures").glob("*.jsonl"))


MESSAGES = (
    *("What is the weather in Riga", "It is sunny in Riga", "You are a weather assistant"),
    *("Let me look", "You are an expert assistant", "hello Ann"),
)
"""What the applications said and were answered, in every convention."""


def test_with_content_off_no_message_of_a_capture_leaves() -> None:
    seen: set[str] = set()
    for path in captures():
        clean = cleaner(capture=False)
        spans, logged = captured_spans(path), captured_records(path)
        seen.update(leaked(encode_spans(spans), MESSAGES))
        found = leaked(encode_spans([clean.span(each) for each in spans]), MESSAGES)
        found += leaked(encode_log_records([clean.log_record(each) for each in logged]), MESSAGES)
        assert (path.name, found) == (path.name, [])
    assert seen >= set(MESSAGES[:4]), "the captures hold what this looks for"


def test_with_content_on_a_capture_leaves_as_it_is() -> None:
    """Nothing in them is secret, or long."""
    for path in captures():
        clean = cleaner(capture=True)
        for each in captured_spans(path):
            cleaned = clean.span(each)
            before, after = dict(each.attributes or {}), dict(cleaned.attributes or {})
            assert {k: (before[k], after.get(k)) for k in before if before[k] != after.get(k)} == {}
            assert cleaned.name == each.name
