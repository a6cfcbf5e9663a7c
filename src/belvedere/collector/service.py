"""A running Collector: `Service` starts and stops what a configuration describes."""

from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry.trace import Tracer

from belvedere.collector.component import Component
from belvedere.collector.config import CollectorConfig
from belvedere.collector.graph import build_graph, placing
from belvedere.collector.registry import Kind
from belvedere.collector.status import ServiceStatus, State
from belvedere.collector.telemetry.watch import watching

log = structlog.get_logger(__name__)


class Service:
    """The components of one configuration. It is started once; a new start is a new `Service`."""

    def __init__(
        self,
        config: CollectorConfig,
        *,
        services: Mapping[type[Any], Any] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Make and connect the components; nothing listens or connects yet.

        Args:
            config: the validated configuration.
            services: what the process shares with its components, by type (`Host.services`).
            tracer: makes spans of what passes the components; None: no spans.

        Raises:
            ConfigError: a component cannot work with its configuration.
        """
        self._config = config
        self._status = ServiceStatus(config.pipelines, config.extensions)
        shared = {**(services or {}), ServiceStatus: self._status}
        self._graph = build_graph(config, shared, watching(tracer))
        self._stopped = False

    async def start(self) -> None:
        """Start extensions, then what hands batches on after what it hands them to.

        That is exporters first; then connectors and processors, in each pipeline from the last
        to the first; receivers last. So whatever a receiver takes finds its way open. If one
        does not start, everything is shut down again.

        Raises:
            ConfigError: what the configuration asks for cannot be had.
        """
        try:
            for node in self._graph.nodes:
                with placing(self._config, node.kind, node.id):
                    await node.component.start()
        except BaseException:
            await self.shutdown()
            raise
        self._status.become(State.RUNNING)
        log.info("collector_running", pipelines=sorted(self._config.pipelines))

    async def shutdown(self) -> None:
        """Stop in the reverse order: no new data, then what is held is handed on.

        Safe before `start` and when repeated. A component that fails to stop is logged and does
        not keep the others from it.
        """
        if self._stopped:
            return
        self._stopped = True
        self._status.become(State.STOPPING)
        for node in reversed(self._graph.nodes):
            try:
                await node.component.shutdown()
            except Exception:
                log.exception("component_not_stopped", component=f"{node.kind}::{node.id}")

    def component(self, kind: Kind, component_id: str, *, pipeline: str = "") -> Component:
        """A component, for its process to look at. There is one processor for each pipeline.

        Raises:
            KeyError: no pipeline uses it, or several do and `pipeline` does not say which.
        """
        return self._graph.find(kind, component_id, pipeline)
