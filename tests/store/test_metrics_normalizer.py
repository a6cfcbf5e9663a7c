"""Requests that need work are found, changed as little as needed, and others not touched."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_requests import CUMULATIVE, DELTA, T_NS, attributes, request
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from belvedere.otlp.exponential import MAX_SCALE, MIN_SCALE
from belvedere.store.metrics import MetricsNormalizer


def counter(temporality: int, value: int = 1, start: int = 0, **metric: Any) -> dict[str, Any]:
    point = {"startTimeUnixNano": start, "timeUnixNano": start + 1, "asInt": value}
    data = {"isMonotonic": True, "aggregationTemporality": temporality, "dataPoints": [point]}
    return {"name": "c", **metric, "sum": data}


def exponential(scale: int, **point: Any) -> dict[str, Any]:
    points = [{"timeUnixNano": T_NS, "count": 3, "sum": 1.5, "scale": scale, **point}]
    return {
        "name": "e",
        "exponentialHistogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": points},
    }


@pytest.mark.parametrize(
    "message",
    [
        request(counter(CUMULATIVE), exponential(8), exponential(-4), exponential(0)),
        request({"name": "g", "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": T_NS}]}}),
        request(),
    ],
    ids=["cumulative and in scale", "gauge", "empty"],
)
def test_the_usual_is_not_touched(message: ExportMetricsServiceRequest) -> None:
    data = message.SerializeToString()
    normalizer = MetricsNormalizer()
    assert not normalizer.needs_work(data)
    assert normalizer.normalize("default", data).data is data


def test_what_only_looks_like_work_is_not_touched() -> None:
    """A boolean attribute at the end of a point has the bytes of delta temporality."""
    point = {"asInt": 1, "timeUnixNano": T_NS, "attributes": attributes(flag=True)}
    data = request({"name": "g", "gauge": {"dataPoints": [point, point]}}).SerializeToString()
    normalizer = MetricsNormalizer()
    assert normalizer.needs_work(data)
    assert normalizer.normalize("default", data).data is data


def _needs_work(message: ExportMetricsServiceRequest) -> bool:
    for resource_metrics in message.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                data = getattr(metric, metric.WhichOneof("data") or "gauge")
                if getattr(data, "aggregation_temporality", CUMULATIVE) == DELTA:
                    return True
                if metric.WhichOneof("data") == "exponential_histogram" and any(
                    point.time_unix_nano and not MIN_SCALE <= point.scale <= MAX_SCALE
                    for point in data.data_points
                ):
                    return True
    return False


_UINT64 = st.integers(0, 2**64 - 1)
_ATTRIBUTES = st.lists(
    st.fixed_dictionaries(
        {"key": st.text(max_size=3)},
        optional={
            "value": st.one_of(
                st.fixed_dictionaries({"boolValue": st.booleans()}),
                st.fixed_dictionaries({"stringValue": st.text(max_size=3)}),
            )
        },
    ),
    max_size=2,
)
_POINTS = st.lists(
    st.fixed_dictionaries(
        {"timeUnixNano": _UINT64},
        optional={"startTimeUnixNano": _UINT64, "attributes": _ATTRIBUTES, "flags": st.just(1)},
    ),
    max_size=2,
)
_EXPONENTIAL_POINTS = st.lists(
    st.fixed_dictionaries(
        {"timeUnixNano": _UINT64, "scale": st.integers(-(2**31), 2**31 - 1) | st.integers(-6, 20)},
        optional={
            "count": _UINT64,
            "sum": st.floats(allow_nan=False, allow_infinity=False),
            "attributes": _ATTRIBUTES,
        },
    ),
    max_size=2,
)
_TEMPORALITY = {"aggregationTemporality": st.sampled_from([DELTA, CUMULATIVE])}
_METRICS = st.fixed_dictionaries(
    {"name": st.text(max_size=2)},
    optional={"metadata": _ATTRIBUTES, "unit": st.text(max_size=2)},
).flatmap(
    lambda metric: st.one_of(
        st.fixed_dictionaries({"gauge": st.fixed_dictionaries({"dataPoints": _POINTS})}),
        st.fixed_dictionaries({"sum": st.fixed_dictionaries(
            {"dataPoints": _POINTS, "isMonotonic": st.booleans(), **_TEMPORALITY})}),
        st.fixed_dictionaries({"histogram": st.fixed_dictionaries(
            {"dataPoints": _POINTS, **_TEMPORALITY})}),
        st.fixed_dictionaries({"exponentialHistogram": st.fixed_dictionaries(
            {"dataPoints": _EXPONENTIAL_POINTS, **_TEMPORALITY})}),
    ).map(lambda data: {**metric, **data})
)  # fmt: skip


@given(
    st.builds(
        lambda metrics, resource, url: request(*metrics, resource=resource, schema_url=url),
        st.lists(_METRICS, max_size=3),
        _ATTRIBUTES,
        st.text(max_size=2),
    )
)
def test_nothing_that_needs_work_is_overlooked(message: ExportMetricsServiceRequest) -> None:
    if _needs_work(message):
        assert MetricsNormalizer.needs_work(message.SerializeToString())


@pytest.mark.parametrize(
    "following",
    [
        request(counter(DELTA), counter(CUMULATIVE)),
        request(counter(DELTA, metadata=attributes(a="b"))),
        request(counter(DELTA), schema_url="url"),
        request(counter(DELTA)),
    ],
    ids=["metric", "metadata", "schema_url", "nothing"],
)
def test_delta_is_found_whatever_follows_it(following: ExportMetricsServiceRequest) -> None:
    data = following.SerializeToString()
    assert MetricsNormalizer.needs_work(data)
    assert MetricsNormalizer.needs_work(data + data)


def test_deltas_are_cumulative_per_project() -> None:
    normalizer = MetricsNormalizer()
    values = []
    for project, start in (("a", 0), ("b", 0), ("a", 1)):
        data = request(counter(DELTA, 5, start)).SerializeToString()
        normalized = normalizer.normalize(project, data)
        normalized.commit()
        message = ExportMetricsServiceRequest.FromString(normalized.data)
        data_ = message.resource_metrics[0].scope_metrics[0].metrics[0].sum
        assert data_.aggregation_temporality == CUMULATIVE
        values.append(data_.data_points[0].as_int)
    assert values == [5, 5, 10]
    assert (normalizer.streams, normalizer.evicted_streams) == (2, 0)


@pytest.mark.parametrize(
    ("metric", "expected", "dropped"),
    [
        pytest.param(
            exponential(
                10,
                positive={"offset": 3, "bucketCounts": [1, 2, 3]},
                negative={"offset": -5, "bucketCounts": [4]},
            ),
            [(8, 0, [1, 5], -2, [4])],
            {},
            id="downscaled",
        ),
        pytest.param(exponential(2**31 - 1), [(8, 0, [], 0, [])], {}, id="highest scale"),
        pytest.param(exponential(-5), [], {"scale": 1}, id="dropped"),
    ],
)
def test_scales(metric: dict[str, Any], expected: list[Any], dropped: dict[str, int]) -> None:
    normalized = MetricsNormalizer().normalize("default", request(metric).SerializeToString())
    message = ExportMetricsServiceRequest.FromString(normalized.data)
    points = message.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram
    assert [
        (
            point.scale,
            point.positive.offset,
            list(point.positive.bucket_counts),
            point.negative.offset,
            list(point.negative.bucket_counts),
        )
        for point in points.data_points
    ] == expected
    assert dict(normalized.dropped) == dropped


async def test_the_lock_keeps_concurrent_deltas_in_order() -> None:
    """As the exporter uses it, with a queue that takes its time and refuses now and then."""
    normalizer = MetricsNormalizer()
    accepted: list[int] = []

    async def export(start: int) -> None:
        data = request(counter(DELTA, 1, start, name=f"c{start % 3}")).SerializeToString()
        refusals = start % 2
        while True:
            async with normalizer.lock("default"):
                normalized = normalizer.normalize("default", data)
                await asyncio.sleep(0)
                if refusals:
                    refusals -= 1
                    continue
                normalized.commit()
            message = ExportMetricsServiceRequest.FromString(normalized.data)
            points = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
            accepted.extend(point.as_int for point in points)
            return

    for start in range(0, 30, 3):
        await asyncio.gather(*(export(start + offset) for offset in range(3)))
    assert sorted(accepted) == sorted(list(range(1, 11)) * 3)
