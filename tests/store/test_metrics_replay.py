"""A segment that is inserted again adds nothing twice, however far it came the first time."""

import time

import pytest
from metric_requests import TABLES, request, series, store
from metric_segment import EXPECTED, contents, segment

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrations

VIEWS = (
    "metric_samples_mv",
    "metric_histograms_mv",
    "metric_exemplars_mv",
    "metric_series_mv",
    "otlp_metrics_unnested_mv",
)


def test_same_token_again(metrics_store: EmbeddedClickHouse) -> None:
    message = segment(time.time_ns())
    store(metrics_store, message, token="again")
    assert contents(metrics_store) == EXPECTED
    before = series(metrics_store)
    store(metrics_store, message, token="again")
    assert contents(metrics_store) == EXPECTED
    assert series(metrics_store) == before


def test_another_token_is_other_data(metrics_store: EmbeddedClickHouse) -> None:
    message = segment(time.time_ns())
    store(metrics_store, message, token="one")
    store(metrics_store, message, token="two")
    twice = {table: 2 * rows for table, rows in EXPECTED.items()}
    assert contents(metrics_store) == {**twice, "metric_series": EXPECTED["metric_series"]}


@pytest.mark.parametrize("missing", VIEWS)
def test_after_a_first_attempt_without(metrics_store: EmbeddedClickHouse, missing: str) -> None:
    """Stands for a crash before this view's table had its data: the view is made afterwards."""
    message = segment(time.time_ns())
    metrics_store.execute(f"DROP VIEW {missing}")
    store(metrics_store, message, token=missing)
    assert contents(metrics_store) != EXPECTED
    for migration in migrations():
        for statement in migration.statements:
            if f" {missing} " in statement:
                metrics_store.execute(statement)
    store(metrics_store, message, token=missing)
    assert contents(metrics_store) == EXPECTED


@pytest.mark.parametrize("table", TABLES[:3])
def test_after_a_first_attempt_that_reached_one_day(
    metrics_store: EmbeddedClickHouse, table: str
) -> None:
    """Stands for a crash between the parts of two partitions of one insert."""
    now_ns = time.time_ns()
    message = segment(now_ns)
    store(metrics_store, message, token=f"day-{table}")
    day = time.strftime("%Y-%m-%d", time.gmtime(now_ns // 10**9))
    metrics_store.execute(f"ALTER TABLE {table} DROP PARTITION '{day}'")
    assert contents(metrics_store) != EXPECTED
    store(metrics_store, message, token=f"day-{table}")
    assert contents(metrics_store) == EXPECTED


def test_a_series_is_written_once_an_hour(metrics_store: EmbeddedClickHouse) -> None:
    """And again in the next one: its row then tells of both."""
    hour_ns = 3_600_000_000_000
    this_hour_ns = time.time_ns() // hour_ns * hour_ns
    this_hour_s = this_hour_ns // 10**9
    seen = []
    metrics_store.execute("SYSTEM STOP MERGES metric_series")
    for offset_ns in (-hour_ns // 2, 0, 1, hour_ns - 1):
        at = {"timeUnixNano": this_hour_ns + offset_ns}
        store(metrics_store, request({"name": "g", "gauge": {"dataPoints": [at]}}))
        row = metrics_store.query(
            "SELECT count() AS rows, toUnixTimestamp(min(first_seen)) AS first,"
            " toUnixTimestamp(max(last_seen)) AS last FROM metric_series"
        ).to_pylist()[0]
        seen.append((row["rows"], row["first"] - this_hour_s, row["last"] - this_hour_s))
    metrics_store.execute("SYSTEM START MERGES metric_series")
    assert seen == [(1, -3600, -3600), (2, -3600, 0), (2, -3600, 0), (2, -3600, 0)]
