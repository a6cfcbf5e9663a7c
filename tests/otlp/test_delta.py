"""Delta temporality becomes cumulative, in order, all or nothing."""

import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from metric_messages import CUMULATIVE, DELTA, NO_RECORDED_VALUE, attributes, request

from belvedere.otlp.delta import DeltaAccumulator


def sum_request(*points: dict[str, Any], **metric: Any) -> Any:
    data = {"isMonotonic": True, "aggregationTemporality": DELTA, "dataPoints": points}
    return request({"name": "c", **metric, "sum": data})


def at(start: int, time: int, **point: Any) -> dict[str, Any]:
    return {"startTimeUnixNano": start, "timeUnixNano": time, **point}


def convert(accumulator: DeltaAccumulator, message: Any) -> tuple[list[Any], dict[str, int]]:
    """Convert and accept; the points and what was dropped. A metric without points is removed."""
    conversion = accumulator.convert(message)
    conversion.commit()
    metrics = message.resource_metrics[0].scope_metrics[0].metrics
    if not metrics:
        return [], dict(conversion.dropped)
    (metric,) = metrics
    data = getattr(metric, metric.WhichOneof("data"))
    assert data.aggregation_temporality == CUMULATIVE
    return list(data.data_points), dict(conversion.dropped)


@pytest.mark.parametrize(
    ("points", "expected", "dropped"),
    [
        pytest.param(
            [at(0, 1, asInt=5), at(1, 2, asInt=7)], [(0, 1, 5), (0, 2, 12)], {}, id="adds up"
        ),
        pytest.param(
            [at(0, 1, asInt=5), at(1, 2, asDouble=0.5)],
            [(0, 1, 5), (0, 2, 5.5)],
            {},
            id="types mix",
        ),
        pytest.param(
            [at(5, 6, asInt=1), at(8, 9, asInt=1)], [(5, 6, 1), (5, 9, 2)], {}, id="gap: goes on"
        ),
        pytest.param(
            [at(0, 5, asInt=1), at(5, 9, asInt=1), at(0, 5, asInt=1)],
            [(0, 5, 1), (0, 9, 2)],
            {"out_of_order": 1},
            id="sent again",
        ),
        pytest.param(
            [at(0, 5, asInt=1), at(3, 9, asInt=1), at(5, 9, asInt=2)],
            [(0, 5, 1), (0, 9, 3)],
            {"overlap": 1},
            id="overlap",
        ),
        pytest.param(
            [at(0, 5, asInt=1), at(0, 9, asInt=1)],
            [(0, 5, 1), (0, 9, 2)],
            {},
            id="start is not known",
        ),
        pytest.param(
            [at(1, 5, asDouble=1), at(5, 6, asDouble="NaN"), at(6, 7, asDouble=1)],
            [(1, 5, 1), (1, 7, 2)],
            {"not_a_number": 1},
            id="NaN",
        ),
        pytest.param(
            [at(1, 5, asInt=2**63 - 1), at(5, 6, asInt=1)],
            [(1, 5, 2**63 - 1), (1, 6, 2.0**63)],
            {},
            id="more than 64 bits",
        ),
        pytest.param(
            [at(1, 5, asInt=1), at(5, 6, flags=NO_RECORDED_VALUE), at(6, 7, asInt=1)],
            [(1, 5, 1), (5, 6, 0), (1, 7, 2)],
            {},
            id="no recorded value passes",
        ),
    ],
)
def test_sums(
    points: list[dict[str, Any]], expected: list[tuple[int, int, float]], dropped: dict[str, int]
) -> None:
    """In one request, and each point in a request of its own."""
    found, reasons = convert(DeltaAccumulator(), sum_request(*points))
    assert _rows(found) == expected
    assert reasons == dropped

    accumulator = DeltaAccumulator()
    one_by_one = [
        row for point in points for row in _rows(convert(accumulator, sum_request(point))[0])
    ]
    assert one_by_one == expected


def _rows(points: list[Any]) -> list[tuple[int, int, float]]:
    return [
        (p.start_time_unix_nano, p.time_unix_nano, getattr(p, p.WhichOneof("value") or "as_int"))
        for p in points
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (sum_request(at(0, 1, asInt=1), name="a"), sum_request(at(0, 1, asInt=1), name="b")),
        (sum_request(at(0, 1, asInt=1), unit="s"), sum_request(at(0, 1, asInt=1), unit="ms")),
        (
            sum_request(at(0, 1, asInt=1, attributes=attributes(k="1"))),
            sum_request(at(0, 1, asInt=1, attributes=attributes(k=1))),
        ),
    ],
    ids=["name", "unit", "attribute type"],
)
def test_streams_are_told_apart(a: Any, b: Any) -> None:
    accumulator = DeltaAccumulator()
    assert _rows(convert(accumulator, a)[0]) == _rows(convert(accumulator, b)[0]) == [(0, 1, 1)]
    assert len(accumulator) == 2


def test_the_order_of_attributes_does_not_matter() -> None:
    accumulator = DeltaAccumulator()
    convert(accumulator, sum_request(at(0, 1, asInt=1, attributes=attributes(a=1, b=2))))
    found, _ = convert(accumulator, sum_request(at(1, 2, asInt=1, attributes=attributes(b=2, a=1))))
    assert _rows(found) == [(0, 2, 2)]


def test_a_refused_request_changes_nothing() -> None:
    """It is converted to the same values when the client sends it again."""
    accumulator = DeltaAccumulator()
    convert(accumulator, sum_request(at(0, 1, asInt=1)))
    for _ in range(2):
        message = sum_request(at(1, 2, asInt=10))
        conversion = accumulator.convert(message)
        point = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
        assert point.as_int == 11
    conversion.commit()
    assert _rows(convert(accumulator, sum_request(at(2, 3, asInt=100)))[0]) == [(0, 3, 111)]


def test_what_is_cumulative_stays_as_it_is() -> None:
    message = request(
        {"name": "c", "sum": {"aggregationTemporality": CUMULATIVE, "dataPoints": [at(0, 1)]}},
        {"name": "g", "gauge": {"dataPoints": [at(0, 1, asInt=1)]}},
        {"name": "s", "summary": {"dataPoints": [at(0, 1)]}},
        {"name": "none"},
    )
    before = message.SerializeToString()
    accumulator = DeltaAccumulator()
    assert accumulator.convert(message).converted == 0
    assert message.SerializeToString() == before
    assert len(accumulator) == 0


def test_the_longest_silent_streams_are_forgotten() -> None:
    accumulator = DeltaAccumulator(max_streams=2)
    for time, name in enumerate("abab"):
        convert(accumulator, sum_request(at(time, time + 1, asInt=1), name=name))
    assert (len(accumulator), accumulator.evicted) == (2, 0)
    convert(accumulator, sum_request(at(10, 11, asInt=1), name="c"))
    assert (len(accumulator), accumulator.evicted) == (2, 1)
    found, _ = convert(accumulator, sum_request(at(10, 11, asInt=1), name="b"))
    assert _rows(found) == [(1, 11, 3)]
    found, _ = convert(accumulator, sum_request(at(10, 11, asInt=1), name="a"))
    assert _rows(found) == [(10, 11, 1)]


def histogram(*points: dict[str, Any], kind: str = "histogram") -> Any:
    return request({"name": "h", kind: {"aggregationTemporality": DELTA, "dataPoints": points}})


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param(
            [
                {"count": 3, "sum": 1.5, "bucketCounts": [1, 2], "explicitBounds": [1], "min": 1},
                {"count": 1, "sum": 0.5, "bucketCounts": [1, 0], "explicitBounds": [1], "max": 2},
            ],
            {"count": "4", "sum": 2.0, "bucketCounts": ["2", "2"], "explicitBounds": [1.0]},
            id="adds up; no min and max if one has none",
        ),
        pytest.param(
            [
                {"count": 3, "min": 1, "max": 2},
                {"count": 1, "min": 0.5, "max": 0.5},
                {"count": 1, "min": 3, "max": 4},
            ],
            {"count": "5", "min": 0.5, "max": 4.0},
            id="min and max of all",
        ),
        pytest.param(
            [{"count": 3, "min": 1, "max": 2}, {"count": 1}, {"count": 1, "min": 3, "max": 4}],
            {"count": "5"},
            id="min and max stay unknown",
        ),
        pytest.param(
            [
                {"count": 3, "sum": 1.5, "bucketCounts": [1, 2], "explicitBounds": [1]},
                {"count": 1, "bucketCounts": [1, 0], "explicitBounds": [1]},
            ],
            {"count": "4", "bucketCounts": ["2", "2"], "explicitBounds": [1.0]},
            id="no sum if one has none",
        ),
        pytest.param(
            [
                {"count": 3, "sum": 1.5, "bucketCounts": [1, 2], "explicitBounds": [1]},
                {"count": 1, "sum": 0.5, "bucketCounts": [1, 0], "explicitBounds": [2]},
            ],
            {"count": "1", "sum": 0.5, "bucketCounts": ["1", "0"], "explicitBounds": [2.0]},
            id="other bounds begin anew",
        ),
        pytest.param([{"count": 1}, {"count": 2}], {"count": "3"}, id="without buckets"),
        pytest.param(
            [{"count": 2**64 - 1}, {"count": 1}],
            {"count": str(2**64 - 1)},
            id="overflow is dropped",
        ),
    ],
)
def test_histograms(points: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    message = histogram(*(at(t, t + 1, **point) for t, point in enumerate(points)))
    assert _last(convert(DeltaAccumulator(), message)[0]) == expected


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param(
            [
                {"count": 4, "sum": 1, "zeroCount": 1, "scale": 2,
                 "positive": {"offset": 2, "bucketCounts": [1, 2]}},
                {"count": 4, "sum": 1, "scale": 1,
                 "positive": {"offset": 0, "bucketCounts": [1]},
                 "negative": {"offset": -1, "bucketCounts": [3]}},
            ],
            {
                "count": "8", "sum": 2.0, "zeroCount": "1", "scale": 1,
                "positive": {"bucketCounts": ["1", "3"]},
                "negative": {"offset": -1, "bucketCounts": ["3"]},
            },
            id="the coarser scale",
        ),
        pytest.param(
            [{"count": 1, "min": 1, "max": 1}, {"count": 1, "min": -2, "max": 0}],
            {"count": "2", "min": -2.0, "max": 1.0, "positive": {}, "negative": {}},
            id="min and max of both",
        ),
        pytest.param(
            [
                {"count": 1, "scale": 8, "positive": {"offset": 0, "bucketCounts": [1]}},
                {"count": 1, "scale": 8, "positive": {"offset": 200, "bucketCounts": [1]}},
            ],
            {"count": "2", "scale": 7,
             "positive": {"bucketCounts": ["1", *["0"] * 99, "1"]}, "negative": {}},
            id="at most 160 buckets",
        ),
        pytest.param(
            [{"count": 1, "zeroThreshold": 0.5}, {"count": 1}],
            {"count": "1", "positive": {}, "negative": {}},
            id="another zero threshold begins anew",
        ),
        pytest.param(
            [
                {"count": 1, "positive": {"offset": -(2**31), "bucketCounts": [1]}},
                {"count": 1, "positive": {"offset": 2**31 - 1, "bucketCounts": [1]}},
            ],
            {"count": "1", "positive": {"offset": -(2**31), "bucketCounts": ["1"]}, "negative": {}},
            id="too far apart is dropped",
        ),
    ],
)  # fmt: skip
def test_exponential_histograms(points: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    message = histogram(
        *(at(t, t + 1, **point) for t, point in enumerate(points)), kind="exponentialHistogram"
    )
    assert _last(convert(DeltaAccumulator(), message)[0]) == expected


def _last(points: list[Any]) -> dict[str, Any]:
    times = ("startTimeUnixNano", "timeUnixNano")
    return {key: value for key, value in MessageToDict(points[-1]).items() if key not in times}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.data())
def test_the_last_value_is_the_sum_of_all(deltas: list[int], data: st.DataObject) -> None:
    """However the points are spread over requests, and whatever was refused in between."""
    accumulator = DeltaAccumulator()
    last, time = math.nan, 0
    while time < len(deltas):
        size = data.draw(st.integers(1, len(deltas) - time))
        points = [at(t, t + 1, asInt=deltas[t]) for t in range(time, time + size)]
        if data.draw(st.booleans()):
            accumulator.convert(sum_request(*points))  # refused
        found, dropped = convert(accumulator, sum_request(*points))
        assert not dropped
        last, time = found[-1].as_int, time + size
    assert last == sum(deltas)


def test_a_full_accumulator_can_refuse_new_streams() -> None:
    accumulator = DeltaAccumulator(max_streams=1, refuse_new_streams=True)
    convert(accumulator, sum_request(at(0, 1, asInt=1)))
    for _ in range(2):
        assert convert(accumulator, sum_request(at(0, 1, asInt=1), name="d")) == ([], {"limit": 1})
    found, _ = convert(accumulator, sum_request(at(1, 2, asInt=1)))
    assert _rows(found) == [(0, 2, 2)]
    both = sum_request(
        at(5, 6, asInt=1, attributes=attributes(a=1)), at(5, 6, asInt=1, attributes=attributes(a=2))
    )
    found, dropped = convert(DeltaAccumulator(max_streams=1, refuse_new_streams=True), both)
    assert (len(found), dropped) == (1, {"limit": 1})


@pytest.mark.parametrize(
    "kind", ["sum", "histogram", "exponentialHistogram"], ids=["sum", "histogram", "exponential"]
)
def test_a_point_that_comes_again_can_get_its_total_again(kind: str) -> None:
    values: dict[str, Any] = {
        "sum": {"asInt": 5},
        "histogram": {"count": 3, "sum": 1.5, "bucketCounts": [1, 2], "explicitBounds": [1]},
        "exponentialHistogram": {"count": 3, "positive": {"offset": 1, "bucketCounts": [3]}},
    }[kind]

    def message(time: int) -> Any:
        data = {"aggregationTemporality": DELTA, "dataPoints": [at(time, time + 1, **values)]}
        return request({"name": "m", kind: data})

    accumulator = DeltaAccumulator(repeat_totals=True)
    first, _ = convert(accumulator, message(0))
    second, _ = convert(accumulator, message(1))
    assert convert(accumulator, message(1)) == (second, {})
    assert convert(accumulator, message(0)) == ([], {"out_of_order": 1})
    third, _ = convert(accumulator, message(2))
    assert first != second != third


def test_silent_streams_can_be_forgotten() -> None:
    accumulator = DeltaAccumulator()
    for now_s, name in ((1.0, "a"), (2.0, "b"), (3.0, "a")):
        points = sum_request(at(int(now_s), int(now_s) + 1, asInt=1), name=name)
        accumulator.convert(points, now_s).commit()
    accumulator.forget(3.0)
    assert len(accumulator) == 1
    found, _ = convert(accumulator, sum_request(at(5, 6, asInt=1), name="a"))
    assert _rows(found) == [(1, 6, 3)]
