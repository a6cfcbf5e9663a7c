"""What connectors count. The Collector's names where it has them."""

from typing import Final

from prometheus_client import Counter

from belvedere.internal_telemetry import REGISTRY

_SERVICE_GRAPH: Final = "otelcol_connector_servicegraph_"

DROPPED: Final = {
    signal: Counter(
        f"belvedere_connector_dropped_{items}",
        f"Number of {items.replace('_', ' ')} that the connector neither handed on nor counted.",
        ("connector", "reason"),
        registry=REGISTRY,
    )
    for signal, items in (
        ("traces", "spans"),
        ("metrics", "metric_points"),
        ("logs", "log_records"),
    )
}
"""By signal. Reasons: `no_route`, `no_service_name`."""
LOST_POINTS: Final = Counter(
    "belvedere_connector_lost_metric_points",
    "Number of data points that the connector made and no pipeline accepted.",
    ("connector",),
    registry=REGISTRY,
)
DROPPED_SPANS: Final = Counter(
    f"{_SERVICE_GRAPH}dropped_spans",
    "Number of spans dropped when trying to add edges.",
    registry=REGISTRY,
)
TOTAL_EDGES: Final = Counter(
    f"{_SERVICE_GRAPH}total_edges", "Total number of unique edges.", registry=REGISTRY
)
EXPIRED_EDGES: Final = Counter(
    f"{_SERVICE_GRAPH}expired_edges",
    "Number of edges that expired before finding its matching span.",
    registry=REGISTRY,
)
