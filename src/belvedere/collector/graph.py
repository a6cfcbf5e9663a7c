"""The components of a configuration, made and connected: the Collector's `service/internal/graph`.

One receiver for each id, shared by its pipelines; one processor for each pipeline and id; one
exporter for each id, shared by its pipelines; one connector for each id, at the end of some
pipelines and at the beginning of others.

    receiver ─┬─ traces:   memory_limiter ─ batch ─┬─ exporter a
              │                                    ├─ exporter b
              │              ┌─────────────────────┴─ connector
              │              └─ metrics: batch ────── exporter c
              └─ logs:     memory_limiter ─────────── exporter b
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from belvedere.collector.component import Component, Consumer, Host
from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import ConfigError
from belvedere.collector.fan_out import fan_out
from belvedere.collector.pipelines import PipelineSettings
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


@dataclass(frozen=True, slots=True)
class Place:
    """What stands behind a consumer that may be watched."""

    kind: Kind
    id: str
    signal: Signal | None = None
    """Of the pipeline; None for what pipelines share."""
    leaves: bool = False
    """What comes out of a processor, rather than what goes into it."""


Watch = Callable[[Place, Consumer], Consumer]

_Exporters = tuple[Component, ...]


@dataclass(slots=True)
class Graph:
    """All nodes, each one after those that it hands batches to: the order to start them in."""

    nodes: list[Node] = field(default_factory=list)
    extensions: dict[str, Component] = field(default_factory=dict)
    """By their ids; they are nodes, too."""

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


def build_graph(
    config: CollectorConfig,
    services: Mapping[type[Any], Any],
    watch: Watch = lambda _place, consumer: consumer,
) -> Graph:
    """Make the extensions, and the components that pipelines use, and connect them.

    Nothing starts yet.

    Args:
        config: the validated configuration.
        services: what the process shares with its components.
        watch: puts something before each consumer, to count or trace what it takes.

    Raises:
        ConfigError: a component cannot work with its configuration.
    """
    return _Builder(config, services, watch).build()


class _Builder:
    def __init__(
        self, config: CollectorConfig, services: Mapping[type[Any], Any], watch: Watch
    ) -> None:
        self._config, self._services, self._watch = config, services, watch
        self._graph = Graph()
        self._ends: dict[str, Consumer] = {}
        """Exporters and connectors, by their ids."""
        self._entries: dict[str, Consumer] = {}
        """Pipelines, by their ids."""
        self._leads_to: dict[Consumer, _Exporters] = {}
        """Of what is in the two above, see `Host.leads_to`."""

    def build(self) -> Graph:
        config = self._config
        for extension_id in config.extensions:
            self._graph.extensions[extension_id] = self._make(Kind.EXTENSION, extension_id)
        pipelines = config.pipelines.values()
        for pipeline in pipelines:
            for exporter_id in pipeline.exporters:
                if exporter_id in config.components[Kind.EXPORTER]:
                    self._end(exporter_id)
        entries: dict[str, dict[Signal, list[Consumer]]] = {}
        for pipeline in pipelines:
            entry = self._entry(pipeline)
            for receiver_id in pipeline.receivers:
                if receiver_id in config.components[Kind.RECEIVER]:
                    by_signal = entries.setdefault(receiver_id, {})
                    by_signal.setdefault(pipeline.signal, []).append(entry)
        for receiver_id, by_signal in entries.items():
            consumers = {
                signal: self._watch(Place(Kind.RECEIVER, receiver_id, signal), fan_out(several))
                for signal, several in by_signal.items()
            }
            self._make(Kind.RECEIVER, receiver_id, consumers)
        return self._graph

    def _entry(self, pipeline: PipelineSettings) -> Consumer:
        """The way into a pipeline, made from its last processor to its first."""
        if pipeline.id not in self._entries:
            ends = [self._end(exporter_id) for exporter_id in pipeline.exporters]
            entry, leads_to = fan_out(ends), self._together(ends)
            for processor_id in reversed(pipeline.processors):
                place = Place(Kind.PROCESSOR, processor_id, pipeline.signal)
                after = self._watch(replace(place, leaves=True), entry)
                processor = self._make(
                    Kind.PROCESSOR, processor_id, after, pipeline=pipeline.id, leads_to=leads_to
                )
                entry, leads_to = self._watch(place, processor), _before(processor, leads_to)
            self._entries[pipeline.id] = entry
            self._leads_to[entry] = leads_to
        return self._entries[pipeline.id]

    def _end(self, component_id: str) -> Consumer:
        """An exporter, or a connector with the pipelines behind it."""
        if component_id not in self._ends:
            connectors = self._config.components[Kind.CONNECTOR]
            if component_id not in connectors:
                exporter = self._make(Kind.EXPORTER, component_id)
                end = self._watch(Place(Kind.EXPORTER, component_id), exporter)
                leads_to: _Exporters = (exporter,)
            else:
                consumers: dict[Signal, dict[str, Consumer]] = {}
                for pipeline in self._config.pipelines.values():
                    if component_id in pipeline.receivers:
                        entry = self._entry(pipeline)
                        consumers.setdefault(pipeline.signal, {})[pipeline.id] = entry
                connector = self._make(Kind.CONNECTOR, component_id, consumers)
                end = self._watch(Place(Kind.CONNECTOR, component_id), connector)
                entries = [entry for each in consumers.values() for entry in each.values()]
                leads_to = _before(connector, self._together(entries))
            self._ends[component_id] = end
            self._leads_to[end] = leads_to
        return self._ends[component_id]

    def _together(self, consumers: Iterable[Consumer]) -> _Exporters:
        """What several consumers lead to, each exporter once."""
        return tuple(dict.fromkeys(each for way in consumers for each in self._leads_to[way]))

    def _make(
        self,
        kind: Kind,
        component_id: str,
        *hands_to: Any,
        pipeline: str = "",
        leads_to: _Exporters = (),
    ) -> Any:
        settings = self._config.components[kind][component_id]
        host = Host(component_id, self._services, self._graph.extensions, pipeline, leads_to)
        with placing(self._config, kind, component_id):
            component = settings.component(settings.config, host, *hands_to)
        self._graph.nodes.append(Node(kind, component_id, pipeline, component))
        return component


def _before(component: Any, leads_to: _Exporters) -> _Exporters:
    """What leads to a processor or connector leads to what is behind it, unless it breaks that."""
    return () if getattr(component, "acknowledges_early", False) else leads_to


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
