"""`redaction`: which attributes stay, which values are masked, and what tells of it."""

import hashlib
import hmac
from typing import Any

import pytest
from collector_samples import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError
from telemetry_samples import (
    attributes_of,
    gauges,
    items_of,
    logs,
    plain,
    plain_attributes,
    put,
    resources_of,
    span,
    traces,
)

from belvedere.collector.component import Host
from belvedere.collector.processors.redaction import RedactionProcessor
from belvedere.collector.processors.redaction.config import RedactionConfig
from belvedere.otlp.batch import Batch

CARD = "4[0-9]{12}"
NUMBER = "4111111111111"


async def redacted(batch: Batch, **config: Any) -> Batch:
    recorder = Recorder()
    model = RedactionConfig.model_validate(config)
    await RedactionProcessor(model, Host("redaction"), recorder).consume(batch)
    (result,) = recorder.batches
    return result


async def one(attributes: dict[str, Any], **config: Any) -> dict[str, Any]:
    (after,) = attributes_of(await redacted(traces(attributes), **config))
    return after


@pytest.mark.parametrize(
    ("config", "before", "after"),
    [
        ({}, {"a": 1, "b": "x"}, {}),
        ({"allow_all_keys": True}, {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        ({"allowed_keys": ["a"]}, {"a": 1, "b": "x"}, {"a": 1}),
        (
            {"allowed_keys": ["a"], "ignored_keys": ["b"]},
            {"a": 1, "b": "x", "c": 1},
            {"a": 1, "b": "x"},
        ),
        ({"ignored_key_patterns": ["^safe"]}, {"safe.a": NUMBER, "un.safe": 1}, {"safe.a": NUMBER}),
        (
            {"allow_all_keys": True, "blocked_values": [CARD]},
            {"a": f"card {NUMBER}!"},
            {"a": "card ****!"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": [CARD, "no+"]},
            {"a": f"{NUMBER} nooo no"},
            {"a": "**** **** ****"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": [f"^{CARD}$"]},
            {"a": NUMBER, "b": f"x{NUMBER}"},
            {"a": "****", "b": f"x{NUMBER}"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": ["(?P<x>a)", "(?P<x>b)"]},
            {"a": "ab"},
            {"a": "********"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": ["é+"]},
            {"a": "éé", "ü": "eé"},
            {"a": "****", "ü": "e****"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": [CARD]},
            {"a": int(NUMBER)},
            {"a": int(NUMBER)},
        ),
        (
            {"allow_all_keys": True, "blocked_values": [CARD], "redact_all_types": True},
            {"a": int(NUMBER), "b": [NUMBER], "c": 1.5},
            {"a": "****", "b": '["****"]', "c": 1.5},
        ),
        (
            {"allow_all_keys": True, "blocked_key_patterns": ["token", "^key$"]},
            {"my_token_1": "s", "key": 5, "keys": "x"},
            {"my_token_1": "****", "key": "****", "keys": "x"},
        ),
        ({"allowed_keys": ["a"], "blocked_key_patterns": ["token"]}, {"token": "s"}, {}),
        (
            {"allow_all_keys": True, "blocked_values": ["@"], "allowed_values": [".+@mine.com"]},
            {"a": "me@mine.com", "b": "me@other.com"},
            {"a": "me@mine.com", "b": "me****other.com"},
        ),
        (
            {
                "allow_all_keys": True,
                "blocked_key_patterns": ["mail"],
                "allowed_values": ["mine.com"],
            },
            {"mail": "me@mine.com"},
            {"mail": "me@mine.com"},
        ),
        (
            {"allow_all_keys": True, "blocked_key_patterns": ["a"], "ignored_keys": ["a"]},
            {"a": "x"},
            {"a": "x"},
        ),
    ],
    ids=repr,
)  # fmt: skip - one row a case reads as a table
async def test_rules(config: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    assert await one(before, **config) == after


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("md5", hashlib.md5(b"x1").hexdigest()),  # noqa: S324 - what is asked for
        ("sha1", hashlib.sha1(b"x1").hexdigest()),  # noqa: S324 - what is asked for
        ("sha3", hashlib.sha3_256(b"x1").hexdigest()),
        ("hmac-sha256", hmac.new(b"k", b"x1", "sha256").hexdigest()),
        ("hmac-sha512", hmac.new(b"k", b"x1", "sha512").hexdigest()),
    ],
)
async def test_hashes(function: str, expected: str) -> None:
    config = {
        "allow_all_keys": True,
        "blocked_values": ["x1"],
        "blocked_key_patterns": ["key"],
        "hash_function": function,
        "hmac_key": "k",
    }
    assert await one({"a": "<x1>", "key": "x1"}, **config) == {
        "a": f"<{expected}>",
        "key": expected,
    }


MIXED = {"gone": 1, "a": NUMBER, "b": "fine", "ok": NUMBER + "ok", "skip": "x"}
RULES = {
    "allowed_keys": ["a", "b", "ok"],
    "blocked_values": [CARD],
    "allowed_values": ["ok$"],
    "ignored_keys": ["skip"],
}
KEPT = {"a": "****", "b": "fine", "ok": NUMBER + "ok", "skip": "x"}
COUNTS = {
    "redaction.redacted.count": 1,
    "redaction.masked.count": 1,
    "redaction.allowed.count": 1,
    "redaction.ignored.count": 1,
}
KEYS = {
    "redaction.redacted.keys": "gone",
    "redaction.masked.keys": "a",
    "redaction.allowed.keys": "ok",
}


@pytest.mark.parametrize(
    ("summary", "told"),
    [("", {}), ("silent", {}), ("info", COUNTS), ("debug", COUNTS | KEYS)],
    ids=["none", "silent", "info", "debug"],
)
async def test_summary(summary: str, told: dict[str, Any]) -> None:
    assert await one(MIXED, summary=summary, **RULES) == KEPT | told


async def test_a_second_redaction_adds_to_the_summary() -> None:
    first = await redacted(traces(MIXED), summary="debug", **RULES)
    (after,) = attributes_of(
        await redacted(first, summary="debug", allowed_keys=["b"], blocked_values=["fine"])
    )
    assert after["redaction.redacted.keys"] == "a,gone,ok,skip"
    assert after["redaction.redacted.count"] == 4
    assert after["redaction.masked.keys"] == "a,b"
    assert after["b"] == "****"


async def test_everywhere_where_there_are_attributes() -> None:
    config = {"allow_all_keys": True, "blocked_values": [CARD]}
    secret = {"s": NUMBER}
    with_event = span(secret, events=[Span.Event(name="e")])
    put(with_event.events[0].attributes, secret)
    batch = traces(with_event, resource=secret)
    put(batch.message.resource_spans[0].scope_spans[0].scope.attributes, secret)  # type: ignore[union-attr] # a batch of traces
    batch = Batch.of(batch.signal, batch.message)
    for each in (batch, logs(secret, resource=secret), gauges(secret, resource=secret)):
        result = await redacted(each, **config)
        assert NUMBER.encode() not in result.data
        assert resources_of(result) == attributes_of(result) == [{"s": "****"}]
    (item,) = items_of(await redacted(batch, **config))
    assert plain_attributes(item.events[0].attributes) == {"s": "****"}


@pytest.mark.parametrize(
    ("body", "config", "after", "told"),
    [
        (f"pay {NUMBER}", {}, "pay ****", {"masked": "body"}),
        (int(NUMBER), {}, "****", {"masked": "body"}),
        ("fine", {}, "fine", {}),
        (None, {}, None, {}),
        (f"{NUMBER} ok", {"allowed_values": ["ok"]}, f"{NUMBER} ok", {"allowed": "body"}),
        (
            {"user": {"card": NUMBER, "token": 5, "id": 1}, "list": ["a", [NUMBER]]},
            {"blocked_key_patterns": ["token"]},
            {"user": {"card": "****", "token": "****", "id": 1}, "list": ["a", ["****"]]},
            {"masked": "list.[1].[0],user.card,user.token"},
        ),
        (
            {"a": {"a": 1, "b": 2, "c": 3}, "b": 2},
            {"allow_all_keys": False, "allowed_keys": ["a"], "ignored_keys": ["c"]},
            {"a": {"a": 1, "c": 3}},
            {"redacted": "a.b,b", "ignored": None},
        ),
        (
            [{"token": "x"}],
            {"blocked_key_patterns": ["token"]},
            [{"token": "****"}],
            {"masked": "[0].token"},
        ),
    ],
    ids=repr,
)  # fmt: skip - one row a case reads as a table
async def test_bodies(
    body: Any, config: dict[str, Any], after: Any, told: dict[str, str | None]
) -> None:
    base = {"allow_all_keys": True, "blocked_values": [CARD], "summary": "debug"}
    (record,) = items_of(await redacted(logs({}, bodies=(body,)), **(base | config)))
    assert plain(record.body) == after
    attributes = plain_attributes(record.attributes)
    assert {key for key in attributes if key.endswith("count")} == {
        f"redaction.body.{kind}.count" for kind in told
    }
    for kind, keys in told.items():
        assert attributes.get(f"redaction.body.{kind}.keys") == keys


VALUES = st.sampled_from(["", "ab", "aab", "é", NUMBER, 5, True, ["ab"], "b\na"])


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES),
    st.lists(st.sampled_from(["a+b", "^a", "b$", CARD, "é", r"\bb", "(?i)AA"]), max_size=3),
)
async def test_masks_what_each_expression_finds(
    attributes: dict[str, Any], patterns: list[str]
) -> None:
    import re2

    expected = dict(attributes)
    for key, value in attributes.items():
        for pattern in patterns if isinstance(value, str) else ():
            expected[key] = re2.sub(pattern, "****", expected[key])
    assert await one(attributes, allow_all_keys=True, blocked_values=patterns) == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"blocked_values": ["("]}, "no regular expression"),
        ({"hash_function": "rot13"}, "md5"),
        ({"hash_function": "hmac-sha256"}, "needs an hmac_key"),
        ({"summary": "loud"}, "debug"),
        ({"url_sanitizer": {"enabled": True}}, "not supported"),
        ({"db_sanitizer": {"sql": {"enabled": True, "attributes": ["a"]}}}, "not supported"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RedactionConfig.model_validate(config)


def test_accepts_what_is_switched_off() -> None:
    off = {"url_sanitizer": {"enabled": False}, "db_sanitizer": {"sql": {"enabled": False}}}
    assert RedactionConfig.model_validate(off)
