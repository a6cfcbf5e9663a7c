"""`count`: what is counted, by what, and under which times."""

from dataclasses import replace
from typing import Any

import pytest
from collector_samples import batch_of
from connector_samples import Made, points_in, series_of
from pydantic import ValidationError
from telemetry_samples import gauges, logs, put, resources_of, span, traces

from belvedere.collector.connectors.count.config import CountConfig
from belvedere.collector.errors import Permanent, Retryable
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


async def counted(batch: Batch, **config: Any) -> dict[Any, Any]:
    made = Made("count", **config)
    await made.connector.consume(batch)
    return made.values


def with_events(*names: str) -> Any:
    one = span()
    for name in names:
        put(one.events.add(name=name).attributes, {"kind": name})
    return one


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        pytest.param(
            traces(with_events("a", "b"), {}),
            {"trace.span.count": 2, "trace.span.event.count": 2},
            id="traces",
        ),
        pytest.param(traces({}), {"trace.span.count": 1}, id="no_events"),
        pytest.param(
            gauges({}, {}), {"metric.count": 1, "metric.datapoint.count": 2}, id="metrics"
        ),
        pytest.param(logs({}, {}), {"log.record.count": 2}, id="logs"),
    ],
)
async def test_without_configuration_all_is_counted(batch: Batch, expected: dict[str, int]) -> None:
    assert {name: value for (name, _), value in (await counted(batch)).items()} == expected


LOGS = logs({"env": "prod"}, {"env": "test"}, {"env": "prod", "n": 7}, {}, resource={"team": "x"})


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param({"conditions": ['attributes["env"] == "prod"']}, {(): 2}, id="condition"),
        pytest.param(
            {"conditions": ['attributes["env"] == "prod"', 'attributes["n"] == nil']},
            {(): 4},
            id="any_condition",
        ),
        pytest.param(
            {"attributes": [{"key": "env"}]},
            {(("env", "prod"),): 2, (("env", "test"),): 1},
            id="attribute",
        ),
        pytest.param(
            {"attributes": [{"key": "env", "default_value": "none"}]},
            {(("env", "prod"),): 2, (("env", "test"),): 1, (("env", "none"),): 1},
            id="default",
        ),
        pytest.param(
            {"attributes": [{"key": "n", "default_value": 1}]},
            {(("n", 7),): 1, (("n", 1),): 3},
            id="numbers",
        ),
        pytest.param(
            {"attributes": [{"key": "team"}]}, {(("team", "x"),): 4}, id="of_the_resource"
        ),
        pytest.param(
            {"attributes": [{"key": "env"}], "conditions": ['attributes["n"] == 7']},
            {(("env", "prod"),): 1},
            id="both",
        ),
        pytest.param({"conditions": ['attributes["env"] == "x"']}, {}, id="nothing"),
    ],
)
async def test_conditions_and_attributes(metric: dict[str, Any], expected: dict[Any, int]) -> None:
    values = await counted(LOGS, logs={"my.count": metric | {"description": "Mine."}})
    assert values == {("my.count", labels): count for labels, count in expected.items()}


@pytest.mark.parametrize(
    ("section", "batch", "condition", "count"),
    [
        pytest.param("spans", traces({"a": 1}, {}), 'attributes["a"] == 1', 1, id="spans"),
        pytest.param(
            "spanevents", traces(with_events("a", "b", "a")), 'name == "a"', 2, id="spanevents"
        ),
        pytest.param("metrics", gauges({}, {}, name="x"), 'name == "x"', 1, id="metrics"),
        pytest.param(
            "datapoints", gauges({"a": 1}, {}), 'attributes["a"] == 1', 1, id="datapoints"
        ),
    ],
)
async def test_each_kind_has_its_conditions(
    section: str, batch: Batch, condition: str, count: int
) -> None:
    values = await counted(batch, **{section: {"mine": {"conditions": [condition]}}})
    assert values[series_of("mine", {})] == count


async def test_resources_stay_apart_and_empty_ones_are_left_out() -> None:
    made = Made("count")
    message: Any = logs({}, resource={"a": 1}).message
    message.resource_logs.add()
    message.MergeFrom(logs({}, {}, resource={"a": 2}).message)
    await made.connector.consume(
        Batch.of(Signal.LOGS, message, project="p", metadata={"x-tenant": ("t",)})
    )
    (batch,) = made.recorder.batches
    assert resources_of(batch) == [{"a": 1}, {"a": 2}]
    assert (batch.project, batch.metadata) == ("p", {"x-tenant": ("t",)})


async def test_points_follow_one_another_even_within_a_millisecond() -> None:
    made = Made("count")
    for _ in range(3):
        await made.connector.consume(logs({}))
    intervals = [
        (point.start_time_unix_nano, point.time_unix_nano)
        for batch in made.recorder.batches
        for _, point in points_in(batch)
    ]
    begin, step = 1000 * 10**9, 10**6
    assert intervals == [(begin + (n - 1) * step, begin + n * step) for n in range(3)]


async def test_what_is_not_accepted_is_told() -> None:
    made = Made("count", Retryable("later"))
    with pytest.raises(Retryable, match="later"):
        await made.connector.consume(logs({}))


async def test_a_value_that_does_not_fit_refuses_the_batch() -> None:
    made = Made("count", logs={"x": {"conditions": ['IsMatch(attributes["a"], body)']}})
    with pytest.raises(Permanent, match="count"):
        await made.connector.consume(logs({"a": "x"}, bodies=("[",)))


async def test_an_empty_batch_makes_nothing() -> None:
    made = Made("count")
    await made.connector.consume(batch_of(Signal.LOGS, []))
    assert made.recorder.batches == []


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({"logs": {"x": {"conditions": ["nothing =="]}}}, "expected", id="condition"),
        pytest.param({"spans": {"x": {"conditions": ["body == 1"]}}}, "body", id="path"),
        pytest.param(
            {"metrics": {"x": {"attributes": [{"key": "a"}]}}}, "data points", id="metrics"
        ),
        pytest.param({"logs": {"": {}}}, "needs a name", id="name"),
        pytest.param({"logs": {"x": {"attributes": [{"key": ""}]}}}, "at least 1", id="key"),
    ],
)
def test_configurations_that_cannot_be(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        CountConfig.model_validate(config)


async def test_conditions_on_the_request() -> None:
    acme = {"n": {"conditions": ['otelcol.client.metadata["X-Tenant"][0] == "acme"']}}
    for tenant, number in (("acme", 2), ("other", 0)):
        batch = replace(logs({}, {}), metadata={"x-tenant": (tenant,)})
        assert sum((await counted(batch, logs=acme)).values()) == number
