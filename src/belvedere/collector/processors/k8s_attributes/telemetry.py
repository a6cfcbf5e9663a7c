"""What the processor counts, under the Collector's names."""

from typing import Final

from prometheus_client import Counter, Gauge

from belvedere.internal_telemetry import REGISTRY

_PREFIX: Final = "otelcol_otelsvc_k8s_"


def _counter(name: str, text: str) -> Counter:
    return Counter(_PREFIX + name, text, registry=REGISTRY)


LOOKUP_MISS: Final = _counter("ip_lookup_miss", "Number of times pod by IP lookup failed.")
POD_ADDED: Final = _counter("pod_added", "Number of pod add events received.")
POD_UPDATED: Final = _counter("pod_updated", "Number of pod update events received.")
POD_DELETED: Final = _counter("pod_deleted", "Number of pod delete events received.")
POD_TABLE_SIZE: Final = Gauge(
    _PREFIX + "pod_table_size", "Size of table containing pod info.", registry=REGISTRY
)
