"""What the store holds of a request is what the Prometheus exporters send of it."""

import struct

from metric_requests import notation, series, store
from otlp_metrics import STALE_FLAG, Metrics, all_kinds

from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.model import NAME
from belvedere.store.embedded import EmbeddedClickHouse


def bits(value: float) -> bytes:
    """A value that a stale marker is equal to itself in."""
    return struct.pack("<d", value)


def test_the_samples_are_the_same(migrated: EmbeddedClickHouse) -> None:
    odd = Metrics(
        {"service.name": "odd", "2nd": "x", "a.b": "1", "a_b": "2"},
        scope="lib",
        time_ms=1_790_000_000_123,
    )
    odd.gauge("2xx", 1, "1", le="kept", job="not mine")
    odd.histogram("h", [1, 2], [1e-9], None, le="taken")
    odd.summary("s", 1, 1.0, {0.999: 2.0}, quantile="taken")
    odd.sum("gone", 1).flags = STALE_FLAG
    requests = [all_kinds(1_790_000_000_000).request, odd.request]
    store(migrated, *requests)
    stored = {
        name: [(time_ms, bits(value)) for time_ms, value in samples]
        for name, samples in series(migrated).items()
    }
    exported = {
        notation(each.name, {n: v for n, v in each.labels if n != NAME}): [
            (time_ms, bits(value)) for time_ms, value in each.samples
        ]
        for request in requests
        for each in series_of(translate(request, Translation()).points)
        if each.samples
    }
    assert stored == exported
