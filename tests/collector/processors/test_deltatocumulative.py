"""`deltatocumulative`: totals, in the order of the points, also when batches come again."""

from typing import Any

import pytest
from collector_samples import Recorder
from metric_messages import CUMULATIVE, DELTA, attributes, request

from belvedere.collector.component import Host
from belvedere.collector.errors import Retryable
from belvedere.collector.processors import deltatocumulative as module
from belvedere.collector.processors.deltatocumulative import (
    DeltaToCumulativeConfig,
    DeltaToCumulativeProcessor,
)
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Subject:
    def __init__(self, *outcomes: BaseException | None, **config: Any) -> None:
        self.recorder, self.clock = Recorder(*outcomes), Clock()
        model = DeltaToCumulativeConfig.model_validate(config)
        self.processor = DeltaToCumulativeProcessor(
            model, Host("deltatocumulative"), self.recorder, self.clock
        )

    async def take(
        self, time: int, value: int = 1, *, project: str = "p", name: str = "c"
    ) -> list[int]:
        """A delta from `time` - 1 to `time`; the totals that are handed on for it."""
        before = len(self.recorder.batches)
        await self.processor.consume(sums(time, value, project=project, name=name))
        return [total for batch in self.recorder.batches[before:] for total in totals(batch)]


def sums(time: int, value: int, *, project: str = "p", name: str = "c") -> Batch:
    point = {"startTimeUnixNano": time - 1, "timeUnixNano": time, "asInt": value}
    data = {"isMonotonic": True, "aggregationTemporality": DELTA, "dataPoints": [point]}
    return Batch.of(Signal.METRICS, request({"name": name, "sum": data}), project=project)


def totals(batch: Batch) -> list[int]:
    message: Any = batch.signal.request_type.FromString(batch.data)
    found = message.resource_metrics[0].scope_metrics[0].metrics[0].sum
    assert found.aggregation_temporality == CUMULATIVE
    return [point.as_int for point in found.data_points]


async def test_deltas_add_up_in_each_project_by_itself() -> None:
    subject = Subject()
    assert [await subject.take(time, 2) for time in (1, 2, 3)] == [[2], [4], [6]]
    assert await subject.take(9, 5, project="q") == [5]
    assert await subject.take(4, 2) == [8]


@pytest.mark.parametrize("kind", ["histogram", "exponentialHistogram"])
async def test_histograms(kind: str) -> None:
    subject = Subject()
    for time in (1, 2):
        point = {"timeUnixNano": time, "count": 3, "attributes": attributes(a=1)}
        data = {"aggregationTemporality": DELTA, "dataPoints": [point]}
        message = request({"name": "h", kind: data})
        await subject.processor.consume(Batch.of(Signal.METRICS, message))
    last: Any = subject.recorder.batches[-1].message
    (metric,) = last.resource_metrics[0].scope_metrics[0].metrics
    (found,) = getattr(metric, metric.WhichOneof("data")).data_points
    assert found.count == 6


async def test_what_is_not_delta_is_handed_on_as_it_is() -> None:
    subject = Subject()
    gauge = {"name": "g", "gauge": {"dataPoints": [{"asInt": 1}]}}
    batch = Batch.of(Signal.METRICS, request(gauge))
    await subject.processor.consume(batch)
    assert subject.recorder.batches == [batch]


async def test_a_batch_that_was_refused_comes_again_with_the_same_totals() -> None:
    subject = Subject(None, Retryable("later"))
    assert await subject.take(1, 2) == [2]
    with pytest.raises(Retryable):
        await subject.take(2, 3)
    assert await subject.take(2, 3) == [5]
    assert await subject.take(3, 1) == [6]


async def test_silent_streams_are_forgotten() -> None:
    subject = Subject(max_stale="10s")
    await subject.take(1)
    subject.clock.now_s += 9
    assert await subject.take(2) == [2]
    subject.clock.now_s += 11
    assert await subject.take(3) == [1]


async def test_more_streams_than_allowed_are_dropped_and_counted() -> None:
    counter = module._DATAPOINTS.labels("limit")._value
    before = counter.get()
    subject = Subject(max_streams=1, max_stale="10s")
    assert await subject.take(1) == [1]
    assert await subject.take(1, name="other") == []
    assert await subject.take(1, project="q") == [1]
    assert counter.get() == before + 1
    subject.clock.now_s += 11
    assert await subject.take(2, name="other") == [1]


async def test_metrics_left_without_points_are_removed() -> None:
    subject = Subject()
    await subject.take(5, name="late")
    late, new = sums(4, 1, name="late").message, sums(4, 1, name="new").message
    empty = request({"name": "empty", "sum": {"aggregationTemporality": DELTA}})
    metrics = late.resource_metrics[0].scope_metrics[0].metrics
    for message in (empty, new):
        metrics.extend(message.resource_metrics[0].scope_metrics[0].metrics)
    await subject.processor.consume(Batch.of(Signal.METRICS, late, project="p"))
    result: Any = subject.recorder.batches[-1].message
    (scope,) = result.resource_metrics[0].scope_metrics
    assert [metric.name for metric in scope.metrics] == ["new"]


async def test_points_out_of_order_are_dropped() -> None:
    subject = Subject(max_streams=0, max_stale="0s")
    assert await subject.take(5) == [1]
    assert await subject.take(4) == []
    assert await subject.take(6) == [2]
