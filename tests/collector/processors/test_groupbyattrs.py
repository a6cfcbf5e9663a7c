"""`groupbyattrs`: attributes move to resources; the same resource is there once."""

from typing import Any

import pytest
from collector_samples import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_messages import CUMULATIVE, DELTA, request
from telemetry_samples import (
    attributes_of,
    gauges,
    items_of,
    logs,
    plain_attributes,
    resources_of,
    traces,
)

from belvedere.collector.component import Host
from belvedere.collector.processors.groupbyattrs import GroupByAttrsConfig, GroupByAttrsProcessor
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import scopes_of
from belvedere.otlp.signal import Signal


async def grouped(batch: Batch, *keys: str) -> Batch:
    recorder = Recorder()
    config = GroupByAttrsConfig(keys=keys)
    await GroupByAttrsProcessor(config, Host("groupbyattrs"), recorder).consume(batch)
    (result,) = recorder.batches
    assert result.items == batch.items
    return result


def joined(*batches: Batch) -> Batch:
    return Batch.joined(batches)


@pytest.mark.parametrize("make", [traces, logs, gauges], ids=list(Signal))
async def test_records_move_to_resources_of_their_values(make: Any) -> None:
    batch = make(
        {"host": "a", "x": 1},
        {"host": "b", "x": 2},
        {"x": 3, "host": "a"},
        {"x": 4},
        resource={"r": 1, "host": "old"},
    )
    result = await grouped(batch, "host", "none")
    assert resources_of(result) == [
        {"r": 1, "host": "a"},
        {"r": 1, "host": "b"},
        {"r": 1, "host": "old"},
    ]
    assert attributes_of(result) == [{"x": 1}, {"x": 3}, {"x": 2}, {"x": 4}]


async def test_a_key_that_is_only_sometimes_there() -> None:
    result = await grouped(traces({"a": 1, "b": 2}, {"b": 2}, {"b": 2, "a": 1}), "a", "b")
    assert resources_of(result) == [{"a": 1, "b": 2}, {"b": 2}]


async def test_values_of_other_types_are_other_values() -> None:
    result = await grouped(traces({"a": 1}, {"a": "1"}), "a")
    assert resources_of(result) == [{"a": 1}, {"a": "1"}]


async def test_without_keys_the_same_resource_and_scope_become_one() -> None:
    batch = joined(
        traces({"n": 1}, resource={"a": 1, "b": 2}, scope=("lib", "1")),
        traces({"n": 2}, resource={"b": 2, "a": 1}, scope=("lib", "1")),
        traces({"n": 3}, resource={"a": 1, "b": 2}, scope=("lib", "2")),
        traces({"n": 4}, resource={"a": 1}, scope=("lib", "1")),
    )
    message = (await grouped(batch)).message
    found = [
        (plain_attributes(entry.resource.attributes), scope.scope.version, len(spans))
        for entry, scope, spans in scopes_of(Signal.TRACES, message)
    ]
    assert found == [({"a": 1, "b": 2}, "1", 2), ({"a": 1, "b": 2}, "2", 1), ({"a": 1}, "1", 1)]


async def test_points_of_the_same_metric_become_one_metric() -> None:
    def sum_of(temporality: int, value: int, unit: str = "") -> Batch:
        data = {"aggregationTemporality": temporality, "dataPoints": [{"asInt": value}]}
        return Batch.of(Signal.METRICS, request({"name": "m", "unit": unit, "sum": data}))

    batch = joined(
        sum_of(DELTA, 1), sum_of(CUMULATIVE, 2), sum_of(DELTA, 3), sum_of(DELTA, 4, "s"), gauges({})
    )
    result = await grouped(batch)
    metrics = [m for _, _, metrics in scopes_of(Signal.METRICS, result.message) for m in metrics]
    values = [[point.as_int for point in metric.sum.data_points] for metric in metrics]
    assert values == [[1, 3], [2], [4], []]
    assert [metric.sum.aggregation_temporality for metric in metrics[:2]] == [DELTA, CUMULATIVE]
    assert len(metrics[3].gauge.data_points) == 1


KEYS = st.sampled_from(["a", "b", "c"])
ATTRIBUTES = st.dictionaries(KEYS, st.integers(0, 1), max_size=3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(ATTRIBUTES, st.lists(ATTRIBUTES, min_size=1, max_size=4)), min_size=1, max_size=4
    ),
    st.lists(KEYS, max_size=2),
)
async def test_each_record_keeps_what_it_says(
    entries: list[tuple[dict[str, int], list[dict[str, int]]]], keys: list[str]
) -> None:
    """Of resource and record together, with the record's value before the resource's."""
    batch = joined(*(logs(*records, resource=resource) for resource, records in entries))

    def together(of: Batch) -> list[Any]:
        message = of.signal.request_type.FromString(of.data)
        return sorted(
            sorted(
                (
                    {**plain_attributes(entry.resource.attributes)} | plain_attributes(r.attributes)
                ).items()
            )
            for entry, _, records in scopes_of(Signal.LOGS, message)
            for r in records
        )

    result = await grouped(batch, *keys)
    assert together(result) == together(batch)
    resources = [tuple(sorted(each.items())) for each in resources_of(result)]
    assert len(set(resources)) == len(resources)
    assert not any(each.key in keys for item in items_of(result) for each in item.attributes)
