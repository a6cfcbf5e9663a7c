"""The process, in the Collector's own metrics."""

import time
from collections.abc import Iterator

import psutil
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


class ProcessMetrics:
    """`otelcol_process_…`, read when they are asked for. To be registered with a registry."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._started_s = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """The metrics now."""
        with self._process.oneshot():
            times, memory = self._process.cpu_times(), self._process.memory_info()
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
