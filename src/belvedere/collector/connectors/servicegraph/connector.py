"""The connector `service_graph`: requests between services, from the spans of both sides.

After the Collector's connector. A client's span and the server's span below it are one request,
as are those of a producer and a consumer; a client's span that names a database is one by itself.
Spans wait for their pair; those whose time is over are requests from `user`, or to what
`virtual_node_peer_attributes` say. What is different:

- At shutdown, waiting spans are decided as if their time was over, and metrics are handed on.
- `…_unpaired_spans_total` and `…_dropped_spans_total`, which the Collector documents, exist.

Grafana's service graph needs no configuration of this connector if the metrics go through an
exporter that adds units to names (`prometheus`, `prometheusremotewrite`, Belvedere's store); for
one without suffixes, and for its table of span metrics, see the connector `span_metrics`.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

import structlog
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from belvedere.collector.component import Consumer, Host
from belvedere.collector.connectors.aggregation.attributes import (
    by_key,
    first_text,
    service_name,
)
from belvedere.collector.connectors.aggregation.flusher import Flusher
from belvedere.collector.connectors.servicegraph.config import ServiceGraphConfig
from belvedere.collector.connectors.servicegraph.edges import Connection, Edge, Edges
from belvedere.collector.connectors.servicegraph.graph import Graph
from belvedere.collector.connectors.telemetry import (
    DROPPED,
    DROPPED_SPANS,
    EXPIRED_EDGES,
    TOTAL_EDGES,
)
from belvedere.collector.errors import Retryable
from belvedere.collector.fan_out import fan_out
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_STALE_S: Final = 15 * 60.0
"""An edge without requests for so long is forgotten, as in the Collector."""
_CLIENTS: Final[Mapping[int, Connection]] = {
    Span.SPAN_KIND_CLIENT: Connection.UNKNOWN,
    Span.SPAN_KIND_PRODUCER: Connection.MESSAGING,
}
_SERVERS: Final[Mapping[int, Connection]] = {
    Span.SPAN_KIND_SERVER: Connection.UNKNOWN,
    Span.SPAN_KIND_CONSUMER: Connection.MESSAGING,
}

log = structlog.get_logger(__name__)


class _Project:
    """What is known of one project."""

    def __init__(
        self,
        config: ServiceGraphConfig,
        now_ns: Callable[[], int],
        now_s: Callable[[], float],
    ) -> None:
        self.graph = Graph(config, now_ns)
        self.edges = Edges(config.store.ttl, config.store.max_items, now_s, self.expire)
        self._config, self._now_s = config, now_s

    def expire(self, edge: Edge) -> None:
        """Decide about an edge whose other side did not come."""
        EXPIRED_EDGES.inc()
        if self._config.virtual_node_peer_attributes:
            if not edge.client and edge.is_rooted:
                edge.client, edge.virtual = "user", "client"
            elif not edge.server:
                edge.server, edge.virtual = edge.peer or "unknown", "server"
        if edge.is_complete:
            edge.connection = Connection.VIRTUAL
            if not self._config.virtual_node_extra_label:
                edge.virtual = ""
            self.graph.add(edge, self._now_s())
        else:
            self.graph.unpaired(edge)

    def settle(self, edge: Edge) -> None:
        """Count an edge that is complete now; let another one wait."""
        is_new = edge.key not in self.edges
        if edge.is_complete:
            self.edges.remove(edge)
            self.graph.add(edge, self._now_s())
        elif is_new and not self.edges.put(edge):
            DROPPED_SPANS.inc()
            self.graph.dropped(edge)
            return
        if is_new:
            TOTAL_EDGES.inc()


class ServiceGraph:
    """Pairs spans, and counts and times the requests that they are."""

    Config = ServiceGraphConfig
    connects: ClassVar[Mapping[Signal, frozenset[Signal]]] = {
        Signal.TRACES: frozenset({Signal.METRICS})
    }
    acknowledges_early: ClassVar = True

    def __init__(
        self,
        config: ServiceGraphConfig,
        host: Host,
        consumers: Mapping[Signal, Mapping[str, Consumer]],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """A connector that works once it is started.

        Args:
            config: its configuration.
            host: its place.
            consumers: the pipelines of metrics that it begins.
            now_ns: the time of points.
            now_s: the clock of waiting, which only goes forward.
        """
        self._config, self._id = config, host.component_id
        self._now_ns, self._now_s = now_ns, now_s
        self._projects: dict[str, _Project] = {}
        pipelines = list(consumers[Signal.METRICS].values())
        self._flusher = Flusher(host.component_id, fan_out(pipelines), self._collect)
        self._skipped = DROPPED[Signal.TRACES].labels(host.component_id, "no_service_name")
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to hand metrics on, and to give up spans that wait too long."""
        config = self._config
        if config.metrics_exporter:
            log.warning("key_without_effect", component=self._id, key="metrics_exporter")
        self._flusher.start(config.metrics_flush_interval)
        self._loops = [
            asyncio.create_task(_every(config.store_expiration_loop, self.expire)),
            asyncio.create_task(_every(config.cache_loop, self.forget)),
        ]

    async def consume(self, batch: Batch) -> None:
        """Take the batch's spans in; its metrics follow with the next flush.

        Raises:
            Retryable: the connector has stopped.
        """
        if self._flusher.is_stopping:
            raise Retryable(f"{self._id} is shutting down")
        project = self._projects.get(batch.project)
        if project is None:
            project = _Project(self._config, self._now_ns, self._now_s)
            self._projects[batch.project] = project
        message: Any = batch.message
        for entry in message.resource_spans:
            service = service_name(entry.resource)
            if service is None:
                self._skipped.inc(sum(len(scope.spans) for scope in entry.scope_spans))
                continue
            resource = by_key(entry.resource.attributes)
            for scope in entry.scope_spans:
                for span in scope.spans:
                    kind = span.kind
                    if kind in _CLIENTS:
                        self._add_client(project, service, resource, span)
                    elif kind in _SERVERS:
                        self._add_server(project, service, resource, span)
        if not self._config.metrics_flush_interval:
            await self._flusher.flush()

    async def shutdown(self) -> None:
        """Decide about what waits, and hand on what is aggregated, within a bound."""
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops)
            self._loops = []
        for project in self._projects.values():
            for edge in project.edges.drain():
                project.expire(edge)
        await self._flusher.shutdown()

    async def flush(self) -> None:
        """Hand on the metrics of now."""
        await self._flusher.flush()

    def expire(self) -> None:
        """Give up spans that waited too long."""
        for project in self._projects.values():
            project.edges.expire()

    def forget(self) -> None:
        """Forget edges that had no requests for long."""
        for project in self._projects.values():
            project.graph.forget(self._now_s() - _STALE_S)

    def _add_client(
        self, project: _Project, service: str, resource: Mapping[str, AnyValue], span: Any
    ) -> None:
        config, own = self._config, by_key(span.attributes)
        edge = project.edges.find(span.trace_id + span.span_id)
        edge.connection = _CLIENTS[span.kind]
        edge.client, edge.client_s = service, _duration_s(span)
        self._note(edge, "client", resource, own, span)
        edge.peer = first_text(config.virtual_node_peer_attributes, own)
        if database := first_text(config.databases, resource, own):
            # The database sends no span, so this one says it all.
            edge.connection = Connection.DATABASE
            edge.server, edge.server_s = database, edge.client_s
        project.settle(edge)

    def _add_server(
        self, project: _Project, service: str, resource: Mapping[str, AnyValue], span: Any
    ) -> None:
        edge = project.edges.find(span.trace_id + span.parent_span_id)
        edge.connection = _SERVERS[span.kind]
        edge.server, edge.server_s = service, _duration_s(span)
        own = by_key(span.attributes) if self._config.dimensions else {}
        self._note(edge, "server", resource, own, span)
        project.settle(edge)

    def _note(
        self,
        edge: Edge,
        side: str,
        resource: Mapping[str, AnyValue],
        own: Mapping[str, AnyValue],
        span: Any,
    ) -> None:
        edge.failed = edge.failed or span.status.code == Status.STATUS_CODE_ERROR
        for name in self._config.dimensions:
            value = first_text((name,), resource, own)
            if value is not None:
                edge.dimensions[f"{side}_{name}"] = value

    def _collect(self, *, last: bool) -> Iterator[Batch]:
        del last  # totals are the same at the end
        for name, project in self._projects.items():
            batch = Batch.of(Signal.METRICS, project.graph.write(), project=name)
            if batch.items:
                yield batch


def _duration_s(span: Any) -> float:
    duration_ns: int = span.end_time_unix_nano - span.start_time_unix_nano
    return max(duration_ns, 0) / 1e9


async def _every(interval_s: float, call: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        call()
