"""Exponential histograms become native histograms, and exemplars find their series."""

import base64
import math
from typing import Any

import pytest
from metric_requests import (
    HISTOGRAM,
    NO_RECORDED_VALUE,
    STALE_BITS,
    T_MS,
    T_NS,
    attributes,
    points,
    request,
    series,
    store,
)

from belvedere.store.embedded import EmbeddedClickHouse


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param(
            {
                "count": 12,
                "sum": 3.5,
                "scale": 3,
                "zeroCount": 1,
                "positive": {"offset": -2, "bucketCounts": [1, 0, 4]},
                "negative": {"offset": 5, "bucketCounts": [6]},
            },
            {
                "schema": 3,
                "zero_threshold": 1e-128,
                "zero_count": 1.0,
                "count": 12.0,
                "sum": 3.5,
                "positive_indexes": [-1, 1],
                "positive_counts": [1.0, 4.0],
                "negative_indexes": [6],
                "negative_counts": [6.0],
                "custom_values": [],
                "reset_hint": 0,
            },
            id="buckets",
        ),
        pytest.param(
            {"zeroThreshold": 0.25, "scale": -4},
            {"schema": -4, "zero_threshold": 0.25, "sum": 0.0, "positive_indexes": []},
            id="empty",
        ),
        pytest.param(
            {"positive": {"offset": 2**31 - 1, "bucketCounts": [1, 1]}},
            {"positive_indexes": [-(2**31), -(2**31) + 1]},
            id="absurd offset does no harm",
        ),
    ],
)
def test_native_histograms(
    metrics_store: EmbeddedClickHouse, point: dict[str, Any], expected: dict[str, Any]
) -> None:
    store(
        metrics_store, request({"name": "e", "unit": "s", "exponentialHistogram": points(**point)})
    )
    row, *others = metrics_store.query(
        """
        SELECT name, type, unit, toUnixTimestamp64Milli(timestamp) AS ms, metric_histograms.*
        FROM metric_histograms INNER JOIN metric_series USING fingerprint
        """
    ).to_pylist()
    assert not others
    assert row["name"] == "e_seconds"
    assert (row["type"], row["unit"], row["ms"]) == ("histogram", "seconds", T_MS)
    assert {key: row[key] for key in expected} == expected
    assert series(metrics_store) == {}


def test_stale_native_histogram(metrics_store: EmbeddedClickHouse) -> None:
    point = points(count=1, sum=2.0, flags=NO_RECORDED_VALUE)
    store(metrics_store, request({"name": "e", "exponentialHistogram": point}))
    found = metrics_store.query(
        "SELECT reinterpretAsUInt64(sum) AS s, reinterpretAsUInt64(count) AS c"
        " FROM metric_histograms"
    ).to_pylist()
    assert found == [{"s": STALE_BITS, "c": STALE_BITS}]


@pytest.mark.parametrize("scale", [-5, 9, 2**31 - 1, -(2**31)])
def test_scales_that_prometheus_has_not_are_left_out(
    metrics_store: EmbeddedClickHouse, scale: int
) -> None:
    """The normalizer brings them down; what slips by must not become wrong data."""
    store(
        metrics_store, request({"name": "e", "exponentialHistogram": points(count=1, scale=scale)})
    )
    assert metrics_store.query("SELECT count() AS n FROM metric_histograms").to_pylist() == [
        {"n": 0}
    ]


TRACE_ID, SPAN_ID = bytes(range(16)), bytes(range(8))
EXEMPLAR = {
    "timeUnixNano": T_NS + 5_000_000,
    "asDouble": 0.5,
    "traceId": base64.b64encode(TRACE_ID).decode(),
    "spanId": base64.b64encode(SPAN_ID).decode(),
    "filteredAttributes": attributes(user__id=7),
}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            {"histogram": points(**HISTOGRAM, exemplars=[EXEMPLAR])},
            [("m_bucket", "0.5", 0.5, T_MS + 5)],
            id="bucket of the value",
        ),
        pytest.param(
            {"histogram": points(**HISTOGRAM, exemplars=[{"asInt": 11}, {"asDouble": "NaN"}])},
            [("m_bucket", "+Inf", 11, T_MS), ("m_bucket", "+Inf", math.nan, T_MS)],
            id="last bucket, and time of the point",
        ),
        pytest.param(
            {"histogram": points(count=1, exemplars=[{"asInt": 1}])},
            [("m_bucket", "+Inf", 1, T_MS)],
            id="histogram without buckets",
        ),
        pytest.param(
            {"sum": {"isMonotonic": True, **points(asInt=1, exemplars=[EXEMPLAR])}},
            [("m_total", None, 0.5, T_MS + 5)],
            id="counter",
        ),
        pytest.param(
            {"exponentialHistogram": points(count=1, exemplars=[EXEMPLAR])},
            [("m", None, 0.5, T_MS + 5)],
            id="native histogram",
        ),
        pytest.param({"gauge": points(asInt=1, exemplars=[EXEMPLAR])}, [], id="not of gauges"),
    ],
)
def test_exemplars_belong_to_a_series(
    metrics_store: EmbeddedClickHouse, data: dict[str, Any], expected: list[Any]
) -> None:
    store(metrics_store, request({"name": "m", **data}))
    rows = metrics_store.query(
        """
        SELECT name, metric_series.labels AS labels, value, toUnixTimestamp64Milli(timestamp) AS ms,
            trace_id, span_id, metric_exemplars.labels AS own
        FROM metric_exemplars INNER JOIN metric_series USING fingerprint
        """
    ).to_pylist()
    found = [(row["name"], dict(row["labels"]).get("le"), row["value"], row["ms"]) for row in rows]
    assert sorted(map(str, found)) == sorted(map(str, map(_with_float, expected)))
    for row in rows:
        if row["trace_id"]:
            assert (row["trace_id"], row["span_id"]) == (TRACE_ID.hex(), SPAN_ID.hex())
            assert dict(row["own"]) == {"user.id": "7"}


def _with_float(row: tuple[str, str | None, float, int]) -> tuple[str, str | None, float, int]:
    return row[0], row[1], float(row[2]), row[3]
