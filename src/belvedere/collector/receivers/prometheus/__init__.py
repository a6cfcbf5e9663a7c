"""`prometheus`: scrapes targets as Prometheus does, by its own configuration.

    discovery ─ targets (relabelled) ─ a loop each: GET, parse, relabel ─ OTLP metrics

After contrib's `prometheusreceiver`.
"""

from belvedere.collector.receivers.prometheus.receiver import PrometheusReceiver

__all__ = ["PrometheusReceiver"]
