"""A segment with metrics of all kinds, and what it comes to in the tables."""

from metric_requests import HISTOGRAM, TABLES, attributes, request
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from belvedere.store.embedded import EmbeddedClickHouse

DAY_NS = 86_400_000_000_000


def segment(now_ns: int) -> ExportMetricsServiceRequest:
    """All kinds, on two days."""
    times = [{"timeUnixNano": now_ns - DAY_NS}, {"timeUnixNano": now_ns}]
    return request(
        {"name": "g", "gauge": {"dataPoints": [{**at, "asInt": 1} for at in times]}},
        {
            "name": "c",
            "sum": {
                "dataPoints": [{**at, "asInt": 1, "exemplars": [{"asInt": 1}]} for at in times]
            },
        },
        {"name": "h", "histogram": {"dataPoints": [{**at, **HISTOGRAM} for at in times]}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [{**at, "count": 1} for at in times]}},
        {"name": "s", "summary": {"dataPoints": [{**at, "count": 1} for at in times]}},
        resource=attributes(service__name="api", host__name="h"),
    )


def contents(db: EmbeddedClickHouse) -> dict[str, int]:
    """Rows of each table; of series, after merges."""
    return {
        table: db.query(f"SELECT count() AS n FROM {table} {'FINAL' * (table == 'metric_series')}")
        .column("n")[0]
        .as_py()
        for table in TABLES
    }


EXPECTED = {
    # gauge, sum, summary (2), histogram (3 bounds, +Inf, sum, count); target_info has one time
    "metric_samples": 2 * (1 + 1 + 2 + 6) + 1,
    "metric_histograms": 2,
    "metric_exemplars": 2,
    "metric_series": 1 + 1 + 2 + 6 + 1 + 1,
}
