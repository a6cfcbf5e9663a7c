"""Metrics requests written down as OTLP/JSON, and series read back as Prometheus writes them."""

from typing import Any
from uuid import uuid4

from metric_messages import (  # noqa: F401 - for the tests beside this, which import all from here
    CUMULATIVE,
    DELTA,
    NO_RECORDED_VALUE,
    attributes,
    request,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert

T_MS = 1_790_000_000_123
T_NS = T_MS * 1_000_000 + 456_789
AT = {"timeUnixNano": T_NS}
STALE_BITS = 0x7FF0000000000002
TABLES = ("metric_samples", "metric_histograms", "metric_exemplars", "metric_series")


def points(**point: Any) -> dict[str, Any]:
    """Data with one point, now."""
    return {"dataPoints": [{**AT, **point}]}


HISTOGRAM = {
    "count": 10,
    "sum": 3.5,
    "bucketCounts": [1, 2, 3, 4],
    "explicitBounds": [1e-9, 0.5, 10],
}


def store(
    db: EmbeddedClickHouse, *requests: ExportMetricsServiceRequest, token: str | None = None
) -> None:
    """Insert the requests as one segment, a new one unless `token` says which."""
    data = b"".join(message.SerializeToString() for message in requests)
    insert(db, "default", Door.METRICS, data, token=token or str(uuid4()))


def series(db: EmbeddedClickHouse) -> dict[str, list[tuple[int, float]]]:
    """All series with their samples: `name{label="value",…}` → (ms, value), in order."""
    rows = db.query(
        """
        SELECT name, labels, arraySort(groupArray((ms, value))) AS samples
        FROM (
            SELECT fingerprint, toUnixTimestamp64Milli(timestamp) AS ms, value FROM metric_samples
        ) AS samples
        ANY LEFT JOIN (SELECT DISTINCT fingerprint, name, labels FROM metric_series) AS series
        USING fingerprint
        GROUP BY fingerprint, name, labels
        """
    ).to_pylist()
    return {
        notation(row["name"], dict(row["labels"])): [tuple(s.values()) for s in row["samples"]]
        for row in rows
    }


def notation(name: str, labels: dict[str, str]) -> str:
    """A series as Prometheus writes it."""
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
