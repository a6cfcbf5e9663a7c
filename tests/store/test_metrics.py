"""OTLP data points become Prometheus series, in every table of metrics."""

import struct
from typing import Any

import pytest
from metric_requests import (
    AT,
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
    ("metric", "expected"),
    [
        pytest.param(
            {"name": "pool.size", "unit": "By", "gauge": points(asInt=-5)},
            {"pool_size_bytes": -5},
            id="gauge of integers",
        ),
        pytest.param(
            {"name": "load", "unit": "1", "gauge": points(asDouble=0.25)},
            {"load_ratio": 0.25},
            id="gauge of doubles",
        ),
        pytest.param({"name": "g", "gauge": points()}, {"g": 0}, id="point without a value"),
        pytest.param({"name": "g", "gauge": points(asInt=0)}, {"g": 0}, id="zero"),
        pytest.param(
            {
                "name": "g",
                "gauge": points(asInt=1, attributes=attributes(a__b="x", n=1, t=True, d=1.5)),
            },
            {'g{a_b="x",d="1.5",n="1",t="true"}': 1},
            id="attributes of all types",
        ),
        pytest.param(
            {"name": "g", "gauge": points(asInt=1, attributes=attributes(le="a", quantile="b"))},
            {'g{le="a",quantile="b"}': 1},
            id="le and quantile are labels like others",
        ),
        pytest.param(
            {"name": "requests", "sum": {"isMonotonic": True, **points(asInt=7)}},
            {"requests_total": 7},
            id="counter",
        ),
        pytest.param(
            {"name": "active", "sum": points(asDouble=7.5)}, {"active": 7.5}, id="up-down counter"
        ),
        pytest.param(
            {
                "name": "took",
                "unit": "s",
                "histogram": points(**HISTOGRAM, attributes=attributes(a="b", le="own")),
            },
            {
                'took_seconds_bucket{a="b",le="0.000000001"}': 1,
                'took_seconds_bucket{a="b",le="0.5"}': 3,
                'took_seconds_bucket{a="b",le="10"}': 6,
                'took_seconds_bucket{a="b",le="+Inf"}': 10,
                'took_seconds_count{a="b"}': 10,
                'took_seconds_sum{a="b"}': 3.5,
            },
            id="histogram",
        ),
        pytest.param(
            {"name": "h", "histogram": points(count=4)},
            {'h_bucket{le="+Inf"}': 4, "h_count": 4},
            id="histogram without buckets and sum",
        ),
        pytest.param(
            {"name": "h", "histogram": points(count=0, sum=0)},
            {'h_bucket{le="+Inf"}': 0, "h_count": 0, "h_sum": 0},
            id="histogram with a sum of 0",
        ),
        pytest.param(
            {
                "name": "s",
                "summary": points(
                    count=3,
                    sum=4.5,
                    quantileValues=[{"quantile": 0.5, "value": 1}, {"quantile": 1, "value": 2}],
                    attributes=attributes(quantile="own"),
                ),
            },
            {'s{quantile="0.5"}': 1, 's{quantile="1"}': 2, "s_count": 3, "s_sum": 4.5},
            id="summary",
        ),
        pytest.param(
            {"name": "é", "gauge": points(asInt=1)}, {"é": 1}, id="name that cannot be escaped"
        ),
        pytest.param({"name": "g", "gauge": {"dataPoints": []}}, {}, id="metric without points"),
    ],
)
def test_samples(
    metrics_store: EmbeddedClickHouse, metric: dict[str, Any], expected: dict[str, float]
) -> None:
    store(metrics_store, request(metric))
    assert series(metrics_store) == {name: [(T_MS, value)] for name, value in expected.items()}


@pytest.mark.parametrize(
    "metric",
    [
        {"name": "m", "gauge": points(asInt=1, flags=NO_RECORDED_VALUE)},
        {"name": "m", "sum": points(asDouble=1, flags=NO_RECORDED_VALUE)},
        {"name": "m", "histogram": points(**HISTOGRAM, flags=NO_RECORDED_VALUE)},
        {
            "name": "m",
            "summary": points(quantileValues=[{"quantile": 1}], flags=NO_RECORDED_VALUE),
        },
    ],
    ids=lambda metric: next(key for key in metric if key != "name"),
)
def test_no_recorded_value_is_a_stale_marker(
    metrics_store: EmbeddedClickHouse, metric: dict[str, Any]
) -> None:
    """Its bits come through views, codecs, merges and Arrow."""
    store(metrics_store, request(metric))
    metrics_store.execute("OPTIMIZE TABLE metric_samples FINAL")
    values = metrics_store.query("SELECT value FROM metric_samples").column("value")
    assert len(values) > 0
    bits = {struct.unpack("<Q", struct.pack("<d", value))[0] for value in values.to_numpy()}
    assert bits == {STALE_BITS}


def test_kinds_in_one_request_keep_their_points(metrics_store: EmbeddedClickHouse) -> None:
    """Points of all kinds go through the same arrays, and none is taken for another."""
    several = [{"timeUnixNano": T_NS + i * 10**6} for i in range(3)]
    message = request(
        {"name": "s", "summary": {"dataPoints": [{**p, "count": 1} for p in several]}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [{**p, "count": 2} for p in several]}},
        {"name": "g", "gauge": {"dataPoints": [{**p, "asInt": 3} for p in several]}},
        {"name": "h", "histogram": {"dataPoints": [{**p, "count": 4} for p in several]}},
        {"name": "c", "sum": {"dataPoints": [{**p, "asInt": 5} for p in several]}},
    )
    store(metrics_store, message, message)
    times = [T_MS, T_MS, T_MS + 1, T_MS + 1, T_MS + 2, T_MS + 2]
    assert series(metrics_store) == {
        "s_count": [(ms, 1) for ms in times],
        "s_sum": [(ms, 0) for ms in times],
        "g": [(ms, 3) for ms in times],
        "h_count": [(ms, 4) for ms in times],
        'h_bucket{le="+Inf"}': [(ms, 4) for ms in times],
        "c": [(ms, 5) for ms in times],
    }
    counts = metrics_store.query("SELECT count FROM metric_histograms").column("count").to_pylist()
    assert counts == [2] * 6


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            attributes(service__name="api", service__namespace="shop", host__name="h"),
            {'target_info{host_name="h",job="shop/api"}'},
            id="job",
        ),
        pytest.param(
            attributes(service__instance__id="i", host__name="h", host_name="g"),
            {'target_info{host_name="h;g",instance="i"}'},
            id="instance, and colliding attributes",
        ),
        pytest.param(attributes(service__name="api"), set(), id="nothing to tell"),
        pytest.param(attributes(host__name="h"), set(), id="nothing to tell it of"),
    ],
)
def test_target_info(
    metrics_store: EmbeddedClickHouse, resource: list[dict[str, Any]], expected: set[str]
) -> None:
    """One sample a resource and request, with the time of the newest point."""
    newest = {"timeUnixNano": T_NS + 10**9}
    store(
        metrics_store,
        request(
            {"name": "a", "gauge": {"dataPoints": [{**newest, "asInt": 1}, {**AT, "asInt": 1}]}},
            {"name": "b", "histogram": points(count=1)},
            resource=resource,
        ),
    )
    found = {
        name: rows for name, rows in series(metrics_store).items() if name.startswith("target")
    }
    assert found == {name: [(T_MS + 1000, 1)] for name in expected}


def test_resource_and_scope_stand_above_attributes(metrics_store: EmbeddedClickHouse) -> None:
    own = attributes(job="j", instance="i", otel_scope_name="n", otel_scope_version="v")
    store(
        metrics_store,
        request(
            {"name": "g", "gauge": points(asInt=1, attributes=own)},
            resource=attributes(service__name="api"),
            scope={"name": "lib", "attributes": attributes(k="x", name="y")},
            schema_url="url",
        ),
    )
    labels = (
        'instance="i",job="api",otel_scope_k="x",otel_scope_name="lib",'
        'otel_scope_schema_url="url",otel_scope_version="v"'
    )
    assert set(series(metrics_store)) == {f"g{{{labels}}}"}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"gauge": points(asInt=1)}, "gauge"),
        ({"sum": {"isMonotonic": True, **points(asInt=1)}}, "counter"),
        ({"sum": points(asInt=1)}, "gauge"),
        ({"histogram": points(count=1)}, "histogram"),
        ({"exponentialHistogram": points(count=1)}, "histogram"),
        ({"summary": points(count=1)}, "summary"),
        ({"gauge": points(asInt=1), "metadata": attributes(prometheus__type="unknown")}, "unknown"),
        ({"gauge": points(asInt=1), "metadata": attributes(prometheus__type="counter")}, "gauge"),
        ({"sum": points(asInt=1), "metadata": attributes(prometheus__type="info")}, "info"),
    ],
)
def test_metadata(metrics_store: EmbeddedClickHouse, metric: dict[str, Any], expected: str) -> None:
    store(
        metrics_store, request({"name": "m", "unit": "By/s", "description": "It helps.", **metric})
    )
    rows = metrics_store.query("SELECT DISTINCT type, unit, help FROM metric_series").to_pylist()
    assert rows == [{"type": expected, "unit": "bytes_per_second", "help": "It helps."}]


@pytest.mark.parametrize(
    ("time_ns", "expected_ms"),
    [
        (0, 0),
        (1, 0),
        (T_NS, T_MS),
        (4_102_444_800_000_000_000, 4_102_444_800_000),
        (2**63, 4_102_444_800_000),
        (2**64 - 1, 4_102_444_800_000),
    ],
)
def test_absurd_times_never_fail(
    metrics_store: EmbeddedClickHouse, time_ns: int, expected_ms: int
) -> None:
    at = {"timeUnixNano": time_ns}
    store(
        metrics_store,
        request(
            {"name": "g", "gauge": {"dataPoints": [{**at, "asInt": 1}]}},
            {"name": "e", "exponentialHistogram": {"dataPoints": [{**at, "count": 1}]}},
            {"name": "c", "sum": {"dataPoints": [{**at, "exemplars": [at]}]}},
        ),
    )
    for table in ("metric_samples", "metric_histograms", "metric_exemplars"):
        rows = metrics_store.query(
            f"SELECT DISTINCT toUnixTimestamp64Milli(timestamp) AS ms FROM {table}"
        ).to_pylist()
        assert rows == [{"ms": expected_ms}], table


def test_data_of_other_doors_joins_the_same_series(metrics_store: EmbeddedClickHouse) -> None:
    """What a scrape or remote write puts into metric_points has the fingerprints of OTLP."""
    store(
        metrics_store,
        request(
            {"name": "h", "histogram": points(**HISTOGRAM, attributes=attributes(a="b"))},
            {"name": "s", "summary": points(quantileValues=[{"quantile": 0.5, "value": 1}])},
        ),
    )
    before = series(metrics_store)
    later = T_MS / 1000 + 1
    metrics_store.execute(
        f"""
        INSERT INTO metric_points (name, type, labels, samples) VALUES
        ('h_bucket', 'histogram', {{'le': '0.5', 'a': 'b', 'absent': ''}}, [('', '', {later}, 9)]),
        ('h', 'histogram', {{'a': 'b'}},
            [('_bucket', '0.5', {later}, 9), ('_sum', '', {later}, 9)]),
        ('s', 'summary', {{'quantile': '0.5'}}, [('', '', {later}, 9)])
        """
    )
    after = series(metrics_store)
    assert set(after) == set(before)
    added = {name: len(after[name]) - len(before[name]) for name in after}
    assert {name: count for name, count in added.items() if count} == {
        'h_bucket{a="b",le="0.5"}': 2,
        'h_sum{a="b"}': 1,
        's{quantile="0.5"}': 1,
    }
