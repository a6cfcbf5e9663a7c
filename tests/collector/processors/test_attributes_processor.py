"""`attributes` and `resource`: actions, one by one and in a row; what they act upon."""

import hashlib
from typing import Any

import pytest
from collector_samples import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import ValidationError
from telemetry_samples import attributes_of, gauges, logs, put, resources_of, span, traces

from belvedere.collector.component import Host
from belvedere.collector.processors.attribute_actions.plan import Keys
from belvedere.collector.processors.attributes import AttributesConfig, AttributesProcessor
from belvedere.collector.processors.resource import ResourceConfig, ResourceProcessor
from belvedere.otlp.batch import CLIENT_ADDRESS, Batch
from belvedere.otlp.signal import Signal


async def attributes(batch: Batch, *actions: dict[str, Any], **selection: Any) -> Batch:
    recorder = Recorder()
    config = AttributesConfig.model_validate({"actions": actions, **selection})
    await AttributesProcessor(config, Host("attributes"), recorder).consume(batch)
    (result,) = recorder.batches
    return result


async def one(before: dict[str, Any], *actions: dict[str, Any]) -> dict[str, Any]:
    (after,) = attributes_of(await attributes(traces(before), *actions))
    return after


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ({"action": "insert", "value": 1}, {}, {"k": 1}),
        ({"action": "insert", "value": 1}, {"k": 0}, {"k": 0}),
        ({"action": "insert", "value": 1}, {"other": "k"}, {"other": "k", "k": 1}),
        ({"action": "update", "value": 1}, {}, {}),
        ({"action": "update", "value": 1}, {"k": "0"}, {"k": 1}),
        ({"action": "upsert", "value": 1}, {}, {"k": 1}),
        ({"action": "upsert", "value": "x"}, {"k": 0}, {"k": "x"}),
        ({"action": "UPSERT", "value": ""}, {"k": 0}, {"k": ""}),
        ({"action": "upsert", "value": False}, {}, {"k": False}),
        ({"action": "upsert", "value": ["a", 1.5]}, {}, {"k": ["a", 1.5]}),
        ({"action": "insert", "from_attribute": "f"}, {"f": 2}, {"f": 2, "k": 2}),
        ({"action": "insert", "from_attribute": "f"}, {"f": 2, "k": 1}, {"f": 2, "k": 1}),
        ({"action": "update", "from_attribute": "f"}, {"f": 2, "k": 1}, {"f": 2, "k": 2}),
        ({"action": "upsert", "from_attribute": "f"}, {"k": 1}, {"k": 1}),
        ({"action": "upsert", "from_attribute": "f"}, {"k": "f"}, {"k": "f"}),
        ({"action": "upsert", "from_attribute": "f", "default_value": 3}, {}, {"k": 3}),
        (
            {"action": "upsert", "from_attribute": "f", "default_value": 3},
            {"g": "f"},
            {"g": "f", "k": 3},
        ),
        ({"action": "insert", "default_value": 3}, {}, {"k": 3}),
        ({"action": "delete"}, {"k": 1, "ke": 2}, {"ke": 2}),
        ({"action": "delete", "pattern": "^a"}, {"k": 1, "ab": 2, "ba": 3, "ac": 4}, {"ba": 3}),
        ({"action": "hash"}, {"k": "x"}, {"k": sha(b"x")}),
        ({"action": "hash"}, {"k": True}, {"k": sha(b"\x01")}),
        ({"action": "hash"}, {"k": 1}, {"k": sha(b"\x01" + b"\0" * 7)}),
        ({"action": "hash"}, {"k": 1.0}, {"k": sha(b"\0" * 6 + b"\xf0\x3f")}),
        ({"action": "hash"}, {"k": ["a"]}, {"k": ""}),
        (
            {"action": "hash", "pattern": "e$"},
            {"k": "x", "he": "y", "z": "z"},
            {"k": sha(b"x"), "he": sha(b"y"), "z": "z"},
        ),
        (
            {"action": "extract", "pattern": r"(?P<a>\w+)@(?P<b>\w+)?"},
            {"k": "<me@here>"},
            {"k": "<me@here>", "a": "me", "b": "here"},
        ),
        (
            {"action": "extract", "pattern": r"(?P<a>\w+)@(?P<b>\w+)?"},
            {"k": "me@", "a": 1},
            {"k": "me@", "a": "me", "b": ""},
        ),
        ({"action": "extract", "pattern": "(?P<a>x)"}, {"k": "y"}, {"k": "y"}),
        ({"action": "extract", "pattern": "(?P<a>1)"}, {"k": 1}, {"k": 1}),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if value else "none",
)  # fmt: skip - one row a case reads as a table
async def test_actions(
    action: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert await one(before, {"key": "k", **action}) == after


@pytest.mark.parametrize(
    ("converted_type", "before", "after"),
    [
        ("string", 1.0, "1"),
        ("string", True, "true"),
        ("string", {"a": 1}, '{"a":1}'),
        ("int", "0012", 12),
        ("int", "-9223372036854775808", -(1 << 63)),
        ("int", "9223372036854775808", "9223372036854775808"),
        ("int", "1.5", "1.5"),
        ("int", " 1", " 1"),
        ("int", "1_0", "1_0"),
        ("int", "٣", "٣"),
        ("int", -1.9, -1),
        ("int", 1e300, 1e300),
        ("int", True, 1),
        ("int", ["1"], ["1"]),
        ("double", 2, 2.0),
        ("double", "1.5e3", 1500.0),
        ("double", ".5", 0.5),
        ("double", "1e999", "1e999"),
        ("double", "+Inf", float("inf")),
        ("double", "1,5", "1,5"),
        ("double", False, 0.0),
    ],
    ids=repr,
)
async def test_conversions(converted_type: str, before: Any, after: Any) -> None:
    action = {"key": "k", "action": "convert", "converted_type": converted_type}
    converted = (await one({"k": before}, action))["k"]
    assert (converted, type(converted)) == (after, type(after))


async def test_actions_build_on_each_other() -> None:
    after = await one(
        {"email": "me@here"},
        {"key": "email", "action": "extract", "pattern": "@(?P<host>.*)"},
        {"key": "domain", "action": "insert", "from_attribute": "host"},
        {"key": "host", "action": "delete"},
        {"key": "email", "action": "delete"},
        {"key": "again", "action": "upsert", "from_attribute": "email"},
        {"key": "domain", "action": "update", "value": "there"},
    )
    assert after == {"domain": "there"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("metadata.X-Tenant", "a;b"),
        ("x-tenant", "a;b"),
        ("client.address", "10.0.0.1"),
        ("metadata.other", None),
    ],
)
async def test_values_from_the_request(name: str, expected: str | None) -> None:
    batch = traces({}, metadata={"x-tenant": ("a", "b"), CLIENT_ADDRESS: ("10.0.0.1",)})
    action = {"key": "k", "action": "upsert", "from_context": name}
    (after,) = attributes_of(await attributes(batch, action))
    assert after.get("k") == expected
    (after,) = attributes_of(await attributes(batch, action | {"default_value": "d"}))
    assert after["k"] == expected or after["k"] == "d"


def every_kind_of_metric() -> Batch:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        metric = scope.metrics.add(name=kind)
        put(getattr(metric, kind).data_points.add().attributes, {"k": 0})
    scope.metrics.add(name="of no kind")
    return Batch.of(Signal.METRICS, request)


@pytest.mark.parametrize(
    "batch", [traces({"k": 0}, {}), logs({"k": 0}, {}), every_kind_of_metric()], ids=list(Signal)
)
async def test_all_signals(batch: Batch) -> None:
    after = await attributes(batch, {"key": "k", "action": "upsert", "value": 1})
    assert attributes_of(after) == [{"k": 1}] * batch.items
    assert after.items == batch.items


@pytest.mark.parametrize(
    "action",
    [
        {"action": "delete"},
        {"action": "update", "value": 1},
        {"action": "hash"},
        {"action": "convert", "converted_type": "int"},
        {"action": "extract", "pattern": "(?P<a>x)"},
        {"action": "upsert", "from_attribute": "f"},
        {"action": "upsert", "from_context": "metadata.f"},
    ],
    ids=str,
)
async def test_a_batch_without_the_key_is_handed_on_as_it_is(action: dict[str, Any]) -> None:
    batch = traces({"other": 1})
    assert await attributes(batch, {"key": "key", **action}) is batch


async def test_the_batch_that_came_is_not_changed() -> None:
    batch = traces({"k": 0}, project="p", metadata={"a": ("b",)})
    before = batch.data, batch.message.SerializeToString()
    after = await attributes(batch, {"key": "k", "action": "upsert", "value": 1})
    assert (batch.data, batch.message.SerializeToString()) == before
    assert (after.project, after.metadata) == ("p", {"a": ("b",)})


async def test_resource_attributes() -> None:
    recorder = Recorder()
    config = ResourceConfig.model_validate(
        {
            "attributes": [
                {"key": "zone", "action": "upsert", "value": "z"},
                {"key": "secret", "action": "delete"},
            ]
        }
    )
    processor = ResourceProcessor(config, Host("resource"), recorder)
    for make in (traces, logs, gauges):
        await processor.consume(make({"secret": 1}, resource={"secret": 2, "a": 3}))
    for batch in recorder.batches:
        assert resources_of(batch) == [{"a": 3, "zone": "z"}]
        assert attributes_of(batch) == [{"secret": 1}]
    unchanged = ResourceConfig.model_validate({"attributes": [{"key": "no", "action": "delete"}]})
    batch = traces({})
    await ResourceProcessor(unchanged, Host("resource"), recorder).consume(batch)
    assert recorder.batches[-1] is batch


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"action": "insert", "value": 1}, "insert needs a key"),
        ({"action": "delete"}, "delete needs a key or a pattern"),
        ({"action": "upsert", "key": "k"}, "upsert needs value, from_attribute, from_context or"),
        ({"action": "update", "key": "k", "value": 1, "from_attribute": "f"}, "from one place"),
        ({"action": "update", "key": "k", "value": 1, "pattern": "f"}, "does not use pattern"),
        ({"action": "hash", "key": "k", "value": 1}, "does not use value"),
        ({"action": "extract", "key": "k"}, "extract needs pattern"),
        ({"action": "extract", "key": "k", "pattern": "x"}, "needs a name"),
        ({"action": "extract", "key": "k", "pattern": "(?P<a>x)(y)"}, "needs a name"),
        ({"action": "delete", "pattern": "("}, "no regular expression"),
        ({"action": "convert", "key": "k"}, "convert needs converted_type"),
        (
            {"action": "convert", "key": "k", "converted_type": "bool"},
            "'int', 'double' or 'string'",
        ),
        ({"action": "grow", "key": "k"}, "'insert', 'update'"),
        ({"action": "upsert", "key": "k", "from_context": "auth.sub"}, "auth. is not supported"),
        ({"action": "upsert", "key": "k", "value": 1 << 64}, "more than 64 bits"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refuses_configurations(action: dict[str, Any], message: str) -> None:
    for model, key in ((AttributesConfig, "actions"), (ResourceConfig, "attributes")):
        with pytest.raises(ValidationError, match=message):
            model.model_validate({key: [action]})


VALUES = st.sampled_from([0, "k", "", 1.5, True, ["k"], {"f": 1}])


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["k", "f", "g"]), VALUES),
    st.lists(
        st.fixed_dictionaries(
            {
                "key": st.sampled_from(["k", "f"]),
                "action": st.sampled_from(["insert", "update", "upsert"]),
            },
        ).flatmap(
            lambda action: st.one_of(
                VALUES.map(lambda value: {**action, "value": value}),
                st.just({**action, "from_attribute": "g"}),
            )
        )
        | st.sampled_from([{"key": "k", "action": "delete"}, {"key": "g", "action": "delete"}]),
        min_size=1,
        max_size=5,
    ),
)
async def test_same_as_on_a_dictionary(
    before: dict[str, Any], actions: list[dict[str, Any]]
) -> None:
    expected = dict(before)
    for action in actions:
        key, verb = action["key"], action["action"]
        if verb == "delete":
            expected.pop(key, None)
        elif "value" in action or "g" in expected:
            value = action["value"] if "value" in action else expected["g"]
            if (verb != "insert" or key not in expected) and (verb != "update" or key in expected):
                expected[key] = value
    assert await one(before, *actions) == expected


async def test_of_a_key_that_is_there_twice_the_first_is_updated_and_all_are_deleted() -> None:
    double = span({"k": 1})
    put(double.attributes, {"k": 2, "other": 3})
    batch = await attributes(traces(double), {"key": "k", "action": "update", "value": 5})
    request = Signal.TRACES.request_type.FromString(batch.data)
    (changed,) = request.resource_spans[0].scope_spans[0].spans
    assert [each.value.int_value for each in changed.attributes] == [5, 2, 3]
    (rest,) = attributes_of(await attributes(batch, {"key": "k", "action": "delete"}))
    assert rest == {"other": 3}


@pytest.mark.parametrize("length", [b"\x01", b"\x81\x00", b"\x81\x80\x00"])
def test_a_key_is_found_in_whatever_form_its_length_is_written(length: bytes) -> None:
    pair = b"\x0a" + length + b"k\x12\x02\x18\x01"
    assert KeyValue.FromString(pair) == KeyValue(key="k", value=AnyValue(int_value=1))
    assert Keys(b"..." + pair).may_have("k")
    assert not Keys(b"..." + pair).may_have("kk")


def test_a_longer_key_is_another_one() -> None:
    keys = Keys(traces({"deployment.environment.name": "x"}).data)
    assert keys.may_have("deployment.environment.name")
    assert not keys.may_have("deployment.environment")
    assert not keys.may_have("environment.name")
