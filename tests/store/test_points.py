"""Prometheus series go in as they are, and come out as such."""

import pytest

from belvedere.prometheus.model import (
    STALE,
    Exemplar,
    Metadata,
    MetricType,
    NativeHistogram,
    Series,
    labels_of,
)
from belvedere.prometheus.points import count_points, encode_points
from belvedere.store.database import Database
from belvedere.store.ingest import Door, insert

T0_MS = 1_795_000_000_123

REQUESTS = Series(
    labels_of({"__name__": "http_requests_total", "job": "api", "code": "200"}),
    Metadata("http_requests_total", MetricType.COUNTER, "Requests.", ""),
    samples=[(T0_MS, 1.0), (T0_MS + 15_000, 2.5)],
    exemplars=[Exemplar((("trace_id", "ab" * 16), ("user", "u1")), 0.5, T0_MS)],
)
BUCKET = Series(
    labels_of({"__name__": "latency_seconds_bucket", "le": "0.5"}), samples=[(T0_MS, 3)]
)
NATIVE = Series(
    labels_of({"__name__": "latency_seconds"}),
    histograms=[
        (T0_MS, NativeHistogram(3, 6, 12.5, 1e-128, 1, ((-2, 2), (5, 2)), ((0, 1),), (), 2)),
        (T0_MS + 1, NativeHistogram(-53, 3, 1.5, positive=((0, 3),), custom_values=(0.5, 1))),
    ],
)


@pytest.fixture
def stored(migrated: Database) -> Database:
    data = encode_points([REQUESTS]) + encode_points([BUCKET, NATIVE])
    for _ in range(2):
        insert(migrated, "default", Door.POINTS, data, token="the same twice")
    return migrated


def rows(db: Database, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in db.query(sql).to_pylist()]


def test_samples_keep_their_times_and_values_once(stored: Database) -> None:
    assert rows(
        stored,
        "SELECT name, toUnixTimestamp64Milli(timestamp) AS time, value FROM metric_samples"
        " JOIN (SELECT DISTINCT name, fingerprint FROM metric_series) AS series USING fingerprint"
        " ORDER BY name, time",
    ) == [
        ("http_requests_total", T0_MS, 1.0),
        ("http_requests_total", T0_MS + 15_000, 2.5),
        ("latency_seconds_bucket", T0_MS, 3.0),
    ]


def test_series_have_their_labels_and_metadata(stored: Database) -> None:
    table = stored.query("SELECT name, labels, type, help FROM metric_series FINAL ORDER BY name")
    assert [
        (row["name"], dict(row["labels"]), row["type"], row["help"]) for row in table.to_pylist()
    ] == [
        ("http_requests_total", {"code": "200", "job": "api"}, "counter", "Requests."),
        ("latency_seconds", {}, "", ""),
        ("latency_seconds_bucket", {"le": "0.5"}, "", ""),
    ]


def test_native_histograms_keep_their_buckets(stored: Database) -> None:
    assert rows(
        stored,
        "SELECT schema, count, sum, zero_count, positive_indexes, positive_counts,"
        " negative_indexes, negative_counts, custom_values, CAST(reset_hint AS String) AS hint"
        " FROM metric_histograms ORDER BY timestamp",
    ) == [
        (3, 6.0, 12.5, 1.0, [-2, 5], [2.0, 2.0], [0], [1.0], [], "no"),
        (-53, 3.0, 1.5, 0.0, [0], [3.0], [], [], [0.5, 1.0], "unknown"),
    ]


def test_an_exemplar_says_which_trace(stored: Database) -> None:
    [row] = stored.query("SELECT trace_id, value, labels FROM metric_exemplars").to_pylist()
    assert (row["trace_id"], row["value"], dict(row["labels"])) == ("ab" * 16, 0.5, {"user": "u1"})


def test_a_stale_marker_stays_one(migrated: Database) -> None:
    gone = Series(labels_of({"__name__": "up"}), samples=[(T0_MS, STALE)])
    insert(migrated, "default", Door.POINTS, encode_points([gone]), token="stale")
    assert rows(migrated, "SELECT reinterpretAsUInt64(value) FROM metric_samples") == [
        (0x7FF0000000000002,)
    ]


def test_the_same_labels_are_the_same_series_by_otlp_and_by_points(stored: Database) -> None:
    """A bucket by OTLP is a name with suffix and bound; here the name and labels have it all."""
    stored.execute(
        "INSERT INTO metric_points (name, type, labels, samples) VALUES ('latency_seconds',"
        f" 'histogram', map(), [('_bucket', '0.5', fromUnixTimestamp64Milli({T0_MS}), 3)])"
    )
    assert rows(
        stored, "SELECT uniq(fingerprint) FROM metric_series WHERE name = 'latency_seconds_bucket'"
    ) == [(1,)]


def test_samples_and_histograms_are_counted() -> None:
    assert count_points(encode_points([REQUESTS, BUCKET, NATIVE])) == 5
