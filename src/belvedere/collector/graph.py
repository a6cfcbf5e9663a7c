"""The components of a configuration, made and connected: the Collector's `service/internal/graph`.

One receiver for each id, shared by its pipelines; one processor for each pipeline and id; one
exporter for each id, shared by its pipelines.

    receiver ─┬─ traces:   memory_limiter ─ batch ─┬─ exporter a
              │                                    └─ exporter b
              └─ logs:     memory_limiter ────────── exporter b
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from belvedere.collector.component import Component, Consumer, Host
from belvedere.collector.config import CollectorConfig, PipelineSettings
from belvedere.collector.errors import ConfigError
from belvedere.collector.fan_out import fan_out
from belvedere.collector.registry import Kind
from belvedere.otlp.signal import Signal


@dataclass(frozen=True, slots=True)
class Node:
    """One component in its place."""

    kind: Kind
    id: str
    pipeline: str
    """The pipeline's id for a processor; empty for what pipelines share."""
    component: Any


@dataclass(slots=True)
class Graph:
    """All nodes, each one after those that it hands batches to: the order to start them in."""

    nodes: list[Node] = field(default_factory=list)

    def find(self, kind: Kind, component_id: str, pipeline: str = "") -> Component:
        """The component of that place; a processor needs no pipeline where only one has it.

        Raises:
            KeyError: there is none, or there are several.
        """
        found = [
            node.component
            for node in self.nodes
            if (node.kind, node.id) == (kind, component_id)
            and (not pipeline or node.pipeline == pipeline)
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} components are {kind}::{component_id} {pipeline}".strip())
        component: Component = found[0]
        return component


def build_graph(config: CollectorConfig, services: Mapping[type[Any], Any]) -> Graph:
    """Make the components that pipelines use, and connect them. Nothing starts yet.

    Raises:
        ConfigError: a component cannot work with its configuration.
    """
    return _Builder(config, services).build()


class _Builder:
    def __init__(self, config: CollectorConfig, services: Mapping[type[Any], Any]) -> None:
        self._config, self._services = config, services
        self._graph = Graph()
        self._exporters: dict[str, Consumer] = {}

    def build(self) -> Graph:
        pipelines = self._config.pipelines.values()
        for pipeline in pipelines:
            for exporter_id in pipeline.exporters:
                if exporter_id not in self._exporters:
                    self._exporters[exporter_id] = self._make(Kind.EXPORTER, exporter_id)
        entries: dict[str, dict[Signal, list[Consumer]]] = {}
        for pipeline in pipelines:
            entry = self._processors(pipeline)
            for receiver_id in pipeline.receivers:
                entries.setdefault(receiver_id, {}).setdefault(pipeline.signal, []).append(entry)
        for receiver_id, by_signal in entries.items():
            consumers = {signal: fan_out(several) for signal, several in by_signal.items()}
            self._make(Kind.RECEIVER, receiver_id, consumers)
        return self._graph

    def _processors(self, pipeline: PipelineSettings) -> Consumer:
        """The pipeline from its last processor to its first, which is the entry to it."""
        entry = fan_out([self._exporters[exporter_id] for exporter_id in pipeline.exporters])
        for processor_id in reversed(pipeline.processors):
            entry = self._make(Kind.PROCESSOR, processor_id, entry, pipeline=pipeline.id)
        return entry

    def _make(self, kind: Kind, component_id: str, *hands_to: Any, pipeline: str = "") -> Any:
        settings = self._config.components[kind][component_id]
        host = Host(component_id, self._services)
        with placing(self._config, kind, component_id):
            component = settings.component(settings.config, host, *hands_to)
        self._graph.nodes.append(Node(kind, component_id, pipeline, component))
        return component


@contextmanager
def placing(config: CollectorConfig, kind: Kind, component_id: str) -> Iterator[None]:
    """Give a `ConfigError` that names no file the file and line of its key, or of its component."""
    try:
        yield
    except ConfigError as error:
        if error.file:
            raise
        path = tuple(error.key.split("::")) if error.key else (kind, component_id)
        raise config.tree.error(path, error.message, error.hint) from error
