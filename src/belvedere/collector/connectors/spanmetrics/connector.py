"""The connector `span_metrics`: requests, errors and durations, from spans.

After the Collector's connector of version 0.159. What is different:

- At shutdown, what is aggregated is handed on; the Collector's drops it. Metrics that a pipeline
  asks to have again are not lost either.
- Without `add_resource_attributes`, the resources of a service are one. (In the Collector, they
  write the same series with different values.)
- Series of what expires, or goes beyond a limit, show their value before they end.
- The exemplars of a span have its end as their time.

Names and labels can be those of Tempo's metrics generator, which Grafana's service graph asks
for. This, with `service_graph` as it is and scraped without suffixes of our own, serves it:

    connectors:
      span_metrics:
        namespace: traces_spanmetrics
        metric_names: {calls: calls_total, duration: latency}
        dimension_names: {service.name: service}
        histogram: {unit: s}
      service_graph:
        metric_names: {request_server: request_server_seconds,
                       request_client: request_client_seconds}
    exporters:
      prometheus: {endpoint: 0.0.0.0:8889, add_metric_suffixes: false}

which gives `traces_spanmetrics_calls_total`, `traces_spanmetrics_latency_bucket{service,
span_name, span_kind, status_code}`, `traces_service_graph_request_total{client, server}` and
`traces_service_graph_request_server_seconds_bucket`.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import structlog

from belvedere.collector.component import Consumer, Host
from belvedere.collector.connectors.aggregation.flusher import Flusher
from belvedere.collector.connectors.spanmetrics.aggregator import Aggregator
from belvedere.collector.connectors.spanmetrics.config import SpanMetricsConfig
from belvedere.collector.connectors.spanmetrics.dimensions import Writer
from belvedere.collector.connectors.spanmetrics.output import Output
from belvedere.collector.connectors.spanmetrics.weights import Weights
from belvedere.collector.connectors.telemetry import DROPPED
from belvedere.collector.errors import Retryable
from belvedere.collector.fan_out import fan_out
from belvedere.collector.telemetry.instance import INSTANCE_ID
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)


class SpanMetrics:
    """Counts the spans of each service, name, kind and status, and observes their durations."""

    Config = SpanMetricsConfig
    connects: ClassVar[Mapping[Signal, frozenset[Signal]]] = {
        Signal.TRACES: frozenset({Signal.METRICS})
    }
    acknowledges_early: ClassVar = True

    def __init__(
        self,
        config: SpanMetricsConfig,
        host: Host,
        consumers: Mapping[Signal, Mapping[str, Consumer]],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        now_s: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """A connector that flushes once it is started.

        Args:
            config: its configuration.
            host: its place.
            consumers: the pipelines of metrics that it begins.
            now_ns: the time of points.
            now_s: the clock of expirations, which only goes forward.
            draw: numbers from 0 up to 1, to round the weights of sampled spans.
        """
        self._config, self._id = config, host.component_id
        self._now_ns, self._now_s = now_ns, now_s
        self._weights = Weights(draw)
        self._writer = Writer(config, INSTANCE_ID)
        self._projects: dict[str, tuple[Aggregator, Output]] = {}
        pipelines = list(consumers[Signal.METRICS].values())
        self._flusher = Flusher(host.component_id, fan_out(pipelines), self._collect)
        self._skipped = DROPPED[Signal.TRACES].labels(host.component_id, "no_service_name")

    async def start(self) -> None:
        """Begin to hand metrics on, every `metrics_flush_interval`."""
        if self._config.dimensions_cache_size is not None:
            log.warning(
                "key_without_effect",
                component=self._id,
                key="dimensions_cache_size",
                instead="aggregation_cardinality_limit",
            )
        self._flusher.start(self._config.metrics_flush_interval)

    async def consume(self, batch: Batch) -> None:
        """Count the batch's spans; its metrics follow with the next flush.

        Raises:
            Retryable: the connector has stopped.
        """
        if self._flusher.is_stopping:
            raise Retryable(f"{self._id} is shutting down")
        aggregator, _ = self._project(batch.project)
        if skipped := aggregator.add(batch.message, self._now_ns(), self._now_s()):
            self._skipped.inc(skipped)

    async def flush(self) -> None:
        """Hand on the metrics of now."""
        await self._flusher.flush()

    async def shutdown(self) -> None:
        """Hand on what is aggregated, within a bound."""
        await self._flusher.shutdown()

    def _project(self, name: str) -> tuple[Aggregator, Output]:
        if name not in self._projects:
            aggregator = Aggregator(self._config, self._weights, self._writer)
            self._projects[name] = aggregator, Output(self._config)
        return self._projects[name]

    def _collect(self, *, last: bool) -> Iterator[Batch]:
        for name, (aggregator, output) in self._projects.items():
            request = output.write(aggregator, self._now_ns(), self._now_s(), last=last)
            batch = Batch.of(Signal.METRICS, request, project=name)
            if batch.items:
                yield batch
