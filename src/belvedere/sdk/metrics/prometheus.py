"""`/metrics`: what the SDK counts, as Prometheus reads it. The extra `belvedere[prometheus]`.

Translation is the OpenTelemetry Prometheus exporter's, the text and OpenMetrics formats are
prometheus_client's.
"""

import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.sdk.resources import Resource

from belvedere.installation import install_command
from belvedere.sdk.errors import MissingExtraError
from belvedere.sdk.metrics.multiprocess import DIRECTORY_VARIABLE, Counted, Member
from belvedere.sdk.metrics.overflow import announce_overflow
from belvedere.sdk.metrics.rows import data_of, rows_of

try:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric
except ImportError as error:
    raise MissingExtraError(
        f"/metrics needs two more packages: {install_command('prometheus')}"
    ) from error

_readers: Final[list["PrometheusReader"]] = []


class PrometheusReader(PrometheusMetricReader):
    """A reader of the SDK that `/metrics` shows.

    Each scrape collects once, under a lock: the exporter's own queue would show a series twice
    when two scrapes or a `force_flush` meet.

    With `PROMETHEUS_MULTIPROC_DIR` set it shows all processes (see `multiprocess`).

    Raises:
        OSError: `PROMETHEUS_MULTIPROC_DIR` is no directory that can be made or written to.
    """

    def __init__(self) -> None:
        self._families = CollectorRegistry()
        super().__init__(registry=self._families)
        self._scraping = threading.RLock()
        self._scrape = False
        """A scrape waits for what is being collected."""
        self._data: MetricsData | None = None
        directory = os.environ.get(DIRECTORY_VARIABLE)
        self._member = Member(Path(directory), self._counted) if directory else None
        _readers.append(self)
        _at_fork(self)

    def families(self) -> list[Metric]:
        """Collect now."""
        with self._scraping:
            self._scrape = True
            families = list(self._families.collect())
            if self._scrape and self._member is not None:
                # This process has counted nothing, so that nothing was received; others may have.
                self._receive_metrics(None)
                families = list(self._families.collect())
            self._scrape = False
            return families

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        if self in _readers:
            _readers.remove(self)
            super().shutdown(timeout_millis, **kwargs)
            if self._member is not None:
                self._member.close()

    def _counted(self) -> Counted:
        """What this process counts, for its file."""
        with self._scraping:
            self._data = None
            self.collect()
            return _counted(self._data)

    def _receive_metrics(
        self, metrics_data: MetricsData | None, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        with self._scraping:
            if metrics_data is not None:
                announce_overflow(metrics_data)
            self._data = metrics_data
            if self._scrape:
                self._scrape = False
                if self._member is not None:
                    metrics_data = _data(self._member.of_all(_counted(metrics_data)))
                if metrics_data is not None:
                    super()._receive_metrics(metrics_data, timeout_millis, **kwargs)

    def before_fork(self) -> None:
        """Wait for what is being collected: a child would inherit the SDK's locks as they are."""
        self._scraping.acquire()
        if self._member is not None:
            self._member.before_fork()

    def after_fork_in_parent(self) -> None:
        self._scraping.release()

    def after_fork_in_child(self) -> None:
        self._scraping = threading.RLock()
        if self._member is not None:
            self._member.after_fork_in_child()


def reader() -> MetricReader:
    """The reader to give to a `MeterProvider`; the newest is the one that `/metrics` shows."""
    return PrometheusReader()


def current() -> PrometheusReader | None:
    """The newest reader that was not shut down."""
    return _readers[-1] if _readers else None


def _counted(data: MetricsData | None) -> Counted:
    """The rows, and of the resource what does not change with who is asked."""
    attributes = data.resource_metrics[0].resource.attributes if data else {}
    common = {
        key: value
        for key, value in attributes.items()
        if not key.startswith("process.") and key != "service.instance.id"
    }
    return Counted(rows_of(data), common)


def _data(counted: Counted) -> MetricsData:
    return data_of(counted.rows, Resource(counted.resource))


def _at_fork(made: PrometheusReader) -> None:
    """Have the reader's own hooks called while it is in use."""
    alive = weakref.ref(made)

    def call(method: Callable[[PrometheusReader], None]) -> Callable[[], None]:
        def hook() -> None:
            if (found := alive()) is not None and found in _readers:
                method(found)

        return hook

    os.register_at_fork(
        before=call(PrometheusReader.before_fork),
        after_in_parent=call(PrometheusReader.after_fork_in_parent),
        after_in_child=call(PrometheusReader.after_fork_in_child),
    )
