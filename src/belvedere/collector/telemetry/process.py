"""The process, in the Collector's own metrics."""

import time
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from belvedere.collector.own_process import OWN_PROCESS


class ProcessMetrics:
    """`otelcol_process_…`, read when they are asked for. To be registered with a registry."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """The metrics now."""
        with OWN_PROCESS.oneshot():
            times, memory = OWN_PROCESS.cpu_times(), OWN_PROCESS.memory_info()
        yield CounterMetricFamily(
            "otelcol_process_uptime",
            "Uptime of the process, in seconds.",
            value=time.monotonic() - self._started_s,
        )
        yield CounterMetricFamily(
            "otelcol_process_cpu_seconds",
            "Total CPU user and system time, in seconds.",
            value=times.user + times.system,
        )
        yield GaugeMetricFamily(
            "otelcol_process_memory_rss",
            "Total physical memory (resident set size), in bytes.",
            value=memory.rss,
        )
